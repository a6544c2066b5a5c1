// Which processors a thread may run on (sched_setaffinity(2)).

internal import CLinux

public enum ProcessorAffinity {
  /// As many as a `cpu_set_t` has.
  private static let processorCount: Int32 = 1_024

  /// The processors that the calling thread may run on, in order; empty when that cannot be told.
  public static var allowed: [Int] {
    (0..<processorCount).filter { clinux_may_run_on($0) == 1 }.map { Int($0) }
  }

  /// Keeps the calling thread on one processor. False when it may not run there.
  @discardableResult
  public static func pin(to processor: Int) -> Bool {
    guard let number = Int32(exactly: processor) else { return false }
    return clinux_run_on(number) == 0
  }
}
