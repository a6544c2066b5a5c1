// Random frames for the property test, that more often than not have a chance to arrive.

import Base
import Wire

extension RandomSwitches {
  /// A new frame, or as often one of the last few again, or one that differs from it in one thing: most of
  /// what a switch sees are flows.
  mutating func frame(_ ports: [ModelPort]) -> ModelFrame {
    if chance(isPlain ? 75 : 50), let again = recent.isEmpty ? nil : pick(recent) {
      return chance(25) ? lookalike(again) : again
    }
    let frame = newFrame(ports)
    recent.append(frame)
    if recent.count > 6 { recent.removeFirst() }
    return frame
  }

  private mutating func newFrame(_ ports: [ModelPort]) -> ModelFrame {
    let ingress = number(below: 50) == 0 ? Self.portCount : number(below: Self.portCount)
    var frame = ModelFrame(ingress: ingress, destination: destination(ports), source: 0)
    frame.source = source(ingress, ports)
    frame.vlan = tag(ingress, ports)
    frame.priority = UInt8(number(below: 16))
    if chance(isPlain ? 4 : 8), frame.source >> 40 & 1 == 0 {
      frame.isAnnouncement = true
      frame.destination = 0xFFFF_FFFF_FFFF
      // What a port has learned, and what comes back of it.
      if chance(50) { frame.source = pick(Self.strangers) }
      frame.bytes = DataplaneTests.bytes(of: .rarp(MACAddress(rawValue: frame.source)))
    } else {
      fill(&frame)
    }
    return frame
  }

  private mutating func source(_ ingress: Int, _ ports: [ModelPort]) -> UInt64 {
    if chance(2) { return pick([0, 0x0100_5E00_0001, 0xFFFF_FFFF_FFFF]) }
    let isVM = ingress < ports.count && ports[ingress].kind == .vm
    if isVM && chance(isPlain ? 90 : 60) {
      return chance(70) ? ports[ingress].nic.address : ports[ingress].mac
    }
    return pick(chance(30) ? Self.knownAddresses : Self.strangers)
  }

  private mutating func destination(_ ports: [ModelPort]) -> UInt64 {
    switch number(below: isPlain && chance(80) ? 13 : 20) {
    case 0..<7: pick(Self.knownAddresses)
    case 7..<9: pick(ports).nic.address
    case 9..<13: pick(Self.strangers)
    case 13..<15: 0xFFFF_FFFF_FFFF
    case 15..<18: pick(Self.groups)
    case 18: pick(Self.bridges)
    default: pick([0, 0x0100_5E01_0001])
    }
  }

  private mutating func tag(_ ingress: Int, _ ports: [ModelPort]) -> UInt16? {
    guard ingress < ports.count, chance(isPlain ? 95 : 75) else {
      return pick([nil, nil, 0, 10, 20, 30, 40, 100, 101, 102, 103, 4_095])
    }
    guard case .trunk(let ranges) = ports[ingress].vlan else { return chance(90) ? nil : 0 }
    let vlans: [UInt16] = [0, 10, 20, 30, 100, 101, 102, 103]
    let carried = vlans.filter { vlan in ranges.contains { $0.contains(vlan) } }
    let vlan = pick(carried)
    return vlan == 0 && chance(50) ? nil : vlan
  }

  private mutating func fill(_ frame: inout ModelFrame) {
    let types: [UInt16] = [0x88B5, 0x88B5, 0x0800, 0x0800, 0x86DD, 0x8100, 0x88A8]
    let etherType = isPlain && chance(85) ? 0x0800 : pick(types)
    let payloadBytes = chance(6) ? pick([-1, 0, 3, 16, 30, 1_500, 1_501]) : 68
    frame.bytes = DataplaneTests.frame(
      from: MACAddress(rawValue: frame.source), to: MACAddress(rawValue: frame.destination),
      etherType: etherType, payloadBytes: max(0, payloadBytes))
    if payloadBytes < 0 { frame.bytes.removeLast() }
    if payloadBytes == 68, etherType == 0x0800 || etherType == 0x86DD, chance(85) {
      let (packet, bytes) = packet(isIPv6: etherType == 0x86DD)
      frame.packet = packet
      frame.bytes.replaceSubrange(14..<14 + bytes.count, with: bytes)
    } else {
      // No packet, but bytes that a hash may look at.
      for offset in [29, 33, 37, 53] where offset < frame.bytes.count {
        frame.bytes[offset] = UInt8(number(below: 256))
      }
    }
  }
}
