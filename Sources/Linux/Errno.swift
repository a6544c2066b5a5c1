// Error numbers of system calls, as values (errno(3)).

internal import Glibc

/// Why a system call failed.
public struct Errno: Error, RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public let rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The calling thread's `errno`: read it before anything else can change it.
  public static var current: Errno { Errno(rawValue: errno) }

  public static let again = Errno(rawValue: EAGAIN)
  public static let interrupted = Errno(rawValue: EINTR)
  public static let exists = Errno(rawValue: EEXIST)
  public static let notFound = Errno(rawValue: ENOENT)
  public static let busy = Errno(rawValue: EBUSY)
  public static let noDevice = Errno(rawValue: ENODEV)
  public static let noDeviceOrAddress = Errno(rawValue: ENXIO)
  public static let networkDown = Errno(rawValue: ENETDOWN)
  public static let noBufferSpace = Errno(rawValue: ENOBUFS)
  public static let notPermitted = Errno(rawValue: EPERM)
  public static let invalid = Errno(rawValue: EINVAL)
  public static let noProcess = Errno(rawValue: ESRCH)
  public static let badDescriptorState = Errno(rawValue: EBADFD)

  /// The kernel's words: "No such file or directory".
  public var description: String {
    // SAFETY: glibc returns a static or per-thread string that is copied at once.
    unsafe strerror(rawValue).map { unsafe String(cString: $0) } ?? "error \(rawValue)"
  }
}
