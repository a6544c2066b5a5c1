// The socket of one front end: bytes and descriptors in, replies out, never waiting for either.

internal import CLinux
internal import Linux

/// A connected socket, from which messages are put together.
///
/// - Thread: the control thread.
@safe
final class FrontEndConnection {
  /// What reading brought.
  enum Event: ~Copyable {
    case message(VhostMessage, PassedDescriptors)
    /// Nothing more for now.
    case nothing
    /// The front end has closed its end.
    case closed
  }

  private let socket: Descriptor
  private var buffer: [UInt8] = []
  private var header: MessageHeader?
  private var numbers: [Int32] = []

  init(_ socket: consuming Descriptor) { self.socket = socket }

  deinit { _ = PassedDescriptors(owning: numbers) }

  var descriptor: Int32 { socket.number }

  /// Nobody is at the other end any more.
  var isHungUp: Bool { clinux_stream_is_closed(socket.number) != 0 }

  /// The next whole message.
  func read() throws(CutOffReason) -> Event {
    while true {
      let wanted = header.map { Int($0.payloadBytes) } ?? MessageHeader.byteCount
      if buffer.count < wanted {
        switch try receive(wanted - buffer.count) {
        case .some(0): return .closed
        case nil: return .nothing
        default: continue
        }
      }
      if let whole = header {
        defer {
          header = nil
          buffer = []
          numbers = []
        }
        return .message(
          VhostMessage(header: whole, payload: buffer), PassedDescriptors(owning: numbers))
      }
      let fresh = MessageHeader(buffer)
      guard fresh.isRequest else { throw .badHeader }
      guard fresh.payloadBytes <= UInt32(MessageHeader.payloadBytesMax) else { throw .badLength }
      header = fresh
      buffer = []
    }
  }

  /// Reads at most `count` bytes: how many came, 0 at the end, nil when there are none yet.
  private func receive(_ count: Int) throws(CutOffReason) -> Int? {
    var fresh = [Int32](repeating: -1, count: Int(CLINUX_PASSED_MAX))
    var freshCount = Int32(fresh.count)
    var received = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, filled in
      // SAFETY: room for `count` bytes, and for as many descriptors as `freshCount` says.
      received = unsafe clinux_receive_descriptors(
        socket.number, room.baseAddress, count, &fresh, &freshCount)
      filled = max(0, received)
    }
    if received < 0 {
      switch Errno.current {
      case .again, .interrupted: return nil
      case Errno(rawValue: 90): throw .badDescriptors  // EMSGSIZE: more than a message may carry
      default: return 0
      }
    }
    numbers += fresh.prefix(Int(freshCount))
    guard numbers.count <= Int(CLINUX_PASSED_MAX) else { throw .badDescriptors }
    buffer += bytes
    return received
  }

  /// Sends a reply, whole or not at all.
  func send(_ bytes: [UInt8]) throws(CutOffReason) {
    // SAFETY: the array lives for the call; there are no descriptors.
    let sent = unsafe clinux_send_descriptors(socket.number, bytes, bytes.count, nil, 0)
    // Who closed will be noticed when reading.
    guard sent == bytes.count || sent < 0 && Errno.current != .again else { throw .slowReader }
  }
}
