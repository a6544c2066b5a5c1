// What the hosts of a lab, or one agent, run now: one topology, read from the agents themselves
// (`GET /v1/config`), with the revision that each has of it.

internal import Base
internal import ConfigFile
internal import HTTP
internal import Model

/// The topology that running hosts have in common.
struct RunningConfig {
  let topology: Topology
  let bytes: [UInt8]
  let agents: [Agent]
  /// Of each agent.
  let revisions: [UInt64]

  /// What an agent answers.
  private struct Told: Codable, Sendable {
    var host: String
    var revision: UInt64
    var topology: String
  }

  /// Asks the agents that a command chooses. Throws when one does not answer, or runs something else.
  init(_ invocation: Invocation) throws {
    let agents = try AgentDirectory().agents(for: invocation)
    let told = AgentClient.ask(
      agents, .get, HTTPTarget(segments: ["v1", "config"]), as: Told.self)
    if let failure = told.failures.first { throw failure }
    let first = told.values[0]
    topology = try TopologyFile.parse(text: first.value.topology, file: first.value.host)
    for other in told.values.dropFirst() where other.value.topology != first.value.topology {
      let text = other.value.topology
      guard try TopologyFile.parse(text: text, file: other.value.host) == topology else {
        throw Failure(
          "cannot change what runs",
          why: "\(first.value.host) and \(other.value.host) run different configurations",
          remedy: "give all hosts the same one with `martlet apply -f FILE`")
      }
    }
    bytes = Array(first.value.topology.utf8)
    self.agents = agents
    revisions = told.values.map(\.value.revision)
  }
}

extension RunningConfig {
  /// The nic that a name means: `VM/eth0`, a VM with one nic, a MAC address, or a port id.
  func nic(named name: String) throws(Failure) -> NICReference {
    var found = topology.nics(named: name)
    if found.isEmpty { found = try nics(ofPort: name) }
    if found.count == 1 { return found[0] }
    let known = (found.isEmpty ? topology.allNICs : found).map(\.description)
    guard found.isEmpty else {
      throw Failure(
        "cannot choose a port of \(name)", why: "it may be \(known.joined(separator: ", "))",
        remedy: "name one, for example \(known[0])")
    }
    throw Failure.notThere("port", name, among: known)
  }

  /// The nics whose port has an id, on any switch.
  private func nics(ofPort id: String) throws(Failure) -> [NICReference] {
    let told = AgentClient.ask(
      agents, .get, HTTPTarget(segments: ["v1", "ports"]), as: [PortStatus].self)
    if let failure = told.failures.first { throw failure }
    let ports = told.values.flatMap(\.value).filter { $0.id == id }
    let labels = Set(ports.map { "\($0.vm ?? "")/\($0.device ?? "")" })
    return topology.allNICs.filter { labels.contains($0.description) }
  }
}

extension Failure {
  /// A name that nothing has, with those there are.
  static func notThere(_ noun: String, _ name: String, among known: [String]) -> Failure {
    let shown = known.prefix(20).joined(separator: ", ")
    let more = known.count > 20 ? " and \(known.count - 20) more" : ""
    return Failure(
      "cannot find \(noun) \(name)",
      why: known.isEmpty ? "there are none" : "the known ones are \(shown)\(more)",
      remedy: nearest(to: name, among: known).map { "did you mean \($0)?" }
        ?? "see `martlet \(noun) list`")
  }
}
