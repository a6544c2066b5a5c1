// Which threads may wait for a processor, and which may not (setpriority(2), sched(7)).

internal import Glibc

public enum ThreadPriority {
  /// Lets the calling thread, and those that it starts from here on, go before ordinary ones.
  ///
  /// For threads that others wait for and that sleep as soon as they can. Not real-time: they still share
  /// the processor. Nothing changes without CAP_SYS_NICE; false then.
  /// - Parameter nice: -1 to -20; lower goes first.
  @discardableResult
  public static func raise(to nice: Int32) -> Bool {
    precondition((-20...(-1)).contains(nice), "a raised priority is a negative nice value")
    return set(nice)
  }

  /// Back among ordinary threads, for work that nobody waits for: so others are let in by `Thread.yield`,
  /// which means little from a thread that goes before them.
  public static func makeOrdinary() { _ = set(0) }

  private static func set(_ nice: Int32) -> Bool {
    // On Linux, 0 is the calling thread and not its process: each thread has a nice value.
    return setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, nice) == 0
  }
}
