// Who lives in a set of namespaces, found in one walk over /proc.

internal import Glibc

extension NetworkNamespace {
  /// Processes whose main thread is in one of the namespaces.
  public static func processes(in namespaces: Set<Identity>) -> [ProcessIdentity] {
    guard !namespaces.isEmpty else { return [] }
    return ProcessIdentity.all().filter { process in
      identity(of: process).map { namespaces.contains($0) } ?? false
    }
  }

  /// The namespace of a process; `nil` when it has ended.
  public static func identity(of process: ProcessIdentity) -> Identity? {
    var status = stat()
    // SAFETY: the path is a C string and `status` lives for the call.
    guard unsafe stat("/proc/\(process.number)/ns/net", &status) == 0 else { return nil }
    return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}
