// Applying a configuration: everything that can fail is tried before anything changes, and each worker
// swaps each switch's plan between two batches.
//
//   1 compile        every switch of this host, on copies of the planners; a failure ends it here
//   2 remember       port ids, and a configuration that was sent, for the next start; a disk that is
//                    full ends it here
//   3 detach         ports that go or whose device changes
//   4 swap           the plan; frames of ports that stay never notice
//   5 attach         new ports and uplinks, each on its own: a port that cannot be attached is down,
//                    with its reason in the status, and the others work

internal import Attachments
internal import Base
internal import ConfigFile
internal import Dataplane
internal import FrameMemory
internal import HTTP
internal import Linux
internal import Model
internal import Planner
internal import Wire

extension ControlState {
  /// Reads the configuration file and applies it. Nothing changes when it has errors.
  mutating func reload() throws(ConfigErrors) {
    let topology = try Self.load(options)
    do throws(Failure) { try apply(topology) } catch { throw ConfigErrors(error) }
  }

  /// Applies a configuration that was sent, and makes it the content of the configuration file, so that
  /// the next start runs it too. Returns what changes; with `isTrial` nothing is done.
  mutating func configure(_ text: [UInt8], isTrial: Bool) throws(ConfigErrors) -> [String] {
    let topology = try TopologyFile.parse(text, file: options.configPath)
    try Self.check(topology, declares: options)
    do throws(Failure) {
      let draft = try compile(topology)
      let changes = ConfigChanges.between(
        RunningNetwork(self.topology, switches), RunningNetwork(topology, draft.switches))
      if !isTrial { try apply(draft, from: text) }
      return changes
    } catch { throw ConfigErrors(error) }
  }

  /// The topology in the configuration file, which must declare this host.
  static func load(_ options: AgentOptions) throws(ConfigErrors) -> Topology {
    let topology = try TopologyFile.load(path: options.configPath)
    try check(topology, declares: options)
    return topology
  }

  private static func check(_ topology: Topology, declares options: AgentOptions)
    throws(ConfigErrors)
  {
    guard topology.host(named: options.host) != nil else {
      throw ConfigErrors(
        Failure(
          "cannot run host \(options.host)", why: "\(options.configPath) declares no such host",
          remedy: "use one of: \(topology.hosts.map(\.name).joined(separator: ", "))"))
    }
  }

  /// Room for what is remembered of every nic that a topology can have (`TopologyLimit`): ten of each
  /// of 4096 VMs, a hundred bytes of names and JSON each, on a few switches.
  private static let rememberedBytes = 16 << 20

  /// The port ids of the agent that ran here before; none when there was none.
  static func rememberedDirectories(_ options: AgentOptions) throws(Failure)
    -> [String: PortDirectory]
  {
    guard let text = try readFileIfPresent(options.portsPath, limitBytes: rememberedBytes) else {
      return [:]
    }
    return try JSONText.decode([String: PortDirectory].self, from: text)
  }

  /// The addresses that devices were given by the agent that ran here before.
  static func rememberedDevices(_ options: AgentOptions) throws(Failure) -> [String: MACAddress] {
    guard let text = try readFileIfPresent(options.devicesPath, limitBytes: rememberedBytes) else {
      return [:]
    }
    return try JSONText.decode([String: MACAddress].self, from: text)
  }

  /// Makes a topology what runs. When this throws, nothing has changed.
  mutating func apply(_ topology: Topology) throws(Failure) { try apply(try compile(topology)) }

  /// Makes a compiled topology what runs. When this throws, nothing has changed.
  ///
  /// - Parameter text: what it was read from, to be kept in place of the configuration file.
  private mutating func apply(_ draft: Compiled, from text: [UInt8]? = nil) throws(Failure) {
    try remember(draft.directories)
    if let text { try AtomicFile.write(text, to: options.configPath) }
    let old = switches
    for planned in old { detachChanged(planned, in: draft.switches) }
    topology = draft.topology
    revision += 1
    planners = draft.planners
    directories = draft.directories
    switches = draft.switches
    problems = [:]
    for planned in switches { swapPlan(planned) }
    for gone in old where plannedSwitch(named: gone.name) == nil { remove(gone) }
    for planned in switches {
      let before = old.first { $0.name == planned.name }?.hostSwitch.mtu
      if let before, before != planned.hostSwitch.mtu { resizeDevices(of: planned) }
    }
    for planned in switches { attachMissing(planned) }
    observeChanged()
    if !captures.isEmpty { settleCaptures() }
    if revision == 1 { dropOrphans() }
    rememberDevices()
  }

  /// What a topology comes to on this host.
  private struct Compiled {
    var topology: Topology
    var planners: [String: SwitchPlanner] = [:]
    var directories: [String: PortDirectory]
    var switches: [PlannedSwitch] = []
  }

  private func compile(_ topology: Topology) throws(Failure) -> Compiled {
    var compiled = Compiled(topology: topology, directories: directories)
    for hostSwitch in topology.switches(onHost: options.host) {
      let name = hostSwitch.name
      // As with the MAC table: nobody outside can know the nanosecond.
      var planner =
        planners[name] ?? SwitchPlanner(random: MonotonicClock.now().nanoseconds)
      compiled.directories[name, default: PortDirectory()].update(
        for: topology, switch: hostSwitch)
      let planned = try planner.plan(
        hostSwitch, in: topology, directory: compiled.directories[name]!, revision: revision + 1)
      compiled.planners[name] = planner
      compiled.switches.append(planned)
    }
    return compiled
  }

  /// Takes attachments away from ports that the new plan has not, or has with another device.
  private mutating func detachChanged(_ planned: PlannedSwitch, in new: [PlannedSwitch]) {
    let name = planned.name
    let next = new.first { $0.name == name }
    for port in planned.ports {
      let stays = next?.ports.contains { $0.hasSameAttachment(as: port) } ?? false
      guard !stays else { continue }
      let attachment = detach(port.index, of: name)
      switch Self.fate(of: port, in: new) {
      case .connected: if let attachment { parked[port.key] = attachment }
      case .disconnected: unplug(port)
      case .gone: removeDevice(port)
      }
    }
    for uplink in planned.uplinks {
      let stays = next?.uplinks.contains { $0.hasSameAttachment(as: uplink) }
      // Cells of one size cannot hold the frames of another MTU.
      let isResized =
        next?.hostSwitch.mtu != planned.hostSwitch.mtu && uplinkNotes[uplink.nic]?.kind == .xdp
      if stays != true || isResized { detachUplink(uplink, of: name) }
    }
  }

  /// What becomes of a nic.
  private enum Fate {
    case connected
    case disconnected
    case gone
  }

  private static func fate(of port: PlannedPort, in new: [PlannedSwitch]) -> Fate {
    if let next = new.lazy.flatMap(\.ports).first(where: { $0.key == port.key }) {
      // What it has is of no use where it is to be reached in another way.
      guard next.vhostUser == port.vhostUser else { return .gone }
      return next.isConnected ? .connected : .disconnected
    }
    return new.contains { $0.unplugged.contains(port.key) } ? .disconnected : .gone
  }

  /// Pulls the cable: the device stays in its VM, and has no carrier.
  private mutating func unplug(_ port: PlannedPort) {
    parked[port.key] = nil
    guests.forget(port.key)
    if port.vhostUser != nil { return vhostUsers.forget(port.key) }
    do throws(Failure) { try taps.forget(port.key) } catch {
      AgentLog.write("cannot let go of the device of \(port.label): \(error.why)")
    }
  }

  private mutating func removeDevice(_ port: PlannedPort) {
    parked[port.key] = nil
    guests.forget(port.key)
    if port.vhostUser != nil { return vhostUsers.forget(port.key) }
    do throws(Failure) { try taps.remove(port.key) } catch {
      AgentLog.write("cannot remove the device of \(port.label): \(error.why)")
    }
  }

  /// The plans, and a new switch with its tables, are made here; so are the old plans freed: the workers only
  /// swap.
  private func swapPlan(_ planned: PlannedSwitch) {
    let name = planned.name
    if !workers.perform({ $0.runtime(named: name) != nil }) {
      // The seed of the MAC table: nobody who picks addresses can know the nanosecond.
      workers.addSwitch(name, seed: MonotonicClock.now().nanoseconds)
    }
    let upDelayNanoseconds = planned.uplinkUpDelayNanoseconds
    let exchanges = workers.all.map { _ in PlanExchange(planned.makePlan()) }
    for (worker, exchange) in zip(workers.all, exchanges) {
      worker.perform { state in
        guard let runtime = state.runtime(named: name) else { return }
        runtime.network.uplinkUpDelayNanoseconds = upDelayNanoseconds
        exchange.apply(to: runtime, now: MonotonicClock.now())
      }
    }
  }

  /// A switch that is not declared any more goes, with its tables and whoever captures there.
  private mutating func remove(_ planned: PlannedSwitch) {
    let name = planned.name
    workers.removeSwitch(name)
    speeds = speeds.filter { $0.key.switchName != name }
  }

  /// Takes a port's attachment away; the caller closes it by letting go of it.
  func detach(_ port: PortIndex, of name: String) -> (any Attachment)? {
    workers.detach(port, of: name)
  }

  mutating func detachUplink(_ uplink: PlannedUplink, of name: String) {
    uplinkNotes[uplink.nic] = nil
    workers.performOnAll { $0.unwatch(uplink.index, of: name) }
    // It closes here: that of AF_XDP takes milliseconds, in which the worker has other ports.
    _ = workers.detach(uplink.index, of: name)
  }

  private mutating func dropOrphans() {
    // A nic that is behind vhost-user now has no device any more.
    let declared = switches.flatMap { planned in
      planned.ports.filter { $0.vhostUser == nil }.map(\.key) + planned.unplugged
    }
    do throws(Failure) { try taps.dropOrphans(declared: Set(declared)) } catch {
      AgentLog.write("cannot remove devices that are not declared: \(error.why)")
    }
  }

  /// Which addresses devices were given survives a restart: what guests made of them must, too.
  mutating func rememberDevices() {
    guard let declared = taps.takeNewDeclarations() else { return }
    do throws(Failure) {
      try AtomicFile.write(try JSONText.encode(declared), to: options.devicesPath)
    } catch { AgentLog.write("the addresses of devices are not remembered: \(error.why)") }
  }

  /// Port ids survive a restart.
  private func remember(_ directories: [String: PortDirectory]) throws(Failure) {
    try AtomicFile.write(try JSONText.encode(directories), to: options.portsPath)
  }
}
