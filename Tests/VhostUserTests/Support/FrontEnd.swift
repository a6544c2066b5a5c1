// A front end's way to the back end: straight into a session, or over a socket.

internal import CLinux
import Glibc
import Linux
import VhostUser

/// Sends a message with descriptors (taken over); the payload of the reply.
typealias Exchange = (VhostMessage, [Int32]) throws -> [UInt8]?

enum FrontEnd {
  /// Straight into a session; throws the rule that was broken.
  static func direct(_ session: FrontEndSession) -> Exchange {
    { message, descriptors in
      let reply = try session.handle(message, PassedDescriptors(owning: descriptors))
      return reply.map { Array($0.dropFirst(MessageHeader.byteCount)) }
    }
  }
}

/// A socket to a back end.
final class FrontEndSocket {
  /// The back end hung up.
  struct HungUp: Error {}

  private let socket: Descriptor

  init(_ socket: consuming Descriptor) { self.socket = socket }

  /// Connects to a path, waiting for somebody to listen.
  convenience init(path: String) throws {
    var number: Int32 = -1
    let isConnected = MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) {
      // SAFETY: a C string for the call.
      number = unsafe clinux_stream_connect(path)
      return number >= 0
    }
    guard isConnected else { throw Errno.current }
    self.init(Descriptor(owning: number))
  }

  var isHungUp: Bool { clinux_stream_is_closed(socket.number) != 0 }

  /// The requests that are always answered.
  private static let answered: Set<UInt32> = [1, 6, 11, 15, 17, 36]

  func exchange(_ message: VhostMessage, _ descriptors: [Int32]) throws -> [UInt8]? {
    try send(message.bytes, descriptors)
    let isAnswered = Self.answered.contains(message.header.request)
    guard isAnswered || message.header.wantsReply else { return nil }
    let header = MessageHeader(try read(MessageHeader.byteCount))
    return try read(Int(header.payloadBytes))
  }

  /// Sends bytes as they are; the descriptors are closed here afterwards.
  func send(_ bytes: [UInt8], _ descriptors: [Int32] = []) throws {
    let owned = PassedDescriptors(owning: descriptors)
    // SAFETY: the arrays live for the call.
    let sent = unsafe clinux_send_descriptors(
      socket.number, bytes, bytes.count, descriptors, Int32(descriptors.count))
    _ = consume owned
    guard sent == bytes.count else { throw HungUp() }
  }

  private func read(_ count: Int) throws -> [UInt8] {
    var result: [UInt8] = []
    let isRead = MonotonicClock.wait(
      atMostNanoseconds: 5_000_000_000, everyNanoseconds: 100_000
    ) {
      var part = [UInt8](repeating: 0, count: count - result.count)
      // SAFETY: as many bytes as the array has.
      let got = unsafe Glibc.read(socket.number, &part, part.count)
      if got > 0 { result += part.prefix(got) }
      return result.count == count || got == 0 && count > 0
    }
    guard isRead, result.count == count else { throw HungUp() }
    return result
  }
}
