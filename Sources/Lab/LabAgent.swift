// The agent of one host of a lab: started in the host's namespace, asked through its socket.

internal import Base
internal import HTTP
internal import Linux
internal import Model

/// A host agent that was started by this process.
struct LabAgent: Sendable {
  /// The last lines of a log that are shown when something failed.
  static let logLinesMax = 15
  /// How much of a log is read for them.
  private static let logBytesMax = 64 << 20

  let host: String
  let process: ProcessIdentity
  let folder: LabFolder

  /// Starts the agent of a host, and writes down which process it is.
  ///
  /// - Parameter command: the words before `--config`.
  static func start(
    _ command: [String], host: String, in namespace: NetworkNamespace, folder: LabFolder
  ) throws(Failure) -> LabAgent {
    // Its state folder is made by the agent, for itself alone.
    try makeDirectory(folder.hostPath(host))
    var start = ChildProcess.Command(
      command + [
        "--config", folder.topologyPath, "--host", host, "--socket", folder.socketPath(host),
        "--state-dir", folder.statePath(host), "--netns-prefix", "\(folder.lab)-",
      ], in: namespace)
    var environment = ChildProcess.Command.inheritedEnvironment
    environment[LabFolder.marker] = folder.path
    start.environment = environment
    start.workingDirectory = "/"
    start.output = .append(folder.logPath(host))
    start.errors = .append(folder.logPath(host))
    start.startsSession = true
    let process = try ChildProcess(start).identity
    try LabJournal.write(.agent(host: host, process), in: folder)
    return LabAgent(host: host, process: process, folder: folder)
  }

  /// The VMs of the host as the agent sees them.
  func vms() -> Result<[VMStatus], Failure> {
    let client = HTTPClient(.socket(folder.socketPath(host)), timeoutMilliseconds: 2000)
    return Result { () throws(Failure) in
      try client.request(.get, HTTPTarget(segments: ["v1", "vms"]), as: [VMStatus].self)
    }
  }

  /// What the agent printed last.
  var lastLogLines: [String] {
    guard let bytes = try? readFile(folder.logPath(host), limitBytes: Self.logBytesMax) else {
      return []
    }
    let text = String(decoding: bytes.suffix(1 << 16), as: UTF8.self)
    return text.split(separator: "\n").suffix(Self.logLinesMax).map(String.init)
  }
}
