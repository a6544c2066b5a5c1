// What a process uses (proc(5)): memory from /proc/PID/statm, processor time from /proc/PID/stat.

internal import Glibc

/// Memory and processor time of a process.
public struct ResourceUse: Hashable, Sendable {
  /// Pages in memory, shared ones included.
  public var residentBytes: Int
  /// User and system time of all threads since the start.
  public var processorSeconds: Double

  /// Of this process.
  public static func current() throws(Errno) -> ResourceUse { try of(process: getpid()) }

  /// Of any process; ESRCH when there is none.
  public static func of(process: Int32) throws(Errno) -> ResourceUse {
    guard let statistics = ProcessStatistics(process: process),
      let memory = readKernelText("/proc/\(process)/statm"),
      let pages = memory.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { throw .noProcess }
    return ResourceUse(
      residentBytes: pages * sysconf(Int32(_SC_PAGESIZE)),
      processorSeconds: Double(statistics.processorTicks) / Double(sysconf(Int32(_SC_CLK_TCK))))
  }
}
