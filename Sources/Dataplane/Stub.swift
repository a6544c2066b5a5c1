internal import Base
internal import FrameMemory
internal import Protocols
internal import Tables
internal import Wire
struct Beacon {
  static let frameBytes = 60
  var switchIdentity: UInt64 = 0
  var uplink: UInt8 = 0
  var vlan: UInt16 = 0
  var sequence: UInt32 = 0
  init(switchIdentity: UInt64, uplink: UInt8, vlan: UInt16, sequence: UInt32) {}
  init?(_ bytes: RawSpan, etherType: UInt16) { return nil }
  func emit(into: inout MutableRawSpan, source: MACAddress, etherType: UInt16) {}
}
extension Switch {
  mutating func snoop(_ header: FrameHeader, _ bytes: RawSpan, _ context: BatchContext) {}
  mutating func sendQueries(into batch: inout FrameBatch, _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer) -> Bool { false }
  mutating func tickGroups(now: MonotonicTime) -> MonotonicTime { .never }
  mutating func setGroupsOfPort(_ port: PortIndex, isAttached: Bool) {}
  mutating func settleGroups() {}
}
