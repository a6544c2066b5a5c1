// A file descriptor with an owner: closed exactly once, when the owner goes.

internal import Glibc

/// Owns an open file descriptor and closes it at the end of its life.
///
/// - Thread: may be moved to another thread; use from several needs what the kernel object allows.
public struct Descriptor: ~Copyable, Sendable {
  /// For system calls; valid while this value lives. Do not close it.
  public let number: Int32

  /// Takes over an open descriptor. Traps on a negative number: check for failure first.
  public init(owning number: Int32) {
    precondition(number >= 0, "not an open descriptor")
    self.number = number
  }

  deinit { _ = Glibc.close(number) }

  /// Gives the descriptor up without closing it.
  public consuming func release() -> Int32 {
    let number = self.number
    discard self
    return number
  }

  /// A second descriptor of the same open file, close-on-exec.
  public func duplicate() throws(Errno) -> Descriptor {
    let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw .current }
    return Descriptor(owning: copy)
  }
}
