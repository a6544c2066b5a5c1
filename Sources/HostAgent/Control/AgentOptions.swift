// What `martlet host run` is told.

internal import Dataplane
internal import Linux

/// How an agent runs.
public struct AgentOptions: Hashable, Sendable {
  public static let defaultSocketPath = "/run/martlet/agent.sock"
  public static let defaultStateDirectory = "/var/lib/martlet"

  /// The topology file.
  public var configPath: String
  /// Which host of the topology this is.
  public var host: String
  /// Where the API listens.
  public var socketPath = Self.defaultSocketPath
  /// Where the agent keeps what must survive it: port ids, the keeper's socket.
  public var stateDirectory = Self.defaultStateDirectory
  /// A VM's namespace is this prefix and its name.
  public var namespacePrefix = ""
  /// What the worker does when no frame waits.
  public var poll = PollMode.adaptive
  /// Threads that move frames, `workersMax` at most.
  public var workers = 1
  /// The program that runs the keeper: `host keep --socket PATH` is added.
  public var executable = ProcessIdentity.ownExecutablePath

  public init(configPath: String, host: String) {
    self.configPath = configPath
    self.host = host
  }

  /// As many as a switch has lanes.
  public static var workersMax: Int { SwitchLimits.lanesMax }
  /// One for each processor that this process may use.
  public static var workersForProcessors: Int {
    min(max(1, ProcessorAffinity.allowed.count), workersMax)
  }

  /// Empty for a socket in the working folder.
  var socketDirectory: String {
    socketPath.lastIndex(of: "/").map { String(socketPath[..<$0]) } ?? ""
  }
  var keeperSocketPath: String { "\(stateDirectory)/keeper.sock" }
  var portsPath: String { "\(stateDirectory)/ports.json" }
  var devicesPath: String { "\(stateDirectory)/devices.json" }
}
