// How many files a process may have open (getrlimit(2), RLIMIT_NOFILE).

internal import Glibc

public enum OpenFileLimit {
  /// Allows as many open files as the administrator lets this process have.
  ///
  /// The usual limit of 1,024 is for programs that still use select(2); a host with a thousand ports needs
  /// a descriptor for each. Programs started from here inherit it.
  public static func raise() {
    var limit = rlimit()
    // SAFETY: one struct, read and written during the calls.
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
