// Telling the other lanes: where a frame has taught this one something.
//
// A switch with one lane passes by all of this: nothing here is on the way of an ordinary frame.

internal import Base
internal import FrameMemory
internal import Protocols
internal import Tables
internal import Wire

extension Switch {
  /// Which of the switch's lanes this is.
  public var lane: Int { Int(lanes.number) }

  /// Notes that found no room since the switch began: the others were told late.
  public var lostLaneNotes: UInt64 { lanes.lostCount }

  /// Learns where an address is, and tells the others when that is news, or when they would think it older
  /// than it may be.
  mutating func learn(_ key: MACKey, _ kind: MACEntry.Kind, at port: PortIndex, _ seconds: UInt32)
    -> LearnResult
  {
    let before = lanes.hasOthers ? macs.find(key, nowSeconds: seconds) : nil
    let result =
      kind == .external
      ? macs.learnExternal(key, uplink: port.rawValue, nowSeconds: seconds)
      : macs.learn(key, port: port.rawValue, nowSeconds: seconds)
    guard lanes.hasOthers else { return result }
    switch result {
    case .added, .moved: break
    case .known: if let before, !isDue(key, before, port, seconds) { return result }
    case .isStatic, .full: return result
    }
    let entry = MACEntry(port: port.rawValue, kind: kind, seenSeconds: seconds)
    lanes.append(.place(key, entry), at: port, latest)
    return result
  }

  /// Refreshes the age of an address if it is known at a port; the others may have to hear of it.
  @inline(never)
  mutating func refreshAndTell(_ key: MACKey, at port: PortIndex, _ seconds: UInt32) -> Bool {
    let before = macs.find(key, nowSeconds: seconds)
    guard macs.refresh(key, port: port.rawValue, nowSeconds: seconds) else { return false }
    if before.map({ isDue(key, $0, port, seconds) }) ?? true {
      let entry = MACEntry(port: port.rawValue, kind: .learned, seenSeconds: seconds)
      lanes.append(.place(key, entry), at: port, latest)
    }
    return true
  }

  /// Whether the others are to hear that an address was seen again: once in `laneRefreshSeconds`, each
  /// address in a second of its own, and once a second where this is not the port's home lane, which has
  /// to know exactly.
  private func isDue(_ key: MACKey, _ before: MACEntry, _ port: PortIndex, _ seconds: UInt32)
    -> Bool
  {
    guard before.seenSeconds != seconds else { return false }
    guard lanes.isHome(of: port.rawValue) else { return true }
    let period = max(1, limits.laneRefreshSeconds)
    let shift = UInt32(truncatingIfNeeded: key.rawValue >> 16) % period
    return (before.seenSeconds &+ shift) / period != (seconds &+ shift) / period
  }

  /// Whether this lane knows to the second when a port's guest was last heard.
  func knowsAge(at port: UInt16) -> Bool {
    !lanes.hasOthers || lanes.isHome(of: port) || limits.laneRefreshSeconds <= 1
  }

  /// Whether notes wait that the others had no room for.
  public var hasLaneNotes: Bool { lanes.noteCount > 0 || lanes.messageCount > 0 }

  mutating func tell(_ fact: LaneNote.Fact, at port: PortIndex) {
    if lanes.hasOthers { lanes.append(fact, at: port, latest) }
  }

  /// Passes a group message on, if it means anything to the others.
  @inline(never)
  mutating func tellGroups(_ header: inout FrameHeader, _ bytes: RawSpan, isQuery: Bool) {
    // Reports from uplinks speak for hosts elsewhere.
    guard isQuery || header.uplinkBit == 0 else { return }
    guard
      let message = LaneMessage(
        copying: bytes, port: header.ingress, vlan: header.vlan,
        isFromUplink: header.uplinkBit != 0, epoch: lanes.epoch)
    else { return lanes.lose(messageOf: header.ingress) }
    lanes.append(message)
  }

  /// What the first lane is to know for load balancing, eight times an interval. Returns when it is due
  /// again.
  mutating func reportLoads(now: MonotonicTime) -> MonotonicTime {
    if nextBalance != .never {
      guard now >= nextBalance else { return nextBalance }
      for index in plan.ports.indices { reportLoad(PortIndex(index)) }
    }
    let interval = UInt64(plan.loadIntervalSeconds) * 1_000_000_000
    nextBalance = now.advanced(byNanoseconds: interval / 8)
    return nextBalance
  }

  private mutating func reportLoad(_ port: PortIndex) {
    var (out, into) = (states[port.index].loadBytesOut, states[port.index].loadBytesIn)
    switch plan.ports[port.index].kind {
    case .absent: return
    case .vm:
      states[port.index].loadBytesOut = 0
      states[port.index].loadBytesIn = 0
    case .uplink:
      let counters = portCounters(port)
      (out, into) = (counters.egress.bytes, counters.ingress.bytes)
      // Frames that an attachment gave back are uncounted, so that there may be less than before.
      let (hadOut, hadIn) = (loads[port.index].countedOut, loads[port.index].countedIn)
      loads[port.index].countedOut = out
      loads[port.index].countedIn = into
      out = out > hadOut ? out - hadOut : 0
      into = into > hadIn ? into - hadIn : 0
    }
    if out > 0 || into > 0 { tell(.load(out: out, in: into), at: port) }
  }
}
