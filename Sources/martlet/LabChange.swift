// `apply`: another topology for the hosts of a running lab, on all of them or on none.
//
// The agents of a lab read one file, labs/N/topology.yaml, so the new text is put in its place and
// each agent is told to read it again (`POST /v1/reload`). When one refuses, or does not answer, the
// old text is put back and all read that.

internal import Base
internal import ConfigFile
internal import HTTP
internal import Linux
internal import Model

/// A change of a running lab, checked and not yet made.
struct LabChange {
  let changes: TopologyChanges
  private let text: TopologyText
  private let path: String
  private let agents: [Agent]

  init(to text: TopologyText, lab: String?) throws {
    let directory = AgentDirectory()
    var chosen = lab
    if chosen == nil { chosen = try directory.onlyLab() }
    guard let chosen else {
      throw Failure(
        "cannot apply the file", why: "no lab is running",
        remedy: "bring one up (`martlet lab up FILE`); an agent outside a lab reads its own file "
          + "again on SIGHUP")
    }
    agents = try directory.agents(ofLab: chosen)
    path = "\(directory.runtimeFolder)/labs/\(chosen)/topology.yaml"
    let old = try TopologyFile.load(path: path)
    try TopologyChanges.checkNodes(of: chosen, from: old, to: text.topology)
    changes = TopologyChanges(from: old, to: text.topology)
    self.text = text
  }

  /// Makes the change on every host; on the first trouble, takes it back.
  func make() throws -> ExitStatus {
    let oldBytes = try readFile(path, limitBytes: YAMLReader.sizeLimitBytes)
    try AtomicFile.write(text.bytes, to: path)
    let answers = reload()
    guard !answers.failures.isEmpty else {
      for answer in answers.values {
        try Console.write("\(answer.agent.name): runs revision \(answer.value.revision)\n")
      }
      return .done
    }
    try AtomicFile.write(oldBytes, to: path)
    let restored = reload()
    _ = answers.tellFailures()
    let count = restored.values.count
    Console.note("taken back: \(count) of \(agents.count) hosts run the old topology again")
    return .failed
  }

  /// What an agent answers to a reload.
  private struct Reloaded: Codable, Sendable {
    var revision: UInt64
  }

  private func reload() -> AgentAnswers<Reloaded> {
    AgentClient.ask(
      agents, .post, HTTPTarget(segments: ["v1", "reload"]), as: Reloaded.self)
  }
}
