// Sockets by path: who may connect, and who may be connected to.

internal import Base
internal import CLinux
internal import Glibc
internal import Linux

/// Listens on the path of a port, and removes it at the end.
final class SocketListener: Sendable {
  private static let backlog: Int32 = 8

  private let socket: Descriptor
  private let path: String

  init(_ settings: VhostUserSettings) throws(Failure) {
    path = settings.path
    // SAFETY: a C string for the call.
    let number = unsafe clinux_stream_listen(path, Self.backlog)
    guard number >= 0 else {
      let error = Errno.current
      throw error.failure(
        "cannot listen on \(path)",
        remedy: error == Errno(rawValue: EADDRINUSE)
          ? "stop whoever uses it, or choose another path" : nil)
    }
    socket = Descriptor(owning: number)
    // SAFETY: as above.
    if let owner = settings.owner, unsafe chown(path, owner, gid_t.max) != 0 {
      throw Errno.current.failure("cannot give \(path) to user \(owner)")
    }
  }

  // SAFETY: a C string for the call.
  deinit { _ = unsafe unlink(path) }

  var descriptor: Int32 { socket.number }

  /// The next connection; nil when it went away again.
  func accept() -> Descriptor? {
    let number = clinux_stream_accept(socket.number)
    return number >= 0 ? Descriptor(owning: number) : nil
  }
}

enum SocketPeer {
  /// Root, ourselves, or the owner of the port.
  static func mayUse(_ socket: borrowing Descriptor, _ settings: VhostUserSettings) -> Bool {
    var process: Int32 = 0
    var user: UInt32 = 0
    var group: UInt32 = 0
    // SAFETY: three numbers that live for the call.
    guard unsafe clinux_unix_peer(socket.number, &process, &user, &group) == 0 else { return false }
    return user == 0 || user == geteuid() || user == settings.owner
  }
}
