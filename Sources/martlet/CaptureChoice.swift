// Which agents have the port, the uplink or the switch that a capture is about.

internal import Base
internal import HTTP
internal import Model

/// What the options of `capture` choose.
struct CaptureChoice {
  private let invocation: Invocation

  init(_ invocation: Invocation) { self.invocation = invocation }

  /// The agents to ask, at least one, and why others cannot be; adds to the request what they are asked
  /// for.
  func agents(_ target: inout HTTPTarget) throws -> (agents: [Agent], failures: [Failure]) {
    let agents = try chosenHosts(try AgentDirectory().agents(for: invocation))
    if let port = invocation.options["port"] {
      let told = ask(agents, "ports", as: [PortStatus].self)
      let (agent, found) = try Self.holder(of: port, told)
      // A number is a port's on its switch only.
      target.query.append(.init(name: "switch", value: found.switch))
      target.query.append(.init(name: "port", value: found.id))
      return ([agent], [])
    }
    if let uplink = invocation.options["uplink"] {
      target.query.append(.init(name: "uplink", value: uplink))
      let told = ask(agents, "uplinks", as: [UplinkStatus].self)
      return try choose(told, "uplink", uplink) { $0.flatMap { [$0.name, $0.nic] } }
    }
    let name = invocation.options["switch"]
    if let name { target.query.append(.init(name: "switch", value: name)) }
    let told = ask(agents, "switches", as: [SwitchStatus].self)
    guard let name else {
      if told.values.isEmpty, let failure = told.failures.first { throw failure }
      return (told.values.map(\.agent), told.failures)
    }
    return try choose(told, "switch", name) { $0.map(\.name) }
  }

  private func ask<Row: Decodable & Sendable>(
    _ agents: [Agent], _ noun: String, as type: [Row].Type
  ) -> AgentAnswers<[Row]> {
    AgentClient.ask(agents, .get, HTTPTarget(segments: ["v1", noun]), as: type)
  }

  /// An agent outside a lab is found without knowing its host.
  private func chosenHosts(_ agents: [Agent]) throws(Failure) -> [Agent] {
    guard let host = invocation.options["host"] else { return agents }
    let told = AgentClient.ask(
      agents, .get, HTTPTarget(segments: ["v1", "host"]), as: HostStatus.self)
    if let failure = told.failures.first { throw failure }
    let chosen = told.values.filter { $0.value.name == host }.map(\.agent)
    guard chosen.isEmpty else { return chosen }
    throw Failure.notThere("host", host, among: told.values.map(\.value.name))
  }

  private func choose<Row>(
    _ told: AgentAnswers<[Row]>, _ noun: String, _ name: String, _ names: ([Row]) -> [String]
  ) throws(Failure) -> (agents: [Agent], failures: [Failure]) {
    let chosen = told.values.filter { names($0.value).contains(name) }.map(\.agent)
    guard chosen.isEmpty else { return (chosen, told.failures) }
    if let failure = told.failures.first { throw failure }
    let known = Set(told.values.flatMap { names($0.value) }).sorted()
    throw Failure.notThere(noun, name, among: known)
  }

  /// The agent that has a port, and the port there.
  private static func holder(
    of name: String, _ told: AgentAnswers<[PortStatus]>
  ) throws(Failure) -> (Agent, PortStatus) {
    var found: [(Agent, PortStatus)] = []
    for answer in told.values {
      for port in answer.value where answers(port, to: name) { found.append((answer.agent, port)) }
    }
    if found.count == 1 { return (found[0].0, found[0].1) }
    if found.isEmpty, let failure = told.failures.first { throw failure }
    let known = (found.isEmpty ? told.values.flatMap(\.value) : found.map(\.1)).map(label)
    guard found.isEmpty else {
      throw Failure(
        "cannot choose a port of \(name)", why: "it has \(known.joined(separator: ", "))",
        remedy: "name one, for example --port \(known[0])")
    }
    throw Failure.notThere("port", name, among: known.sorted())
  }

  private static func label(_ port: PortStatus) -> String {
    guard let vm = port.vm, let device = port.device else { return port.id }
    return "\(vm)/\(device)"
  }

  private static func answers(_ port: PortStatus, to name: String) -> Bool {
    port.id == name || port.vm == name || label(port) == name
  }
}
