// A port or an uplink over an existing device: a nic, QEMU's TAP, one end of a veth pair.
//
// Frames come out of a ring that is shared with the kernel (`PacketRing`), and go by sendmmsg, up to 64
// a call. PACKET_VNET_HDR carries checksum and segmentation metadata both ways, so a 64 KB frame stays
// one.
//
// Memory of one: the ring (4 MiB), 64 gather slots (43 KB), two vectors of 64 messages (18 KB), the
// kernel's buffers.
//
// The kernel keeps a received frame's VLAN tag beside it (PACKET_AUXDATA). A customer tag stays
// there; a service tag (802.1ad) is put back into the bytes, for the switch knows only customer
// tags.

internal import Base
internal import CLinux
internal import FrameMemory
internal import Glibc
internal import Linux

/// Frames of a device that somebody else owns.
///
/// - Thread: one worker; opened and closed by whoever manages ports.
public final class PacketAttachment: Attachment {
  public let name: String
  public let offloads: OffloadSet
  public internal(set) var offloadCounters = OffloadCounters()
  public internal(set) var receiveDrops = ReceiveDrops()
  let socket: PacketSocket
  /// Frames a system call moves at most.
  static let callLimit = 64
  /// A turn ends when it has moved this much: eight of the largest frames take some 0.2 ms, and small
  /// ones of other ports wait as long.
  static let turnBytes = 512 << 10
  /// How many looks into an empty ring go by before the socket is asked whether the device is there.
  static let looksBetweenErrors = 4_096
  /// One vector each way: what is received leaves control data behind, which must not be sent.
  let incoming = MessageVector(capacity: PacketAttachment.callLimit)
  let outgoing = MessageVector(capacity: PacketAttachment.callLimit)
  let slots = GatherSlots(
    count: PacketAttachment.callLimit, virtioBytes: VirtioHeader.byteCount)
  /// For a frame whose metadata the kernel refused, sent again piece by piece.
  let spareMessage = MessageVector(capacity: 1)
  let spareSlot = GatherSlots(count: 1, virtioBytes: VirtioHeader.byteCount)
  /// What each waiting message belongs to.
  var pending = FixedArray(repeating: PendingMessage(), count: PacketAttachment.callLimit)
  var pendingCount = 0
  /// The device went down. When it is deleted after that, nothing tells the socket, so it is asked.
  var wasDown = false
  private var kernelDropsSoFar: UInt64 = 0
  /// The slot that the kernel fills next.
  var ringPosition = 0
  var looksInVain = 0
  /// Frames of which the kernel had only the beginning to give.
  var cutFrames: UInt64 = 0

  /// Takes the socket over. `label` is for people; the device's name when nil.
  public init(_ socket: consuming PacketSocket, label: String? = nil) {
    name = "packet \(label ?? socket.deviceName)"
    offloads = KernelRelease.current.takesSegmentedUDP ? .all : [.checksum, .tcp4, .tcp6]
    self.socket = socket
  }

  public var descriptor: Int32 { socket.descriptor.number }

  /// The same socket, without its ring: packet(7) takes frames from several threads, and does not show them
  /// to the socket that they were sent by.
  public func makeSender() -> (any Attachment)? {
    guard let same = try? socket.duplicate() else { return nil }
    return PacketAttachment(same, label: String(name.dropFirst("packet ".count)))
  }

  public var kernelDrops: UInt64 {
    kernelDropsSoFar += socket.takeDrops()
    return kernelDropsSoFar + cutFrames
  }
}

/// A message that waits for the next sendmmsg.
struct PendingMessage: BitwiseCopyable {
  /// Its delivery.
  var entry = 0
  /// What to count when it was taken; the last message of a delivery counts.
  var tally: EgressTally?
}
