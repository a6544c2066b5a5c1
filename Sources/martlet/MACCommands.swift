// `mac flush`: forgets learned and external addresses, which are then learned again.
//
// Static entries are the addresses of plugged-in nics and stay. Asks `DELETE /v1/macs` with the
// filters as query; an agent answers how many entries it forgot.

internal import HTTP

enum MACCommands {
  /// What an agent answers.
  private struct Flushed: Codable, Sendable {
    var flushed: Int
  }

  static let flush = Command(
    noun: "mac", verb: "flush", summary: "forget learned addresses; static ones stay",
    options: AgentDirectory.options + [
      .init(name: "switch", value: "S", summary: "only addresses of this switch"),
      .init(name: "port", value: "ID", summary: "only addresses behind this port or uplink"),
      .init(name: "vlan", value: "V", summary: "only addresses of this VLAN", range: 0...4094),
    ],
    examples: [
      .init(line: "martlet mac flush", effect: "on every switch of the running lab"),
      .init(line: "martlet mac flush --switch dvs1 --vlan 10", effect: "one VLAN of one switch"),
    ],
    run: { invocation in
      let agents = try AgentDirectory().agents(for: invocation)
      let query = ["switch", "port", "vlan"].compactMap { name in
        invocation.options[name].map { HTTPTarget.Item(name: name, value: $0) }
      }
      let answers = AgentClient.ask(
        agents, .delete, HTTPTarget(segments: ["v1", "macs"], query: query), as: Flushed.self)
      if !answers.values.isEmpty {
        let count = answers.values.map(\.flushed).reduce(0, +)
        try Console.write("flushed \(count) \(count == 1 ? "address" : "addresses")\n")
      }
      return answers.tellFailures()
    })
}
