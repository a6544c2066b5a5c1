// Builds a topology on this machine from real processes and network namespaces.
//
// Invariants: nothing is made before the file, the name and the machine were found good; everything
// is written down before it is made (LabJournal); one process at a time works on a lab
// (DirectoryLock on its folder). So what is there is always known, whatever was killed when.

internal import Base
internal import Linux

/// Builds, lists and takes down the labs of this machine, and runs commands in them.
///
/// - Thread: one at a time. `up` and `exec` take over SIGINT, SIGTERM and SIGHUP of the process, so
///   they are called on the first thread, before others start.
public struct LabBuilder: Sendable {
  public static let timeoutSecondsDefault = 60

  public let directory: LabDirectory
  /// The words that start a host agent, before its options.
  let agentCommand: [String]

  /// Agents are this very program, with `host run`.
  public init(directory: LabDirectory = LabDirectory()) {
    self.init(
      directory: directory, agentCommand: [ProcessIdentity.ownExecutablePath, "host", "run"])
  }

  /// For agents of another program.
  package init(directory: LabDirectory, agentCommand: [String]) {
    self.directory = directory
    self.agentCommand = agentCommand
  }

  /// Takes the lock of a lab's folder, or says who has it.
  ///
  /// - Returns: `nil` when the lab has no folder and none was to be made.
  func lock(_ folder: LabFolder, creating: Bool, waitingNanoseconds: UInt64 = 0) throws(Failure)
    -> DirectoryLock?
  {
    var found: DirectoryLock?
    var isMissing = false
    let isDone = try MonotonicClock.wait(
      atMostNanoseconds: waitingNanoseconds, everyNanoseconds: 50_000_000
    ) { () throws(Failure) in
      switch try DirectoryLock.attempt(folder.path, creating: creating) {
      case .held(let lock): found = consume lock
      case .missing: isMissing = true
      case .busy: return false
      }
      return true
    }
    if isDone || isMissing { return found }
    let builder = (try? LabJournal(in: folder))??.builder
    throw Failure(
      "cannot work on lab \(folder.lab)",
      why: "another process is working on it"
        + (builder.map { $0.isAlive ? " (process \($0.number))" : "" } ?? ""),
      remedy: "wait until it is done, or stop it with Ctrl-C")
  }
}
