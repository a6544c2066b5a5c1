// Which agents a command talks to: one that was named, those of a lab, or the one of this host.
//
//   --socket PATH    that agent
//   --lab N          the agents of that lab: labs/N/hosts/HOST/agent.sock under the runtime folder
//   neither          those of the only running lab; without a lab, agent.sock of the runtime folder

internal import Base
internal import Lab
internal import Linux

/// A host agent that can be asked.
struct Agent: Sendable {
  /// The host in a lab, or the socket path where no name is known yet.
  var name: String
  var socketPath: String
}

/// Finds agents by their socket files.
struct AgentDirectory {
  private let labFolders = LabDirectory()

  /// Where labs and agents keep their sockets.
  var runtimeFolder: String { labFolders.runtimeFolder }

  /// The options that choose agents.
  static let options = [
    Command.Option(name: "lab", value: "N", summary: "a running lab, when there are several"),
    Command.Option(name: "host", value: "H", summary: "only this host"),
    Command.Option(name: "socket", value: "PATH", summary: "the socket of one agent"),
  ]

  /// The agents that the options of a command choose; at least one.
  func agents(for invocation: Invocation) throws -> [Agent] {
    if let lab = try lab(for: invocation) {
      return try agents(ofLab: lab, host: invocation.options["host"])
    }
    guard let path = invocation.options["socket"] else { return [try localAgent()] }
    return [Agent(name: path, socketPath: path)]
  }

  /// The lab that the options of a command choose; nothing when they choose another agent.
  func lab(for invocation: Invocation) throws -> String? {
    let lab = invocation.options["lab"]
    guard invocation.options["socket"] != nil else { return try lab ?? onlyLab() }
    guard lab == nil else {
      throw UsageError(
        "cannot take --socket with --lab", why: "each chooses the agents by itself",
        remedy: "give one of them")
    }
    return nil
  }

  /// The names of the running labs.
  var labs: [String] { labFolders.names }

  /// The only running lab; nothing when none runs.
  func onlyLab() throws(Failure) -> String? {
    let labs = labs
    guard labs.count > 1 else { return labs.first }
    throw Failure(
      "cannot choose a lab", why: "several are running: \(labs.joined(separator: ", "))",
      remedy: "name one with --lab, for example --lab \(labs[0])")
  }

  private func agents(ofLab lab: String, host: String?) throws(Failure) -> [Agent] {
    let folder = "\(runtimeFolder)/labs/\(lab)"
    guard labs.contains(lab) else {
      throw Failure(
        "cannot find lab \(lab)", why: Self.whatIsThere("labs", labs),
        remedy: nearest(to: lab, among: labs).map { "did you mean --lab \($0)?" }
          ?? "see `martlet lab list`")
    }
    let hosts = ((try? listDirectory("\(folder)/hosts")) ?? []).sorted()
    let agents = hosts.map { Agent(name: $0, socketPath: "\(folder)/hosts/\($0)/agent.sock") }
    guard !agents.isEmpty else {
      throw Failure(
        "cannot ask lab \(lab)", why: "it has no hosts",
        remedy: "take it down with `martlet lab down \(lab)` and bring it up again")
    }
    guard let host else { return agents }
    guard let agent = agents.first(where: { $0.name == host }) else {
      throw Failure(
        "cannot find host \(host) in lab \(lab)", why: Self.whatIsThere("hosts", hosts),
        remedy: nearest(to: host, among: hosts).map { "did you mean --host \($0)?" }
          ?? "for example --host \(hosts[0])")
    }
    return [agent]
  }

  private func localAgent() throws(Failure) -> Agent {
    let path = "\(runtimeFolder)/agent.sock"
    // A socket that is there but silent is told when it is asked.
    guard (try? listDirectory(runtimeFolder))?.contains("agent.sock") == true else {
      throw Failure(
        "cannot find an agent", why: "no lab is running, and there is no \(path)",
        remedy: "bring up a lab (`martlet lab up FILE`), start `martlet host run`, or give --socket"
      )
    }
    return Agent(name: path, socketPath: path)
  }

  private static func whatIsThere(_ what: String, _ names: [String]) -> String {
    names.isEmpty ? "there are no \(what)" : "the \(what) are \(names.joined(separator: ", "))"
  }
}
