// From an error number to words for a person.

public import Base
internal import Glibc

extension Errno {
  /// This error as a `Failure`; `remedy` replaces the general advice for the number.
  public func failure(_ what: String, remedy: String? = nil) -> Failure {
    Failure(what, why: description, remedy: remedy ?? self.remedy)
  }

  /// What usually helps.
  private var remedy: String {
    switch rawValue {
    case EPERM, EACCES: "run it as root"
    case ENOENT, ENOTDIR: "check that the path exists"
    case EEXIST: "remove what is there, or choose another name"
    case ENOSPC, EDQUOT: "free some disk space"
    case EROFS: "choose a place that can be written"
    case EMFILE, ENFILE: "raise the limit of open files (ulimit -n)"
    case EAGAIN, ENOMEM: "free memory, or raise the limit of processes (ulimit -u)"
    case ENAMETOOLONG: "choose a shorter name"
    case EBUSY: "stop what uses it, then try again"
    case ENOSYS, EOPNOTSUPP: "use a kernel that supports it (Linux 5.10 or later)"
    default: "check the kernel log (dmesg) for more"
    }
  }
}

/// Runs a call that returns -1 on failure, again while a signal interrupts it.
package func retried<Number: SignedInteger>(_ call: () -> Number) throws(Errno) -> Number {
  while true {
    let result = call()
    if result >= 0 { return result }
    let error = Errno.current
    if error != .interrupted { throw error }
  }
}
