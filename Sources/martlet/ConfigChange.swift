// Another topology for running hosts, on all of them or on none: `apply`, and what edits a port.
//
// Every agent first tries the new text (`PUT /v1/config?dryRun=true`) and says what would change;
// only when all can take it is it sent for good. Should one fail then, those that took it get back
// what they ran, as far as it is known. Who edits what runs says which revision that was, and an agent
// that runs another by then refuses.

internal import Base
internal import ConfigFile
internal import HTTP
internal import Linux
internal import Model

/// A change of running hosts.
struct ConfigChange {
  /// An agent makes devices meanwhile, so this takes longer than a question.
  private static let timeoutMilliseconds = 60_000

  /// What an agent answers.
  private struct Applied: Codable, Sendable {
    var host: String
    var revision: UInt64
    /// One line each.
    var changes: [String]
  }

  private let bytes: [UInt8]
  private let agents: [Agent]
  /// What each agent must run for the change to be right; empty: whatever it runs.
  private let revisions: [UInt64]
  /// What the hosts run now.
  private let oldBytes: [UInt8]?

  /// The change to what a file declares.
  init(to text: TopologyText, _ invocation: Invocation) throws {
    let directory = AgentDirectory()
    bytes = text.bytes
    revisions = []
    agents = try directory.agents(for: invocation)
    guard let lab = try directory.lab(for: invocation) else {
      oldBytes = nil
      return
    }
    // The hosts of a lab share one file.
    let old = try TopologyText("\(directory.runtimeFolder)/labs/\(lab)/topology.yaml")
    try LabNodes.check(lab, old.topology, text.topology)
    oldBytes = old.bytes
  }

  /// The change of what hosts run to a topology that was made from it.
  init(of running: RunningConfig, to topology: Topology) {
    bytes = Array(YAMLWriter.text(topology.value).utf8)
    oldBytes = running.bytes
    agents = running.agents
    revisions = running.revisions
  }

  /// Tries the change on every host, tells what it is, and makes it unless it is only a trial.
  func make(isTrial: Bool) throws -> ExitStatus {
    let trial = send(bytes, to: agents, revisions, isTrial: true)
    guard trial.failures.isEmpty else {
      _ = trial.tellFailures()
      Console.note("nothing was changed")
      return .failed
    }
    for answer in trial.values.map(\.value) {
      let lines = answer.changes.isEmpty ? ["nothing changes"] : answer.changes
      try Console.write(lines.map { "\(answer.host): \($0)\n" }.joined())
    }
    if isTrial { return .done }
    let real = send(bytes, to: agents, revisions, isTrial: false)
    if !real.failures.isEmpty { takeBack(real.values.map(\.agent)) }
    for answer in real.values.map(\.value) where real.failures.isEmpty {
      try Console.write("\(answer.host): runs revision \(answer.revision)\n")
    }
    return real.tellFailures()
  }

  private func takeBack(_ changed: [Agent]) {
    guard let oldBytes, !changed.isEmpty else { return }
    let restored = send(oldBytes, to: changed, [], isTrial: false)
    Console.tell(restored.failures)
    Console.note("taken back on \(restored.values.count) of \(changed.count) hosts that had it")
  }

  private func send(
    _ bytes: [UInt8], to agents: [Agent], _ revisions: [UInt64], isTrial: Bool
  ) -> AgentAnswers<Applied> {
    AgentClient.ask(
      agents, .put, body: bytes, timeoutMilliseconds: Self.timeoutMilliseconds, as: Applied.self
    ) { index in
      var target = HTTPTarget(segments: ["v1", "config"])
      if isTrial { target.query.append(.init(name: "dryRun", value: "true")) }
      if !revisions.isEmpty {
        target.query.append(.init(name: "revision", value: "\(revisions[index])"))
      }
      return target
    }
  }
}

/// What `lab up` alone makes: nodes, cables, and what is set inside a VM.
enum LabNodes {
  /// Throws when a running lab would have to be built anew to follow a topology.
  static func check(_ lab: String, _ old: Topology, _ new: Topology) throws(Failure) {
    let different: String? =
      if old.physicalSwitches != new.physicalSwitches {
        "the physical switches"
      } else if old.hosts != new.hosts {
        "the hosts or their nics"
      } else if fixedParts(of: old.vms) != fixedParts(of: new.vms) {
        "the VMs, their hosts, MAC addresses or IP addresses"
      } else { nil }
    guard let different else { return }
    throw Failure(
      "cannot change lab \(lab)", why: "\(different) differ, and those are made by `lab up` alone",
      remedy: "run `martlet lab down \(lab)`, then `martlet lab up` with the new file")
  }

  /// VMs without where their nics are plugged in, and what is set there.
  private static func fixedParts(of vms: [VirtualMachine]) -> [VirtualMachine] {
    vms.map { given in
      var vm = given
      for index in vm.nics.indices {
        vm.nics[index].portgroup = ""
        vm.nics[index].isConnected = true
        vm.nics[index].port = nil
      }
      return vm
    }
  }
}
