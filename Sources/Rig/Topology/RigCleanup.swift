// What is left when somebody presses Ctrl-C in the middle of a benchmark: nothing.
//
// Everything that a rig makes is found by its prefix: namespaces have it in their names, processes live
// inside those, folders in /tmp begin with it. So nobody keeps a list that could be incomplete.

public import Base
internal import Glibc
internal import Linux
internal import Synchronization

public enum RigCleanup {
  private static let isInterrupted = Atomic(false)

  /// Ends the processes in the namespaces of a prefix, and removes the namespaces and folders.
  public static func demolish(prefix: String) {
    let names = NetworkNamespace.names().filter { $0.hasPrefix(prefix) }
    let namespaces = names.compactMap { try? NetworkNamespace.open(named: $0) }
    for process in namespaces.flatMap({ $0.processes() }) { _ = try? process.kill() }
    for name in names { try? NetworkNamespace.delete(named: name) }
    for entry in (try? listDirectory("/tmp")) ?? [] where entry.hasPrefix(prefix) {
      try? removeTree("/tmp/\(entry)")
    }
  }

  /// Removes what earlier runs left that were killed too hard: prefixes of processes that are gone.
  public static func sweep() {
    for name in NetworkNamespace.names() {
      guard let (prefix, number) = ownedPrefix(of: name), kill(number, 0) != 0, errno == ESRCH
      else { continue }
      demolish(prefix: prefix)
    }
  }

  /// The prefix of a name as `RigEnvironment.uniquePrefix` makes them, and whose it is.
  package static func ownedPrefix(of name: String) -> (prefix: String, process: Int32)? {
    guard name.hasPrefix("mt"), let dash = name.firstIndex(of: "-") else { return nil }
    let numbers = name[..<dash].dropFirst(2).split(
      separator: "x", maxSplits: 1, omittingEmptySubsequences: false)
    guard numbers.count == 2, let process = Int32(numbers[0]), process > 0,
      UInt32(numbers[1]) != nil
    else { return nil }
    return (String(name[...dash]), process)
  }

  /// From here on SIGINT, SIGTERM and SIGHUP remove every rig of this process and end it.
  ///
  /// - Thread: the first, before any other starts; programs that are started are not concerned.
  public static func cleanUpOnSignals() throws(Failure) {
    do throws(Errno) {
      let signals = try SignalDescriptor()
      let thread = try Thread(named: "signals", owning: signals) { signals in
        guard var poller = try? Poller(capacity: 1) else { return }
        try? poller.add(signals.descriptor, token: 0)
        // Taken, and not only waited for: the descriptor lives until its last use.
        while signals.next() == nil { poller.wait(timeoutNanoseconds: nil) }
        isInterrupted.store(true, ordering: .sequentiallyConsistent)
        // Twice: the main thread may have been about to make one more.
        for _ in 0..<2 { demolish(prefix: "mt\(getpid())x") }
        _exit(130)
      }
      _ = consume thread
    } catch { throw error.failure("cannot listen to signals") }
  }

  /// Does not return when a signal came: this process ends as soon as its rigs are removed.
  public static func waitIfInterrupted() {
    while isInterrupted.load(ordering: .sequentiallyConsistent) { pause() }
  }
}
