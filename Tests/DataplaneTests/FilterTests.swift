// Filter rules in the switch: what hides from them, and where they stand.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

/// TCP to port 23 over IPv6, behind some empty destination options headers; `first` begins a fragment.
private func telnet(options count: Int, isFirstFragment: Bool = false) -> [UInt8] {
  var next = IPProtocol.tcp
  var payload: [UInt8] = [0, 99, 0, 23] + [UInt8](repeating: 0, count: 16)
  payload[12] = 0x50
  for _ in 0..<count {
    payload = [next.rawValue, 0, 1, 4, 0, 0, 0, 0] + payload
    next = .destinationOptions
  }
  if isFirstFragment {
    payload = [next.rawValue, 0, 0, 1, 0, 0, 0, 1] + payload
    next = .fragment
  }
  var header = [UInt8](repeating: 0, count: 40)
  header.withMutableRawSpan { span in
    _ = IPv6Header(
      source: IPv6Address(high: 0xFD00 << 48, low: 1),
      destination: IPv6Address(high: 0xFD00 << 48, low: 2), nextHeader: next,
      payloadBytes: payload.count
    ).emit(into: &span)
  }
  return frame(from: mac(2), to: mac(3), etherType: 0x86DD, payloadBytes: 0) + header + payload
}

@Suite struct FilterTests {
  private static func filtered(_ rule: FilterRule) -> TestNetwork {
    let net = TestNetwork(vms: [vm(vlan: 7), vm(vlan: 7)])
    net.ruleSets = [[rule]]
    net.ports[2].ingressRules = 1
    net.apply(revision: 2)
    return net
  }

  private static var noTelnet: FilterRule {
    var rule = FilterRule(.drop)
    rule.protocol = .tcp
    rule.destinationPorts = [23...23]
    return rule
  }

  @Test(arguments: [0, 1, 7, 8, 9, 60], [false, true])
  func extensionHeadersHideNothing(count: Int, isFirstFragment: Bool) {
    let net = Self.filtered(Self.noTelnet)
    for _ in 0..<3 {
      #expect(net.send(telnet(options: count, isFirstFragment: isFirstFragment), at: 2) == [])
    }
    #expect(net.drops(.ingressFilter, at: 2) == 3)
  }

  @Test func aHeaderThatIsCutOffHidesNothing() {
    let net = Self.filtered(Self.noTelnet)
    #expect(net.send(Array(telnet(options: 2).prefix(14 + 40 + 12)), at: 2) == [])
  }

  @Test func whatNoRuleAsksForNeedNotBeRead() {
    var rule = FilterRule(.drop)
    rule.destinationMAC = FilterRule.MACMatch(mac(9), mask: .broadcast)
    let net = Self.filtered(rule)
    #expect(net.send(telnet(options: 9), at: 2) == [Sent(3)])
  }

  /// The filter stands before the shaper and behind the check of the source.
  @Test func aForgedFrameIsNotAskedAbout() {
    var rule = FilterRule(.drop)
    rule.etherType = EtherType(rawValue: 0x88B5)
    let net = Self.filtered(rule)
    #expect(net.send(frame(from: mac(9), to: mac(3)), at: 2) == [])
    #expect(net.drops(.forgedTransmit, at: 2) == 1 && net.drops(.ingressFilter, at: 2) == 0)
    #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [])
    #expect(net.drops(.ingressFilter, at: 2) == 1)
  }
}
