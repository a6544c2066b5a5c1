// Where labs keep what they run with. The folder of a lab exists exactly as long as the lab does:
//
//   /run/martlet/labs/NAME/journal                 what was made, written before it is made
//                         /topology.yaml           the file that it was built from
//                         /hosts/HOST/agent.sock   the API of the host's agent
//                                    /agent.log    what the agent prints
//                                    /state/       what the agent keeps
//                                    /VM-eth0.sock where a guest behind vhost-user connects
//
// MARTLET_RUNTIME_DIRECTORY replaces /run/martlet.

internal import Base
internal import Linux
internal import Model

/// The folder of all labs.
public struct LabDirectory: Hashable, Sendable {
  /// The longest path of a Unix socket (unix(7)).
  static let socketPathBytesMax = 107

  public let runtimeFolder: String

  public init(runtimeFolder: String) { self.runtimeFolder = runtimeFolder }

  /// The one that the environment names, or else /run/martlet.
  public init() {
    let environment = ChildProcess.Command.inheritedEnvironment
    self.init(runtimeFolder: environment["MARTLET_RUNTIME_DIRECTORY"] ?? "/run/martlet")
  }

  /// The labs that have a folder, sorted: those that run, and those that a crash left behind.
  public var names: [String] { ((try? listDirectory(labsFolder)) ?? []).sorted() }

  var labsFolder: String { "\(runtimeFolder)/labs" }

  func folder(of lab: String) -> LabFolder { LabFolder(lab: lab, path: "\(labsFolder)/\(lab)") }

  /// Takes the empty folders away after the last lab.
  func removeIfEmpty() {
    if removeDirectoryIfEmpty(labsFolder) { removeDirectoryIfEmpty(runtimeFolder) }
  }
}

/// The folder of one lab.
struct LabFolder: Hashable, Sendable {
  /// Every process that a lab starts has this variable, set to the path of the lab's folder: so it
  /// is found even when it was started and not yet written down.
  static let marker = "MARTLET_LAB"

  let lab: String
  let path: String

  var journalPath: String { "\(path)/journal" }
  var topologyPath: String { "\(path)/topology.yaml" }
  var hostsPath: String { "\(path)/hosts" }

  func hostPath(_ host: String) -> String { "\(hostsPath)/\(host)" }
  func socketPath(_ host: String) -> String { "\(hostPath(host))/agent.sock" }
  func logPath(_ host: String) -> String { "\(hostPath(host))/agent.log" }
  func statePath(_ host: String) -> String { "\(hostPath(host))/state" }
  /// The longest path of a socket that the agent of a host makes: that of its keeper.
  func longestSocketPath(_ host: String) -> String { "\(statePath(host))/keeper.sock" }

  /// Where the guest of a nic behind vhost-user is met.
  func socketPath(_ socket: VhostUserSocket, _ host: String, _ vm: String, _ device: String)
    -> String
  {
    socket.path ?? "\(hostPath(host))/\(VhostUserSocket.defaultName(vm: vm, device: device))"
  }

  /// Every living process that the lab started.
  func markedProcesses() -> [ProcessIdentity] {
    ProcessIdentity.all(withVariable: Self.marker, equalTo: path)
  }
}
