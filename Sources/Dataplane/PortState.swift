// What the data plane knows about a port from one frame to the next.

internal import Base
internal import FrameMemory
internal import Wire

/// The mutable half of a port. Outlives plans; reset when another port takes the index.
struct PortState: Sendable, BitwiseCopyable {
  /// An attachment is there.
  var isAttached = false
  /// The link of an uplink, as last told. A VM port's link is its attachment.
  var isLinkUp = false
  /// The link was told at least once; the first "up" is not delayed.
  var isLinkKnown = false
  /// The guest has an address that it may not have, and gets nothing.
  var isReceiveDisabled = false
  /// The port sees all frames of its VLANs.
  var isPromiscuous = false
  /// Every multicast frame of its VLANs is wanted.
  var hearsAllMulticast = true
  /// Nobody knows which multicast addresses the nic listens to, or they are too many.
  var hasUnknownGroups = true
  /// Frames may leave by the port, as far as its state says.
  @inline(__always)
  var isOpen: Bool { isAttached && !isReceiveDisabled && !isAway }
  /// Only another lane can send by the port.
  var isAway = false

  /// The uplink depends on the frame, not on the port alone.
  var hasTeamPerFrame = false
  /// The source address of an ordinary frame; broadcast, which no frame has, when there is none.
  var expectedSource = MACAddress.broadcast
  /// The port's address on the switch.
  var address = MACAddress.zero
  /// The uplink that the port's team gives it, `.none` when there is none.
  var uplink = PortIndex.none
  /// The uplink that load balancing has put the port on.
  var loadUplink = PortIndex.none
  /// Positions of the uplinks by which broadcast, multicast and unknown unicast may reach the port.
  var reverseUplinks: UInt32 = 0
  /// Bytes to and from uplinks since load balancing last looked.
  var loadBytesOut: UInt64 = 0
  var loadBytesIn: UInt64 = 0
  /// What the guest's nic is set to.
  var nic = GuestNIC(assumed: .zero)
  /// Another address that the guest sent from last, and how often in a row.
  var sighted = MACAddress.zero
  var sightings: UInt8 = 0
  /// When another address may be inferred from the guest's frames.
  var nextInference = MonotonicTime.zero
  /// The last VLAN that a trunk's guest was seen to use, so that the note is taken once.
  var lastVLAN: UInt16 = .max
  /// Where the next address seen is noted.
  var nextSeenAddress: UInt8 = 0
  /// When a link that came up may be used; `never` when it is not waiting.
  var usableAt = MonotonicTime.never
}
