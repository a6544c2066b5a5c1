// `lab up`: from a file to a network whose every port is up; or to nothing at all.

internal import Base
internal import ConfigFile
internal import Glibc
internal import Linux
internal import Model

extension LabBuilder {
  /// Builds the topology of a file and leaves it running; returns when every VM's port is up.
  ///
  /// - Errors: `ConfigErrors` for the file, else `Failure`; nothing that was made remains.
  /// - Parameter name: the lab's, instead of the topology's own.
  public func up(
    file: String, name: String? = nil, timeoutSeconds: Int = timeoutSecondsDefault,
    progress: LabProgress = .silent
  ) throws -> LabSummary {
    let text = try TopologyFile.bytes(path: file)
    let plan = try plan(text, file: file, name: name)
    let folder = directory.folder(of: plan.lab)
    try checkMachine(plan, folder)
    let interruption = try LabInterruption()
    guard let lock = try lock(folder, creating: true) else {
      preconditionFailure("a folder that is made when missing is not missing")
    }
    defer { withExtendedLifetime(lock) {} }
    try refuseExisting(folder)
    do {
      try LabJournal.write(.builder(.current), in: folder)
      try AtomicFile.write(text, to: folder.topologyPath)
      var construction = LabConstruction(
        plan: plan, folder: folder, agentCommand: agentCommand, interruption: interruption,
        progress: progress)
      let summary = try construction.run(timeoutSeconds: timeoutSeconds, file: file)
      try LabJournal.write(.ready, in: folder)
      progress.clear()
      return summary
    } catch {
      progress.note("taking down what was made of lab \(plan.lab)")
      let leftovers = Demolition(folder: folder, progress: .silent).run()
      directory.removeIfEmpty()
      for leftover in leftovers { progress.note("  left behind: \(leftover)") }
      throw error
    }
  }

  /// Checks the text of a file, and the name of the lab by the rule for nodes: it is a part of their
  /// namespaces' names.
  private func plan(_ text: [UInt8], file: String, name: String?) throws -> LabPlan {
    var topology = try TopologyFile.parse(text, file: file)
    if let name {
      topology.name = name
      // An empty one would be taken for a key that is missing in the file.
      let why = name.isEmpty ? "the name is empty" : topology.validationFailures().first?.why
      if let why {
        throw Failure(
          "cannot name a lab \"\(name)\"", why: why,
          remedy: "choose a name of at most 32 letters, digits and dashes")
      }
    }
    let plan = LabPlan(topology, lab: topology.name)
    let unmet = plan.unmetWishes
    if !unmet.isEmpty { throw ConfigErrors(unmet) }
    return plan
  }

  /// What must hold before anything is made.
  private func checkMachine(_ plan: LabPlan, _ folder: LabFolder) throws(Failure) {
    let what = "cannot build lab \(plan.lab)"
    guard geteuid() == 0 else {
      throw Failure(
        what, why: "network namespaces need root", remedy: "run it again with sudo")
    }
    guard (try? listDirectory("/dev/net"))?.contains("tun") == true else {
      throw Failure(
        what, why: "there is no /dev/net/tun, which gives VMs their nics",
        remedy: "run `modprobe tun`; in a container, start it with --device /dev/net/tun")
    }
    let guests = plan.vmNICs.compactMap { nic in
      nic.nic.vhostUser.map { folder.socketPath($0, nic.vm.host, nic.vm.name, nic.device) }
    }
    let longest = (plan.topology.hosts.map { folder.longestSocketPath($0.name) } + guests)
      .max { $0.utf8.count < $1.utf8.count }
    if let longest, longest.utf8.count > LabDirectory.socketPathBytesMax {
      throw Failure(
        what, why: "\(longest) is too long for a socket",
        remedy: "set MARTLET_RUNTIME_DIRECTORY to a shorter path")
    }
    // Those of a lab of this name are told apart under its lock.
    guard !directory.names.contains(plan.lab) else { return }
    let taken = Set(NetworkNamespace.names()).intersection(plan.nodes.map(\.namespace)).sorted()
    if let first = taken.first {
      throw Failure(
        what, why: "the namespace \(first) exists and belongs to somebody else",
        remedy: "give the lab another name (--name), or `ip netns delete \(first)` if it is yours")
    }
  }

  /// A lab that runs is not touched, and one that a crash left is not built upon.
  private func refuseExisting(_ folder: LabFolder) throws(Failure) {
    // A folder without a journal: killed before anything was made.
    guard let journal = try LabJournal(in: folder) else { return }
    let name = folder.lab
    if journal.isReady, journal.agents.allSatisfy(\.process.isAlive) {
      throw Failure(
        "cannot bring up lab \(name)", why: "it is already running",
        remedy: "use it (`martlet lab exec --lab \(name) NODE -- COMMAND`), or run "
          + "`martlet lab down \(name)` first")
    }
    throw Failure(
      "cannot bring up lab \(name)",
      why: journal.isReady
        ? "a host agent of it has died" : "an earlier `lab up` was killed and left a part of it",
      remedy: "run `martlet lab down \(name)`, which removes what is left")
  }
}
