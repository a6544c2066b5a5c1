// One netlink socket: libnl's handle and a buffer for what the kernel says (netlink(7)).
//
// Invariant: `handle` is open and connected from `init` to `deinit`, and `buffer` has
// `bufferBytes`.

internal import CNetlink
internal import Glibc
internal import Linux

/// A connected NETLINK_ROUTE socket.
///
/// - Thread: one at a time. It stays in the namespace in which it was made.
@safe
struct Channel: ~Copyable {
  private let handle: OpaquePointer
  private let buffer: UnsafeMutableRawPointer
  /// The kernel sends at most 32 KiB in one message of a dump.
  private static let bufferBytes = 65_536

  // SAFETY: the handle is connected, by the invariant, and libnl only reads a field of it.
  var descriptor: Int32 { unsafe nl_socket_get_fd(handle) }

  init() throws(Errno) {
    // SAFETY: the handle is this function's alone until it is kept, and given back when it is not.
    guard let handle = unsafe nl_socket_alloc() else { throw .noBufferSpace }
    if unsafe nl_connect(handle, NETLINK_ROUTE) != 0 {
      let error = Errno.current
      unsafe nl_socket_free(handle)
      throw error
    }
    unsafe self.handle = handle
    unsafe buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
    // The kernel's words with an error, and not the request again. Old kernels have neither.
    setOption(SOL_NETLINK, Int32(NETLINK_EXT_ACK), 1)
    setOption(SOL_NETLINK, Int32(NETLINK_CAP_ACK), 1)
  }

  deinit {
    // SAFETY: both were made in `init` and belong to this value, which cannot be copied.
    unsafe nl_socket_free(handle)
    unsafe buffer.deallocate()
  }

  borrowing func setOption(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    // SAFETY: four bytes of a local.
    _ = unsafe setsockopt(descriptor, level, option, &value, 4)
  }

  /// A receive that waits longer than this fails with EAGAIN.
  borrowing func setReceiveTimeout(seconds: Int) {
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    // SAFETY: a local of the size that is given.
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  /// Listens to a multicast group from now on.
  borrowing func join(_ group: Int32) throws(Errno) {
    var group = group
    // SAFETY: four bytes of a local.
    guard unsafe setsockopt(descriptor, SOL_NETLINK, Int32(NETLINK_ADD_MEMBERSHIP), &group, 4) == 0
    else { throw .current }
  }

  borrowing func send(_ request: borrowing Request) throws(Errno) {
    // SAFETY: both are alive for the call, which numbers the request and copies it.
    if unsafe nl_send_auto(handle, request.message) < 0 { throw .current }
  }

  /// Receives one datagram and hands on each of its messages.
  ///
  /// - Errors: EAGAIN when nothing is there, ENOBUFS when the kernel had to drop some.
  borrowing func receive(waiting: Bool, _ body: (Reply) -> Void) throws(Errno) {
    var sender = sockaddr_nl()
    var senderBytes = socklen_t(MemoryLayout<sockaddr_nl>.size)
    let flags = Int32(MSG_TRUNC) | (waiting ? 0 : Int32(MSG_DONTWAIT))
    let count = try retried {
      // SAFETY: the buffer and the address have the sizes that are given.
      unsafe withUnsafeMutableBytes(of: &sender) { address in
        unsafe recvfrom(
          descriptor, buffer, Self.bufferBytes, flags,
          address.baseAddress?.assumingMemoryBound(to: sockaddr.self), &senderBytes)
      }
    }
    // Only the kernel is believed. What does not fit cannot come from it.
    guard sender.nl_pid == 0, count <= Self.bufferBytes else { return }
    var rest = Int32(count)
    var header: UnsafeMutablePointer<nlmsghdr>? = unsafe buffer.assumingMemoryBound(
      to: nlmsghdr.self)
    // SAFETY: `nlmsg_ok` checks each message against what is left of the datagram.
    while let message = unsafe header, unsafe nlmsg_ok(message, rest) != 0 {
      unsafe body(Reply(message))
      unsafe header = nlmsg_next(message, &rest)
    }
  }
}

// SAFETY: the channel owns its handle and its memory alone.
extension Channel: @unchecked Sendable {}
