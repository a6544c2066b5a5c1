// What the data plane knows about a port from one frame to the next.

internal import Base
internal import FrameMemory

/// The mutable half of a port. Outlives plans; reset when another port takes the index.
struct PortState: Sendable, BitwiseCopyable {
  /// An attachment is there.
  var isAttached = false
  /// The link of an uplink, as last told. A VM port's link is its attachment.
  var isLinkUp = false
  /// The link was told at least once; the first "up" is not delayed.
  var isLinkKnown = false
  /// The uplink that the port's team gives it, `.none` when there is none.
  var uplink = PortIndex.none
  /// The last VLAN that a trunk's guest was seen to use, so that the note is taken once.
  var lastVLAN: UInt16 = .max
  /// Where the next address seen is noted.
  var nextSeenAddress: UInt8 = 0
  /// When a link that came up may be used; `never` when it is not waiting.
  var usableAt = MonotonicTime.never
}
