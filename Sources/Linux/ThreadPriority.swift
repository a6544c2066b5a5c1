// Which threads may wait for a processor, and which may not (setpriority(2), sched(7)).

internal import Glibc

public enum ThreadPriority {
  /// Lets the calling thread go before ordinary ones: a nice value of -10.
  ///
  /// For a thread that others wait for and that sleeps as soon as it can. Not real-time: it still shares
  /// the processor. Nothing changes without CAP_SYS_NICE; false then.
  @discardableResult
  public static func raise() -> Bool {
    // On Linux, 0 is the calling thread and not its process: each thread has a nice value.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -10) == 0
  }
}
