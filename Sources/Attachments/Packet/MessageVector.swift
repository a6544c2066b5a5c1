// The argument arrays of recvmmsg(2) and sendmmsg(2), made once.
//
// Memory of a message: 64 bytes, one piece of 16 to receive into, 64 of control data.

internal import Base
internal import CLinux
internal import Glibc

/// Up to `capacity` messages for one system call.
///
/// - Thread: one worker.
@safe
struct MessageVector: ~Copyable {
  let capacity: Int
  private let messages: UnsafeMutablePointer<clinux_message>
  private let pieces: UnsafeMutablePointer<iovec>
  private let control: UnsafeMutableRawPointer
  private static let controlBytes = Int(CLINUX_CONTROL_BYTES)

  init(capacity: Int) {
    self.capacity = capacity
    // SAFETY: room for `capacity` of each, initialised here and freed in `deinit`.
    unsafe messages = .allocate(capacity: capacity)
    unsafe messages.initialize(repeating: clinux_message(), count: capacity)
    unsafe pieces = .allocate(capacity: capacity)
    unsafe pieces.initialize(repeating: iovec(), count: capacity)
    unsafe control = .allocate(byteCount: capacity * Self.controlBytes, alignment: 16)
  }

  deinit {
    // SAFETY: allocated by `init`; nothing outside has these pointers.
    unsafe messages.deallocate()
    unsafe pieces.deallocate()
    unsafe control.deallocate()
  }

  /// Message `index` is to receive into one buffer, and its auxiliary data.
  ///
  /// - Unsafe: `byteCount` bytes are writable at `address` until the call that receives.
  @unsafe
  func expect(_ index: Int, at address: UnsafeMutableRawPointer, byteCount: Int) {
    check(index)
    // SAFETY: the index was checked, and every array has `capacity` elements.
    unsafe pieces[index] = iovec(iov_base: address, iov_len: byteCount)
    unsafe messages[index].header.msg_iov = pieces + index
    unsafe messages[index].header.msg_iovlen = 1
    unsafe messages[index].header.msg_control = control + index * Self.controlBytes
    unsafe messages[index].header.msg_controllen = Self.controlBytes
    unsafe messages[index].header.msg_flags = 0
  }

  /// Message `index` is to send these pieces.
  ///
  /// - Unsafe: the pieces and what they point to live until the call that sends.
  @unsafe
  func offer(_ index: Int, _ pieces: UnsafeMutablePointer<iovec>, count: Int) {
    check(index)
    // SAFETY: the index was checked.
    unsafe messages[index].header.msg_iov = pieces
    unsafe messages[index].header.msg_iovlen = count
  }

  /// recvmmsg: the number of messages, or -1 with errno.
  func receive(_ descriptor: Int32, count: Int) -> Int {
    check(count - 1)
    // SAFETY: the first `count` messages were set up by `expect`.
    return Int(unsafe clinux_receive_messages(descriptor, messages, UInt32(count)))
  }

  /// sendmmsg of a range of messages: how many were sent, or -1 with errno for the first of them.
  func send(_ descriptor: Int32, _ range: Range<Int>) -> Int {
    check(range.lowerBound)
    check(range.upperBound - 1)
    // SAFETY: the range was checked and set up by `offer`.
    return Int(
      unsafe clinux_send_messages(
        descriptor, messages + range.lowerBound, UInt32(range.count)))
  }

  /// The bytes that message `index` received.
  func byteCount(_ index: Int) -> Int {
    check(index)
    // SAFETY: the index was checked.
    return Int(unsafe messages[index].byte_count)
  }

  /// Whether message `index` was larger than its buffer.
  func isTruncated(_ index: Int) -> Bool {
    check(index)
    // SAFETY: the index was checked.
    return unsafe clinux_message_is_truncated(messages + index) != 0
  }

  /// The tag beside message `index`, as protocol << 16 | control information, if there is one.
  func tag(_ index: Int) -> UInt32? {
    check(index)
    // SAFETY: the index was checked; the control data was written by the last `receive`.
    let tag = unsafe clinux_message_tag(messages + index)
    return tag == 0 ? nil : UInt32(truncatingIfNeeded: tag)
  }

  private func check(_ index: Int) {
    precondition(index >= 0 && index < capacity, "no such message")
  }
}

// SAFETY: the vector owns its memory alone; sending it sends everything.
extension MessageVector: @unchecked Sendable {}
