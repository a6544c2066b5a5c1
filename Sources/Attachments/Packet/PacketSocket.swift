// A packet socket on one device (packet(7)): all frames that it receives, and none of our own.
//
// The order of the steps matters. The socket is made without a protocol, so that it hears nothing;
// all options are set; then it is bound to the device and to all protocols at once. A socket made
// with ETH_P_ALL would hear every device until it is bound.

public import Base
internal import CLinux
internal import Glibc
public import Linux

/// A bound packet socket.
public struct PacketSocket: ~Copyable, Sendable {
  /// How the device is used.
  public struct Options: Hashable, Sendable {
    /// Hear frames for every address: what an uplink needs.
    public var isPromiscuous = true
    /// Skip the queueing discipline (PACKET_QDISC_BYPASS): a lost carrier shows at once as a
    /// refusal, and nothing is queued; shaping by `tc` has no effect.
    public var bypassesQueueing = false
    /// Frames up to MTU size that wait to be read: 2 KiB each, a multiple of 32; 0 for no ring.
    public var ringFrames = 2_048
    /// For larger frames waiting to be read, or all without a ring: 16 MiB hold some 200 of 64 KiB.
    public var receiveBufferBytes = 16 << 20
    /// Frames waiting in the device.
    public var sendBufferBytes = 4 << 20

    public init() {}
  }

  public let descriptor: Descriptor
  public let deviceName: String
  public let options: Options
  /// Where the kernel puts received frames; empty when there was no memory for it.
  let ring: PacketRing

  /// Opens and binds.
  ///
  /// - `namespace`: where the device is, nil for the namespace of the calling thread.
  public init(device name: String, namespace: NetworkNamespace? = nil, options: Options = Options())
    throws(Failure)
  {
    let descriptor = try NetworkNamespace.run(in: namespace) { () throws(Failure) in
      let number = clinux_packet_open()
      guard number >= 0 else {
        throw Failure(
          "cannot open a packet socket for \(name)", why: "\(Errno.current)",
          remedy: "run as root (CAP_NET_RAW)")
      }
      return Descriptor(owning: number)
    }
    let number = descriptor.number
    // SAFETY: a C string for the time of the call.
    let index = unsafe clinux_packet_device_index(number, name)
    guard index > 0 else {
      throw Failure(
        "cannot attach to device \(name)", why: "\(Errno.current)",
        remedy: "check its name with `ip link`, in the namespace of this host")
    }
    let bypasses: Int32 = options.bypassesQueueing ? 1 : 0
    let isPrepared =
      clinux_packet_set_options(number, bypasses) == 0
      && clinux_packet_set_buffers(
        number, Int32(clamping: options.receiveBufferBytes),
        Int32(clamping: options.sendBufferBytes)) == 0
    let ring = PacketRing(number, frameCount: isPrepared ? options.ringFrames : 0)
    guard isPrepared,
      !options.isPromiscuous || clinux_packet_set_promiscuous(number, index) == 0,
      clinux_packet_bind(number, index) == 0
    else {
      throw Failure(
        "cannot attach to device \(name)", why: "\(Errno.current)",
        remedy: "use Linux 5.10 or newer, and check that the device was not deleted")
    }
    self.descriptor = descriptor
    deviceName = name
    self.options = options
    self.ring = ring
  }

  /// Another descriptor of the same socket, to send by.
  func duplicate() throws(Errno) -> PacketSocket {
    PacketSocket(
      descriptor: try descriptor.duplicate(), deviceName: deviceName, options: options,
      ring: PacketRing(descriptor.number, frameCount: 0))
  }

  private init(
    descriptor: consuming Descriptor, deviceName: String, options: Options,
    ring: consuming PacketRing
  ) {
    self.descriptor = descriptor
    self.deviceName = deviceName
    self.options = options
    self.ring = ring
  }

  /// Whether the device still exists, in the namespace where it was bound.
  var isBound: Bool { clinux_packet_bound_index(descriptor.number) > 0 }

  /// What has happened to the device since the last call: 0, ENETDOWN, ...
  func takeError() -> Int32 { clinux_socket_take_error(descriptor.number) }

  /// Frames that the kernel dropped since the last call because ring or receive buffer were full.
  func takeDrops() -> UInt64 {
    var drops: UInt32 = 0
    // SAFETY: one integer, written during the call.
    guard unsafe clinux_packet_take_drops(descriptor.number, &drops) == 0 else { return 0 }
    return UInt64(drops)
  }
}
