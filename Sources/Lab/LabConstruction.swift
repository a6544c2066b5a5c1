// The steps of building a lab: namespaces, cables, agents, and waiting until all ports are up.
//
// Each step asks for an interruption before each thing that it makes. What fails here is undone by
// the caller from the journal.

internal import Base
internal import Linux
internal import Model

struct LabConstruction {
  let plan: LabPlan
  let folder: LabFolder
  let agentCommand: [String]
  let interruption: LabInterruption
  let progress: LabProgress
  private var namespaces: [String: NetworkNamespace] = [:]
  private var agents: [LabAgent] = []

  init(
    plan: LabPlan, folder: LabFolder, agentCommand: [String], interruption: LabInterruption,
    progress: LabProgress
  ) {
    self.plan = plan
    self.folder = folder
    self.agentCommand = agentCommand
    self.interruption = interruption
    self.progress = progress
  }

  mutating func run(timeoutSeconds: Int, file: String) throws(Failure) -> LabSummary {
    let began = MonotonicClock.now()
    progress.note("lab \(plan.lab) from \(file)")
    try makeNamespaces()
    try layCables()
    try startAgents()
    try awaitPorts(
      until: began.advanced(byNanoseconds: UInt64(timeoutSeconds) * 1_000_000_000),
      timeoutSeconds: timeoutSeconds)
    try interruption.check(plan.lab)
    return LabSummary(
      plan: plan, folder: folder,
      milliseconds: Int(MonotonicClock.now().nanoseconds(since: began) / 1_000_000))
  }

  private mutating func makeNamespaces() throws(Failure) {
    progress.begin("namespaces", of: plan.nodes.count)
    let maker = LabNamespaces(folder: folder)
    for (index, node) in plan.nodes.enumerated() {
      try interruption.check(plan.lab)
      progress.advance(to: index, node.namespace)
      let namespace = try maker.make(node)
      namespaces[node.namespace] = namespace
      if node.kind == .physicalSwitch { try LabDevices.makeBridge(in: namespace) }
    }
    progress.end()
  }

  private func layCables() throws(Failure) {
    progress.begin("cables", of: plan.cables.count)
    for (index, cable) in plan.cables.enumerated() {
      try interruption.check(plan.lab)
      progress.advance(to: index, cable.second.device)
      try LabDevices.lay(cable, in: namespace)
    }
    progress.end()
  }

  private mutating func startAgents() throws(Failure) {
    progress.begin("host agents", of: plan.topology.hosts.count)
    for (index, host) in plan.topology.hosts.enumerated() {
      try interruption.check(plan.lab)
      progress.advance(to: index, host.name)
      agents.append(
        try LabAgent.start(
          agentCommand, host: host.name, in: namespace("\(plan.lab)-\(host.name)"),
          folder: folder))
    }
    progress.end()
  }

  private func namespace(_ name: String) -> NetworkNamespace {
    guard let namespace = namespaces[name] else {
      preconditionFailure("every node of the plan has a namespace")
    }
    return namespace
  }

  /// Waits until every agent answers, and every connected nic of every VM is up, or blocked as declared,
  /// and has its addresses. The port of a guest behind vhost-user waits for that guest: it need only be open.
  private func awaitPorts(until deadline: MonotonicTime, timeoutSeconds: Int) throws(Failure) {
    let nics = plan.vmNICs.filter(\.nic.isConnected)
    progress.begin("ports", of: nics.count)
    var waiting = nics
    // Hosts whose agent has not answered yet, and why.
    var silent = Dictionary(uniqueKeysWithValues: agents.map { ($0.host, "not asked yet") })
    let left = deadline.nanoseconds(since: MonotonicClock.now())
    let isDone = try MonotonicClock.wait(
      atMostNanoseconds: left, everyNanoseconds: 20_000_000
    ) { () throws(Failure) in
      try interruption.check(plan.lab)
      if let dead = agents.first(where: { !$0.process.isAlive }) { throw failure(of: dead) }
      for agent in agents {
        guard silent[agent.host] != nil || waiting.contains(where: { $0.vm.host == agent.host })
        else { continue }
        switch agent.vms() {
        case .success(let vms):
          silent[agent.host] = nil
          try giveAddresses(&waiting, host: agent.host, vms)
        case .failure(let failure): silent[agent.host] = failure.why
        }
        progress.advance(to: nics.count - waiting.count, waiting.first?.description ?? "")
      }
      return waiting.isEmpty && silent.isEmpty
    }
    if !isDone { throw timeoutFailure(waiting, silent, timeoutSeconds) }
    progress.end()
  }

  /// Gives their addresses to the nics of a host that are ready, and takes them off the list.
  private func giveAddresses(
    _ waiting: inout [LabPlan.VMNIC], host: String, _ vms: [VMStatus]
  ) throws(Failure) {
    var rest: [LabPlan.VMNIC] = []
    for nic in waiting {
      let vm = vms.first { $0.name == nic.vm.name && nic.vm.host == host }
      let told = vm?.nics.first { $0.device == nic.device }
      let space = namespace(nic.namespace)
      if nic.nic.vhostUser != nil {
        if told?.vhostUser == nil { rest.append(nic) }
      } else if let told, try LabDevices.isReady(nic.device, told.state, in: space) {
        try LabDevices.give(nic.nic.addresses, to: nic.device, in: space)
      } else {
        rest.append(nic)
      }
    }
    waiting = rest
  }

  private func failure(of agent: LabAgent) -> Failure {
    showLog(of: agent)
    return Failure(
      "cannot bring up lab \(plan.lab)", why: "the agent of \(agent.host) has ended",
      remedy: "see its last words above")
  }

  private func timeoutFailure(
    _ waiting: [LabPlan.VMNIC], _ silent: [String: String], _ timeoutSeconds: Int
  ) -> Failure {
    let concerned = Set(waiting.map(\.vm.host)).union(silent.keys)
    for agent in agents where concerned.contains(agent.host) { showLog(of: agent) }
    var missing = silent.sorted { $0.key < $1.key }.map { host, why in
      "the agent of \(host) does not answer (\(why))"
    }
    let known = waiting.filter { silent[$0.vm.host] == nil }
    missing += known.prefix(8).map { "\($0.description) is not up" }
    if known.count > 8 { missing.append("and \(known.count - 8) more ports are not up") }
    return Failure(
      "cannot bring up lab \(plan.lab) in \(timeoutSeconds) s",
      why: missing.joined(separator: ", "),
      remedy: "see the agents' last words above, or give it longer with --timeout")
  }

  /// The log goes with the lab, so its end is shown now.
  private func showLog(of agent: LabAgent) {
    let lines = agent.lastLogLines
    progress.note(
      lines.isEmpty
        ? "the agent of \(agent.host) printed nothing" : "last words of the agent of \(agent.host):"
    )
    for line in lines { progress.note("  | \(line)") }
  }
}
