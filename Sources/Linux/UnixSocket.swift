// Messages and open descriptors between processes of one machine (unix(7), SOCK_SEQPACKET).
//
// One send is one receive; a message carries 1 to 65,536 bytes and up to 16 descriptors.

internal import CLinux
internal import Glibc

/// One end of a connection that passes messages and descriptors.
///
/// - Thread: one sender and one receiver at a time; a message is never split.
public struct UnixSocket: ~Copyable, Sendable {
  /// Who is at the other end, as the kernel saw it when the connection was made.
  public struct Peer: Hashable, Sendable {
    public var process: Int32
    public var user: UInt32
    public var group: UInt32

    public init(process: Int32, user: UInt32, group: UInt32) {
      self.process = process
      self.user = user
      self.group = group
    }
  }

  /// Bytes with the descriptors that came along, owned by this value.
  public struct Message: ~Copyable, Sendable {
    public let bytes: [UInt8]
    private var descriptors: [Int32]

    init(bytes: [UInt8], descriptors: [Int32]) {
      self.bytes = bytes
      self.descriptors = descriptors
    }

    deinit { for number in descriptors { close(number) } }

    /// Descriptors not taken yet.
    public var descriptorCount: Int { descriptors.count }

    /// The next descriptor, in the order of sending; `nil` after the last.
    public mutating func takeDescriptor() -> Descriptor? {
      descriptors.isEmpty ? nil : Descriptor(owning: descriptors.removeFirst())
    }
  }

  public static let messageBytesMax = 65_536
  public static let descriptorsMax = CLINUX_PASSED_MAX

  private let socket: Descriptor
  private init(_ number: Int32) { socket = Descriptor(owning: number) }

  /// For polling.
  public var descriptor: Int32 { socket.number }

  /// Takes over a connected socket, such as one inherited from a parent process.
  public init(owning descriptor: consuming Descriptor) { socket = descriptor }

  /// Connects to a path of at most 107 bytes.
  ///
  /// - Parameter timeoutMilliseconds: how long connecting, and then each message, may wait for the
  ///   other end before it fails with EAGAIN; `nil` waits for ever.
  public init(connectingTo path: String, timeoutMilliseconds: Int32? = nil) throws(Errno) {
    // SAFETY: a C string for the call.
    let number = unsafe clinux_unix_connect(path, timeoutMilliseconds ?? 0)
    guard number >= 0 else { throw .current }
    self.init(number)
  }

  /// Two connected ends.
  public static func withPair<Value: ~Copyable>(
    _ body: (consuming UnixSocket, consuming UnixSocket) -> Value
  ) throws(Errno) -> Value {
    var ends: [Int32] = [-1, -1]
    // SAFETY: room for two descriptors.
    guard unsafe clinux_unix_pair(&ends) == 0 else { throw .current }
    return body(UnixSocket(ends[0]), UnixSocket(ends[1]))
  }

  /// Sends one message; the descriptors stay open here too.
  public borrowing func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws(Errno) {
    precondition((1...Self.messageBytesMax).contains(bytes.count), "1 to 65,536 bytes")
    precondition(descriptors.count <= Self.descriptorsMax, "at most 16 descriptors")
    // SAFETY: both arrays live for the call, with their own counts.
    let sent = unsafe clinux_send_descriptors(
      socket.number, bytes, bytes.count, descriptors, Int32(descriptors.count))
    guard sent >= 0 else { throw .current }
  }

  /// Waits for one message. `nil` when the other end has closed; EMSGSIZE when it does not fit.
  public borrowing func receive(limitBytes: Int = messageBytesMax) throws(Errno) -> Message? {
    var numbers = [Int32](repeating: -1, count: Self.descriptorsMax)
    var count = Int32(numbers.count)
    var failure: Errno?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limitBytes) { buffer, filled in
      // SAFETY: room for `limitBytes` bytes, and for as many descriptors as `count` says.
      let received = unsafe clinux_receive_descriptors(
        socket.number, buffer.baseAddress, limitBytes, &numbers, &count)
      if received < 0 { failure = .current }
      filled = max(0, received)
    }
    if let failure { throw failure }
    return bytes.isEmpty
      ? nil : Message(bytes: bytes, descriptors: Array(numbers.prefix(Int(count))))
  }

  /// Who connected, or who listens.
  public borrowing func peer() throws(Errno) -> Peer {
    var process: Int32 = 0
    var user: UInt32 = 0
    var group: UInt32 = 0
    // SAFETY: three numbers that live for the call.
    guard unsafe clinux_unix_peer(socket.number, &process, &user, &group) == 0 else {
      throw .current
    }
    return Peer(process: process, user: user, group: group)
  }
}

/// Waits for connections of its own user on a path; removes the path when it goes.
public struct UnixListener: ~Copyable, Sendable {
  private let socket: Descriptor
  public let path: String

  /// Listens on a path of at most 107 bytes. EADDRINUSE when something is there, even if dead.
  public init(path: String, backlog: Int32 = 16) throws(Errno) {
    // SAFETY: a C string for the call.
    let number = unsafe clinux_unix_listen(path, backlog)
    guard number >= 0 else { throw .current }
    socket = Descriptor(owning: number)
    self.path = path
  }

  // SAFETY: a C string for the call.
  deinit { _ = unsafe unlink(path) }

  /// Readable when somebody waits to be accepted.
  public var descriptor: Int32 { socket.number }

  /// Waits for the next connection.
  public borrowing func accept() throws(Errno) -> UnixSocket {
    UnixSocket(owning: Descriptor(owning: try retried { clinux_unix_accept(socket.number) }))
  }
}
