// A listening Unix socket with a path that is ours: unix(7).
//
// A path that somebody answers on is never taken over. One that nobody answers on is left from a
// process that died, and is removed; the folder is locked (flock(2)) while that is decided, so two
// starting processes cannot both decide it. The socket file is 0600 before it listens, so there is
// no moment at which another user can connect. It is removed at the end if it is still the same file.

internal import Base
internal import Glibc
internal import Linux

/// A bound and listening socket, and the file that names it.
struct UnixListener: ~Copyable {
  /// Others hold the lock for as long as it takes to make a socket.
  private static let lockNanoseconds: UInt64 = 2_000_000_000

  let path: String
  private(set) var socket: Descriptor?
  private let device: UInt
  private let inode: UInt

  init(path: String, backlog: Int32) throws(Failure) {
    let address = try UnixAddress(path: path)
    let folder = try Self.lockFolder(of: path)
    defer { _ = folder }
    let socket = try Self.open(path)
    if !address.bind(socket) {
      let error = Errno.current
      guard error.rawValue == EADDRINUSE else {
        throw Self.failure(path, error.description)
      }
      try Self.removeStale(path, address)
      guard address.bind(socket) else { throw Self.failure(path, Errno.current.description) }
    }
    var status = stat()
    // SAFETY: `path` and `status` outlive the calls.
    guard unsafe chmod(path, 0o600) == 0, unsafe lstat(path, &status) == 0,
      listen(socket.number, backlog) == 0
    else {
      let error = Errno.current
      Self.remove(path)
      throw Self.failure(path, error.description)
    }
    self.path = path
    self.socket = consume socket
    device = status.st_dev
    inode = status.st_ino
  }

  deinit {
    var status = stat()
    // SAFETY: `status` is a local that outlives the call.
    if unsafe lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode {
      Self.remove(path)
    }
  }

  /// Gives the socket up; the file stays ours. Traps the second time.
  mutating func releaseSocket() -> Int32 {
    guard let socket = socket.take() else { preconditionFailure("the socket was given up before") }
    return socket.release()
  }

  /// Removes the file if it is there.
  private static func remove(_ path: String) {
    // SAFETY: the string is lent to the call as a C string.
    _ = unsafe unlink(path)
  }

  private static func open(_ path: String) throws(Failure) -> Descriptor {
    let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw failure(path, Errno.current.description) }
    return Descriptor(owning: number)
  }

  /// Holds the lock of the folder while the result lives.
  private static func lockFolder(of path: String) throws(Failure) -> Descriptor {
    var folder = path
    while let last = folder.popLast(), last != "/" {}
    if folder.isEmpty { folder = path.hasPrefix("/") ? "/" : "." }
    // SAFETY: the string is lent to the call as a C string.
    let number = unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else {
      throw Failure(
        "cannot listen on \(path)", why: "folder \(folder): \(Errno.current)",
        remedy: "make the folder first")
    }
    let descriptor = Descriptor(owning: number)
    // Whoever may read the folder may lock it, so the wait has a bound.
    let isLocked = MonotonicClock.wait(atMostNanoseconds: lockNanoseconds) {
      flock(number, LOCK_EX | LOCK_NB) == 0
    }
    guard isLocked else {
      throw Failure(
        "cannot listen on \(path)", why: "another process holds the lock of folder \(folder)",
        remedy: "wait for it, or see which one it is: `fuser -v \(folder)`")
    }
    return descriptor
  }

  private static func removeStale(_ path: String, _ address: UnixAddress) throws(Failure) {
    var status = stat()
    // SAFETY: `status` is a local that outlives the call.
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
      throw Failure(
        "cannot listen on \(path)", why: "a file that is not a socket is there",
        remedy: "move the file away, or name another socket with --socket")
    }
    let probe = try open(path)
    guard !address.connect(probe) else {
      throw Failure(
        "cannot listen on \(path)", why: "another process already answers there",
        remedy: "stop that process, or name another socket with --socket")
    }
    let error = Errno.current
    // Only "refused" means that nobody listens; a full backlog, for one, means that somebody does.
    guard error.rawValue == ECONNREFUSED else { throw failure(path, error.description) }
    Self.remove(path)
  }

  private static func failure(_ path: String, _ why: String) -> Failure {
    Failure(
      "cannot listen on \(path)", why: why,
      remedy: "check the folder and who may write to it, or name another socket with --socket")
  }
}

/// A socket path as the kernel takes it.
private struct UnixAddress {
  private var address = sockaddr_un()

  init(path: String) throws(Failure) {
    let bytes = Array(path.utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path) - 1
    guard !bytes.isEmpty, bytes.count <= room, !bytes.contains(0) else {
      throw Failure(
        "cannot listen on '\(path)'",
        why: "a socket path has 1 to \(room) bytes and this one has \(bytes.count)",
        remedy: "use a shorter path")
    }
    address.sun_family = sa_family_t(AF_UNIX)
    // SAFETY: the field holds `room` + 1 bytes, all zero before, and at most `room` are written.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
  }

  func bind(_ socket: borrowing Descriptor) -> Bool {
    let number = socket.number
    // SAFETY: the address is lent for the call, with its size.
    return unsafe withAddress { unsafe Glibc.bind(number, $0, $1) } == 0
  }

  func connect(_ socket: borrowing Descriptor) -> Bool {
    let number = socket.number
    // SAFETY: the address is lent for the call, with its size.
    return unsafe withAddress { unsafe Glibc.connect(number, $0, $1) } == 0
  }

  private func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    // SAFETY: a sockaddr_un may be seen as the sockaddr that it begins with (unix(7)).
    unsafe withUnsafePointer(to: address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe body(address, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
