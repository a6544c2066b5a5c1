// A response that is sent as it comes: the sending half is here, the server reads the other.
//
// While nothing waits, the connection is suspended and costs no thread and no wake-up. The queue is
// bounded: a reader that falls `limitBytes` behind is cut off, and has to ask again from where it
// was, as after any lost connection. Lock order: this queue, then the daemon's own locks.

internal import CMicrohttpd
internal import Synchronization

/// A bounded queue of bytes from a handler to one client.
///
/// - Thread: any; nothing here waits.
public final class HTTPStream: Sendable {
  private struct State {
    var waiting: [UInt8] = []
    var finished = false
    /// Finished because the reader fell behind: the connection is cut rather than ended.
    var overflowed = false
    /// Set exactly while the connection is suspended.
    var suspended: Connection?
    var whenClosed: (@Sendable () -> Void)?
  }

  // SAFETY: the daemon allows `MHD_resume_connection` from any thread.
  @safe private struct Connection: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  private let state = Mutex(State())
  private let limitBytes: Int

  public init(limitBytes: Int = 256 * 1024) {
    self.limitBytes = limitBytes
  }

  /// Sends bytes to the client when it can take them.
  ///
  /// - Returns: false when the stream is finished, the client is gone, or it fell too far behind.
  @discardableResult
  public func send(_ bytes: [UInt8]) -> Bool {
    state.withLock { state in
      if state.finished { return false }
      if state.waiting.count + bytes.count > limitBytes {
        state.finished = true
        state.overflowed = true
      } else {
        state.waiting += bytes
      }
      Self.resume(&state)
      return !state.overflowed
    }
  }

  /// How much `send` takes now without falling behind; nil when the stream is finished or the client gone.
  public var roomBytes: Int? {
    state.withLock { $0.finished ? nil : max(0, limitBytes - $0.waiting.count) }
  }

  /// Ends the response after what was sent. May be called more than once.
  public func finish() {
    state.withLock { state in
      state.finished = true
      Self.resume(&state)
    }
  }

  /// Calls `body` once, when the client is gone or the response has ended.
  public func whenClosed(_ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.whenClosed = body }
  }

  private static func resume(_ state: inout State) {
    guard let connection = state.suspended else { return }
    state.suspended = nil
    // SAFETY: a suspended connection is not freed before it is resumed, and it is resumed here once.
    unsafe MHD_resume_connection(connection.pointer)
  }

  /// The daemon asks for more: fills `buffer`, or suspends the connection and says 0.
  func read(into buffer: UnsafeMutableRawBufferPointer, for connection: OpaquePointer) -> Int {
    let connection = unsafe Connection(pointer: connection)
    let buffer = unsafe Buffer(pointer: buffer)
    return state.withLock { state in
      if state.overflowed { return -2 }
      if state.waiting.isEmpty {
        if state.finished { return -1 }
        // SAFETY: called from the daemon's content reader, where suspending is allowed.
        unsafe MHD_suspend_connection(connection.pointer)
        state.suspended = connection
        return 0
      }
      let count = unsafe min(state.waiting.count, buffer.pointer.count)
      // SAFETY: `count` bytes fit in the buffer, which the daemon lends for this call.
      unsafe buffer.pointer.copyBytes(from: state.waiting.prefix(count))
      state.waiting.removeFirst(count)
      return count
    }
  }

  /// The daemon has let go of the response.
  func close() {
    let whenClosed = state.withLock { state in
      state.finished = true
      state.suspended = nil
      defer { state.whenClosed = nil }
      return state.whenClosed
    }
    whenClosed?()
  }

  // SAFETY: lent by the daemon for one call, and used by the thread of that call alone.
  @safe private struct Buffer: @unchecked Sendable {
    let pointer: UnsafeMutableRawBufferPointer
  }
}
