// Network namespaces with names, as `ip netns` makes them (network_namespaces(7), ip-netns(8)).
//
// A named namespace is a file in /run/netns on which the namespace is bind-mounted; that mount
// keeps it alive. Invariant: only threads made for the purpose change their namespace, so no thread
// of a pool or of a caller is ever left in the wrong one.

public import Base
internal import CLinux
internal import Glibc

/// An open network namespace. It exists at least as long as this value.
///
/// - Thread: any. Nothing here changes the caller's namespace.
public final class NetworkNamespace: Sendable {
  /// Which namespace, whatever its name: equal for two handles of the same one.
  public struct Identity: Hashable, Sendable {
    public let device: UInt64
    public let inode: UInt64

    public init(device: UInt64, inode: UInt64) {
      self.device = device
      self.inode = inode
    }
  }

  /// Where named namespaces are.
  public static let directory = "/run/netns"

  private let file: Descriptor
  public let identity: Identity
  /// The name it was made or opened with, if any.
  public let name: String?

  /// For setns(2), and for netlink when a device is placed here.
  public var descriptor: Int32 { file.number }

  private init(path: String, name: String?) throws(Errno) {
    let file = try Descriptor(opening: path, O_RDONLY)
    var status = stat()
    // SAFETY: `status` lives for the call.
    guard unsafe fstat(file.number, &status) == 0 else { throw .current }
    identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    self.file = file
    self.name = name
  }

  /// Opens a named namespace.
  public static func open(named name: String) throws(Failure) -> NetworkNamespace {
    let path = try path(of: name)
    do throws(Errno) {
      let namespace = try NetworkNamespace(path: path, name: name)
      guard namespace.isMounted else { throw .notFound }
      return namespace
    } catch {
      throw error.failure(
        "cannot open network namespace \(name)", remedy: "see `ip netns list` for those there are")
    }
  }

  /// Which namespace a name stands for now; nil when there is none of that name.
  ///
  /// - Cost: one system call of about a microsecond, against forty for `open`.
  public static func identity(named name: String) -> Identity? {
    guard let path = try? path(of: name) else { return nil }
    var status = stat()
    // SAFETY: the path is a C string and `status` lives for the call.
    guard unsafe stat(path, &status) == 0 else { return nil }
    return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Opens a namespace by a file of it: `/proc/PID/ns/net`, or a bind mount anywhere.
  public static func open(path: String) throws(Failure) -> NetworkNamespace {
    do throws(Errno) { return try NetworkNamespace(path: path, name: nil) } catch {
      throw error.failure("cannot open network namespace \(path)")
    }
  }

  /// The namespace of the calling thread.
  public static func current() throws(Failure) -> NetworkNamespace {
    try open(path: "/proc/thread-self/ns/net")
  }

  /// Makes a namespace with a name, as `ip netns add` does. Its loopback device is down.
  ///
  /// - Errors: the name is taken, or this is not root; then nothing was made.
  public static func create(named name: String) throws(Failure) -> NetworkNamespace {
    let path = try path(of: name)
    let what = "cannot create network namespace \(name)"
    do throws(Errno) {
      try prepareDirectory()
      _ = try Descriptor(opening: path, O_RDONLY | O_CREAT | O_EXCL, mode: 0o444)
    } catch .exists {
      throw Errno.exists.failure(what, remedy: "delete it (`ip netns delete \(name)`) first")
    } catch { throw error.failure(what) }
    let made = Parcel<Made>()
    do throws(Errno) {
      try Thread(named: "netns") { made.fill(Made(mount(at: path, name))) }.join()
      return try made.open().result.get()
    } catch {
      // SAFETY: the path is passed as a C string for the call.
      _ = unsafe unlink(path)
      throw error.failure(what)
    }
  }

  /// Takes the name away; the namespace ends when no process, file or handle holds it. Nothing
  /// happens when there is no such name.
  public static func delete(named name: String) throws(Failure) {
    let path = try path(of: name)
    // SAFETY: the path is passed as a C string for each call.
    while unsafe clinux_detach_mount(path) == 0 {}
    var error = Errno.current
    if error == .invalid || error == .notFound {
      if unsafe unlink(path) == 0 { return }
      error = .current
      if error == .notFound { return }
    }
    throw error.failure("cannot delete network namespace \(name)")
  }

  /// The names there are, sorted. Empty when none was ever made.
  public static func names() -> [String] { ((try? directoryEntries(directory)) ?? []).sorted() }

  /// Runs `body` on a thread of its own inside the namespace, and waits for it.
  ///
  /// Sockets opened there stay in the namespace for life, wherever they are used afterwards.
  /// - Errors: those of `body`; and EPERM when this is not root.
  public func run<Value: ~Copyable & Sendable>(
    _ body: @escaping @Sendable () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let parcel = Parcel<Ran<Value>>()
    do throws(Errno) {
      try Thread(named: "netns") { [self] in
        parcel.fill(
          Ran { () throws(Failure) in
            if clinux_enter_network_namespace(descriptor) != 0 {
              throw Errno.current.failure("cannot enter network namespace \(label)")
            }
            return try body()
          })
      }.join()
    } catch { throw error.failure("cannot enter network namespace \(label)") }
    return try parcel.open().take()
  }

  /// Processes whose main thread is inside.
  public func processes() -> [ProcessIdentity] { Self.processes(in: [identity]) }

  private var label: String { name ?? "inode \(identity.inode)" }

  /// False for the empty file that a crash in the middle of `create` leaves.
  private var isMounted: Bool {
    clinux_is_namespace(descriptor) == 1
  }

  private static func path(of name: String) throws(Failure) -> String {
    guard !name.isEmpty, name.utf8.count <= 255, name != ".", name != "..", !name.contains("/")
    else {
      throw Failure(
        "cannot use \"\(name)\" as the name of a network namespace", why: "it is not a file name",
        remedy: "use 1 to 255 letters, digits, dots and dashes, and no slash")
    }
    return "\(directory)/\(name)"
  }

  /// Makes /run/netns a shared mount, so that a new namespace appears in every mount namespace.
  /// Two programs that do so at once would mount it twice: the lock is the one that `ip` takes.
  private static func prepareDirectory() throws(Errno) {
    // SAFETY: the path is a C string for each call.
    if unsafe mkdir(directory, 0o755) != 0, Errno.current != .exists { throw .current }
    let lock = try Descriptor(opening: directory, O_RDONLY | O_DIRECTORY)
    _ = try retried { flock(lock.number, LOCK_EX) }
    guard unsafe clinux_share_mount(directory) == 0 else { throw .current }
  }

  /// On a thread that ends right after: leaves for a new namespace and mounts it on `path`.
  private static func mount(at path: String, _ name: String) -> Result<NetworkNamespace, Errno> {
    Result { () throws(Errno) in
      guard clinux_new_network_namespace() == 0 else { throw .current }
      // SAFETY: both are C strings for the call.
      guard unsafe clinux_bind_mount("/proc/thread-self/ns/net", path) == 0 else {
        throw .current
      }
      return try NetworkNamespace(path: path, name: name)
    }
  }
}

/// What `create` brings back from its thread.
private struct Made: ~Copyable, Sendable {
  let result: Result<NetworkNamespace, Errno>
  init(_ result: Result<NetworkNamespace, Errno>) { self.result = result }
}

/// What `run` brings back from its thread.
private enum Ran<Value: ~Copyable & Sendable>: ~Copyable, Sendable {
  case value(Value)
  case failure(Failure)

  init(_ body: () throws(Failure) -> Value) {
    do throws(Failure) { self = .value(try body()) } catch { self = .failure(error) }
  }

  consuming func take() throws(Failure) -> Value {
    switch consume self {
    case .value(let value): return value
    case .failure(let failure): throw failure
    }
  }
}
