// What one lane of a switch tells the others.
//
// A switch with several workers is several `Switch` values, its lanes: each belongs to one worker and has its
// own MAC table, caches and counters, so that no cache line is written by two. What a frame teaches one lane,
// the others must know, and are told in notes: not the frame, but what followed from it. The lane that took
// the frame has judged it already (filter, shaper, limits), and nobody judges it again.
//
//   note      written when                                        taken by
//   place     an address is new, moved, or its age is due          all
//   outside   somebody silent here is seen outside                 the home lane of its port, which decides
//   guest     a nic's address was told from frames                 all
//   claim     a guest uses an IP address                           all (the first lane announces)
//   vlan      a trunk's guest uses a VLAN                          all
//   beacon    an uplink heard another one                          all
//   load      bytes of a port since the last report                the first lane, which balances
//   uplink    load balancing has put a port on an uplink           all
//   unheard   group messages of a port were lost                   all
//
// IGMP and MLD messages go whole (`LaneMessage`).

internal import Base
public import FrameMemory
public import Tables
public import Wire

/// One thing that a lane has learned from frames.
public struct LaneNote: Sendable, BitwiseCopyable {
  public enum Fact: Sendable, BitwiseCopyable {
    /// The address is at `port`; how, and when it was seen, is in the entry.
    case place(MACKey, MACEntry)
    case outside(MACKey)
    case guest(MACAddress)
    case claim(IPAddress, vlan: UInt16, isRouter: Bool)
    case vlan(UInt16)
    /// `port` heard the uplink at a position.
    case beacon(vlan: UInt16, from: UInt8)
    case load(out: UInt64, in: UInt64)
    case uplink(PortIndex)
    case unheard
  }

  public var fact: Fact
  public var port: PortIndex
  /// The lane that writes.
  public var lane: UInt8
  /// How many control calls that lane had seen.
  public var epoch: UInt32
  /// When, on the lanes' common clock: later than all that the lane knew.
  public var stamp: UInt64

  public init(_ fact: Fact, at port: PortIndex, lane: UInt8, epoch: UInt32, stamp: UInt64) {
    self.fact = fact
    self.port = port
    self.lane = lane
    self.epoch = epoch
    self.stamp = stamp
  }

  /// What an empty slot holds.
  public static var none: LaneNote {
    LaneNote(.unheard, at: .none, lane: 0, epoch: 0, stamp: 0)
  }
}

/// An IGMP or MLD message that a lane has taken in.
public struct LaneMessage: Sendable, BitwiseCopyable {
  /// The longest frame that is passed on: the largest of Ethernet.
  public static let largestFrameBytes = 1_536

  public var port: PortIndex
  public var epoch: UInt32
  /// The VLAN of the lookup.
  public var vlan: UInt16
  public var isFromUplink: Bool
  public var byteCount: UInt16
  public var bytes: [1_536 of UInt8]

  /// Nil where the frame is longer than Ethernet has them.
  init?(
    copying frame: RawSpan, port: PortIndex, vlan: UInt16, isFromUplink: Bool, epoch: UInt32
  ) {
    guard frame.byteCount <= Self.largestFrameBytes else { return nil }
    self.port = port
    self.vlan = vlan
    self.isFromUplink = isFromUplink
    self.epoch = epoch
    byteCount = UInt16(frame.byteCount)
    bytes = .init(repeating: 0)
    for offset in 0..<frame.byteCount { bytes[offset] = frame.byte(offset) }
  }

  private init() {
    (port, epoch, vlan, isFromUplink, byteCount) = (.none, 0, 0, false, 0)
    bytes = .init(repeating: 0)
  }

  /// What an empty slot holds.
  public static var none: LaneMessage { LaneMessage() }
}
