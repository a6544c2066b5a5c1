// `mac flush`: forgets learned and external addresses, which are then learned again.
//
// Static entries are the addresses of plugged-in nics and stay. Asks `POST /v1/macs/flush`; an agent
// answers how many entries it forgot. A port is on one host, so only that host is asked about it.

internal import Base
internal import HTTP
internal import Model

enum MACCommands {
  /// What an agent answers.
  private struct Flushed: Codable, Sendable {
    var flushed: Int
  }

  static let flush = Command(
    noun: "mac", verb: "flush", summary: "forget learned addresses; static ones stay",
    options: AgentDirectory.options + [
      .init(name: "port", value: "ID", summary: "only addresses behind this port")
    ],
    examples: [
      .init(line: "martlet mac flush", effect: "on every switch of the running lab"),
      .init(line: "martlet mac flush --host host1", effect: "on the switches of one host"),
    ],
    run: { invocation in
      var agents = try AgentDirectory().agents(for: invocation)
      var target = HTTPTarget(segments: ["v1", "macs", "flush"])
      if let port = invocation.options["port"] {
        agents = try holders(of: port, among: agents)
        target.query = [.init(name: "port", value: port)]
      }
      let answers = AgentClient.ask(agents, .post, target, as: Flushed.self)
      if !answers.values.isEmpty {
        let count = answers.values.map(\.value.flushed).reduce(0, +)
        try Console.write("flushed \(count) \(count == 1 ? "address" : "addresses")\n")
      }
      return answers.tellFailures()
    })

  /// The agents whose host has a port.
  private static func holders(of port: String, among agents: [Agent]) throws(Failure) -> [Agent] {
    let told = AgentClient.ask(
      agents, .get, HTTPTarget(segments: ["v1", "ports"]), as: [PortStatus].self)
    if let failure = told.failures.first { throw failure }
    let holders = told.values.filter { $0.value.contains { $0.id == port } }.map(\.agent)
    guard holders.isEmpty else { return holders }
    throw Failure(
      "cannot find port \(port)", why: "no host that was asked has it",
      remedy: "see `martlet port list`")
  }
}
