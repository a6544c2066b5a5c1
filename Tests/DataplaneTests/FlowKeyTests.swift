// The key of a frame: each header where it is, what is cut off missing, no bytes that trap.

import Base
import Dataplane
import Tables
import Testing
import Wire

private let firstMAC = MACAddress(rawValue: 0x0050_5600_0001)
private let secondMAC = MACAddress(rawValue: 0x0050_5600_0002)
private let firstV4 = IPv4Address(10, 0, 10, 1)
private let secondV4 = IPv4Address(10, 0, 10, 2)
private let firstV6 = IPv6Address(high: 0xFD00_0010 << 32, low: 1)
private let secondV6 = IPv6Address(high: 0xFD00_0010 << 32, low: 2)

private func bytes(_ count: Int, _ write: (inout MutableRawSpan) -> Void) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  bytes.withMutableRawSpan { write(&$0) }
  return bytes
}

private func ethernet(_ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
  bytes(14) {
    $0.setMACAddress(secondMAC, at: 0)
    $0.setMACAddress(firstMAC, at: 6)
    $0.setBig16(type, at: 12)
  } + payload
}

private func ipv4(
  _ protocol: IPProtocol, _ payload: [UInt8], optionBytes: Int = 0, fragment: UInt16 = 0
) -> [UInt8] {
  let header = IPv4Header(
    source: firstV4, destination: secondV4, protocol: `protocol`,
    payloadBytes: optionBytes + payload.count)
  var packet = bytes(20) { header.emit(into: &$0) }
  packet[0] = 0x45 + UInt8(optionBytes / 4)
  (packet[6], packet[7]) = (UInt8(fragment >> 8), UInt8(truncatingIfNeeded: fragment))
  // Options that look like ports, to be passed over.
  return ethernet(0x0800, packet + [UInt8](repeating: 0xEE, count: optionBytes) + payload)
}

private func ipv6(_ next: IPProtocol, _ payload: [UInt8]) -> [UInt8] {
  let header = IPv6Header(
    source: firstV6, destination: secondV6, nextHeader: next, payloadBytes: payload.count)
  return ethernet(0x86DD, bytes(40) { header.emit(into: &$0) } + payload)
}

/// A TCP header from port 4660 to 22136 with SYN and ACK.
private let tcp: [UInt8] =
  [0x12, 0x34, 0x56, 0x78] + [UInt8](repeating: 0, count: 8) + [0x50, 0x12]
  + [UInt8](repeating: 0, count: 6)

private func key(_ frame: [UInt8], vlan: UInt16 = 0, ruleSet: UInt16 = 0) -> FlowKey {
  FlowKey(frame.rawSpan, vlan: vlan, ruleSet: ruleSet)
}

private func hasTCP(_ key: FlowKey) -> Bool {
  key.hasPorts && key.sourcePort == 0x1234 && key.destinationPort == 0x5678
    && key.tcpFlags == [.syn, .ack] && key.protocol == .tcp
}

private func hasNoPorts(_ key: FlowKey) -> Bool {
  !key.hasPorts && key.sourcePort == 0 && key.destinationPort == 0 && key.tcpFlags == nil
}

@Suite struct FlowKeyTests {
  @Test func everyFieldIsWhereItBelongs() {
    let key = key(ipv4(.tcp, tcp), vlan: 10, ruleSet: 32_767)
    #expect(key.sourceMAC == firstMAC && key.destinationMAC == secondMAC)
    #expect(key.etherType == .ipv4 && key.vlan == 10 && key.ruleSet == 32_767)
    #expect(key.source == FlowKey.mapped(firstV4) && key.destination == FlowKey.mapped(secondV4))
    #expect(key.hasAddresses && hasTCP(key) && !key.isFragment)
    let wide = self.key6(ipv6(.tcp, tcp))
    #expect(wide.source == firstV6 && wide.destination == secondV6 && hasTCP(wide))
  }

  private func key6(_ frame: [UInt8]) -> FlowKey { key(frame, vlan: 0) }

  @Test(arguments: [0, 4, 20, 40])
  func optionsArePassedOver(optionBytes: Int) {
    #expect(hasTCP(key(ipv4(.tcp, tcp, optionBytes: optionBytes))))
  }

  @Test func otherProtocols() {
    for `protocol` in [IPProtocol.udp, .sctp] {
      for frame in [ipv4(`protocol`, tcp), ipv6(`protocol`, tcp)] {
        let key = key(frame)
        #expect(key.hasPorts && key.destinationPort == 0x5678 && key.tcpFlags == nil)
      }
    }
    for frame in [ipv4(.icmp, tcp), ipv6(.icmpv6, tcp), ipv4(.igmp, tcp)] {
      #expect(key(frame).hasAddresses && hasNoPorts(key(frame)))
    }
    let arp = key(ethernet(0x0806, [UInt8](repeating: 1, count: 28)))
    #expect(arp.etherType == .arp && !arp.hasAddresses && hasNoPorts(arp))
    let tagged = key(ethernet(0x8100, [0, 5, 8, 0] + ipv4(.tcp, tcp)[14...]))
    #expect(tagged.etherType == .vlan && !tagged.hasAddresses, "no look behind a second tag")
  }

  @Test func fragmentsOfIPv4() {
    let first = key(ipv4(.tcp, tcp, fragment: 0x2000))
    #expect(first.isFragment && !first.isLaterFragment && hasTCP(first))
    for field in [0x2001, 0x0001, 0x1FFF] as [UInt16] {
      let later = key(ipv4(.tcp, tcp, fragment: field))
      #expect(later.isFragment && later.isLaterFragment && hasNoPorts(later))
      #expect(later.protocol == .tcp && later.hasAddresses)
    }
    #expect(!key(ipv4(.tcp, tcp, fragment: 0x4000)).isFragment, "do not fragment")
  }

  @Test func extensionHeadersOfIPv6() {
    let options: [UInt8] = [6, 0, 0, 0, 0, 0, 0, 0]
    #expect(hasTCP(key(ipv6(.hopByHop, options + tcp))))
    let chain: [UInt8] = [60, 0, 0, 0, 0, 0, 0, 0] + [43, 1] + [UInt8](repeating: 0, count: 14)
    #expect(hasTCP(key(ipv6(.hopByHop, chain + options + tcp))))
    let first = key(ipv6(.fragment, [6, 0, 0, 1, 0, 0, 0, 9] + tcp))
    #expect(first.isFragment && !first.isLaterFragment && hasTCP(first))
    let later = key(ipv6(.fragment, [6, 0, 0, 8, 0, 0, 0, 9] + tcp))
    #expect(later.isLaterFragment && later.protocol == .tcp && hasNoPorts(later))
    let atomic = key(ipv6(.fragment, [6, 0, 0, 0, 0, 0, 0, 9] + tcp))
    #expect(!atomic.isFragment && hasTCP(atomic))
    let endless = [UInt8]((0..<9).map { _ in [60, 0, 0, 0, 0, 0, 0, 0] }.joined())
    let lost = key(ipv6(.destinationOptions, endless + options + tcp))
    #expect(lost.protocol.rawValue == FlowKey.unknownProtocol && lost.hasAddresses)
    #expect(hasNoPorts(lost))
  }

  @Test func whatIsCutOffIsMissing() {
    for (frame, network) in [(ipv4(.tcp, tcp), 34), (ipv6(.tcp, tcp), 54)] {
      for count in 0...frame.count {
        let key = key(Array(frame[..<count]))
        #expect((key.etherType == EtherType(rawValue: 0)) == (count < 14))
        #expect(key.hasAddresses == (count >= network), "\(count) bytes")
        #expect(key.hasPorts == (count >= network + 4), "\(count) bytes")
        #expect((key.tcpFlags != nil) == (count >= network + 14), "\(count) bytes")
      }
    }
    // Padding is no header: the packet declares that it ends before.
    var padded = ipv4(.tcp, [])
    padded += tcp
    #expect(key(padded).hasAddresses && hasNoPorts(key(padded)))
    var wrong = ipv4(.tcp, tcp)
    wrong[14] = 0x44
    #expect(!key(wrong).hasAddresses)
    wrong[14] = 0x65
    #expect(!key(wrong).hasAddresses)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func noBytesTrap(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<5_000 {
      var frame = (0..<Int.random(in: 0...120, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      if frame.count > 20 {
        let isV6 = Bool.random(using: &random)
        (frame[12], frame[13]) = isV6 ? (0x86, 0xDD) : (0x08, 0x00)
        frame[14] = isV6 ? 0x60 : 0x40 | frame[14] & 0xF
        let chain: [UInt8] = [0, 6, 17, 43, 44, 51, 60, 132]
        if isV6 { frame[20] = chain[Int.random(in: 0..<8, using: &random)] }
      }
      let key = key(frame, vlan: 0xFFFF, ruleSet: 0xFFFF)
      #expect(key.vlan == 0xFFF && key.ruleSet == 0x7FFF, "seed \(seed)")
      #expect(key.hasPorts ? key.hasAddresses && !key.isLaterFragment : key.tcpFlags == nil)
    }
  }
}
