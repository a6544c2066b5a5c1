// Which flow a frame belongs to, for the verdict cache.
//
// A flow is an ingress port, two MAC and two IPv4 addresses, protocol and ports: all that decides about an
// ordinary frame. All of it is in the identity, which fits into 30 bytes, so that no two flows share one.

internal import FrameMemory

/// The flow of an IPv4 frame.
struct FlowID: Sendable, BitwiseCopyable {
  /// The destination, and the first two bytes of the source, as in a frame's head.
  var addresses: UInt64
  /// The other four bytes of the source, then the ports.
  var senderAndPorts: UInt64
  /// IPv4 source and destination.
  var network: UInt64
  /// Protocol << 56, ingress port << 40; the other bits are 0.
  var origin: UInt64

  /// The flow of a frame that is IPv4 without options, no fragment, and has ports or room for them; nil for
  /// others.
  @inline(__always)
  init?(_ head: FrameHead, ingress: PortIndex) {
    guard Self.hasFlow(head) else { return nil }
    self.init(of: head, ingress: ingress)
  }

  /// The same of a head that is known to have a flow.
  @inline(__always)
  init(of head: FrameHead, ingress: PortIndex) {
    addresses = head.first
    senderAndPorts = head.second & 0xFFFF_FFFF | UInt64(head.transport) << 32
    network = head.network
    origin = head.third & 0xFF << 56 | UInt64(ingress.rawValue) << 40
  }

  /// Nobody's.
  init() {
    addresses = 0
    senderAndPorts = 0
    network = 0
    origin = 0
  }

  /// Whether this is IPv4 without options, no fragment, and as long as its ports. What is beyond the packet's
  /// own length is padding.
  @inline(__always)
  static func hasFlow(_ head: FrameHead) -> Bool {
    // EtherType 0x0800, then version 4 and five words of header.
    head.second >> 32 & 0xFF_FFFF == 0x45_0008 && head.third & 0xFF3F_0000_0000 == 0
      && UInt16(truncatingIfNeeded: head.third).byteSwapped >= 24
  }

  /// Protocol and ports as in a filter key.
  @inline(__always)
  var filterTransport: UInt64 {
    let ports = UInt32(truncatingIfNeeded: senderAndPorts >> 32).byteSwapped
    return UInt64(ports) << 32 | (origin >> 56) << 24
  }
}

extension FrameBatch {
  /// The flow of frame `index`, if it has one.
  @inline(__always)
  func flow(of index: Int) -> FlowID? {
    let frame = self[index]
    guard frame.byteCount >= FrameHead.byteCount else { return nil }
    return FlowID(head(of: index), ingress: frame.ingress)
  }
}
