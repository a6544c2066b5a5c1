// `list` and `show` of one noun, from one description of its rows.
//
// Both ask every agent for the same path and merge the answers; they differ in what they keep and
// in how it is printed.

internal import Base
internal import HTTP
internal import Model

/// A noun whose rows agents tell.
struct Inspection<Row: Codable & Sendable>: Sendable {
  var noun: String
  /// The path of the API: `/v1/ports`.
  var path: String
  /// One agent's answer is an array of rows, or one row.
  var answersOneRow = false
  var columns: [Column<Row>]
  /// What the argument of `show` may be, in words and in the row; the first is told in errors.
  var keyWords: String
  var keys: @Sendable (Row) -> [String]
  var hosts: (@Sendable (Row) -> [String])?
  var switches: (@Sendable (Row) -> [String])?
  /// A flag of `list` that leaves out what it is not about.
  var flag: (option: Command.Option, keeps: @Sendable (Row) -> Bool)?
  /// What follows from the fields of a row, for `show`.
  var notes: @Sendable (Row) -> [Details.Field] = { _ in [] }
  /// Makes one row of several that agents told about one thing.
  var merge: @Sendable ([Row]) -> [Row] = { $0 }
  var listExample: Command.Example
  var showExample: Command.Example

  var commands: [Command] {
    let options =
      AgentDirectory.options
      + [.init(name: "switch", value: "S", summary: "only what belongs to this switch")]
      + Printer.options
    return [
      Command(
        noun: noun, verb: "list", summary: "one line for each",
        options: (flag.map { [$0.option] } ?? []) + options, examples: [listExample], run: list),
      Command(
        noun: noun, verb: "show", summary: "everything about one",
        arguments: [.init(name: "NAME", summary: keyWords)], options: options,
        examples: [showExample], run: show),
    ]
  }

  @Sendable private func list(_ invocation: Invocation) throws -> ExitStatus {
    var (rows, failures) = try rows(for: invocation)
    if let flag, invocation.flags.contains(flag.option.name) { rows = rows.filter(flag.keeps) }
    Console.tell(failures)
    if failures.isEmpty || !rows.isEmpty {
      try Console.write(Printer(invocation).list(rows, columns))
    }
    return failures.isEmpty ? .done : .failed
  }

  @Sendable private func show(_ invocation: Invocation) throws -> ExitStatus {
    let name = invocation.argument("NAME")
    let (rows, failures) = try rows(for: invocation)
    Console.tell(failures)
    let wanted = rows.filter { keys($0).contains { $0.lowercased() == name.lowercased() } }
    guard !wanted.isEmpty else {
      throw Failure.notThere(noun, name, among: rows.compactMap { keys($0).first })
    }
    try Console.write(Printer(invocation).show(wanted, notes: notes))
    return failures.isEmpty ? .done : .failed
  }

  /// What all agents know and the filters let through, and why some agents did not answer.
  private func rows(for invocation: Invocation) throws -> ([Row], [Failure]) {
    var agents = try AgentDirectory().agents(for: invocation)
    // Rows that do not say their host, or their switch, cannot be told apart later.
    if hosts == nil, let name = invocation.options["host"] {
      agents = try Self.agents(ofHost: name, among: agents)
    }
    if switches == nil, let name = invocation.options["switch"] {
      agents = try Self.agents(withSwitch: name, among: agents)
    }
    guard var target = HTTPTarget(parsing: path) else {
      preconditionFailure("\(path) is a path of the API")
    }
    // An agent may leave out what is not asked for; what it tells is filtered again here.
    if let name = invocation.options["switch"] {
      target.query.append(.init(name: "switch", value: name))
    }
    var (rows, failures) = ask(agents, target)
    if let host = invocation.options["host"], let hosts {
      rows = rows.filter { hosts($0).contains(host) }
    }
    if let name = invocation.options["switch"], let switches {
      rows = rows.filter { switches($0).contains(name) }
      // Nothing on a switch is an answer; nothing on a switch that does not exist is a mistake.
      if rows.isEmpty, failures.isEmpty { _ = try Self.agents(withSwitch: name, among: agents) }
    }
    return (merge(rows), failures)
  }

  private func ask(_ agents: [Agent], _ target: HTTPTarget) -> ([Row], [Failure]) {
    if answersOneRow {
      let told = AgentClient.ask(agents, .get, target, as: Row.self)
      return (told.values.map(\.value), told.failures)
    }
    let told = AgentClient.ask(agents, .get, target, as: [Row].self)
    return (told.values.flatMap(\.value), told.failures)
  }

  private static func agents(ofHost name: String, among agents: [Agent]) throws(Failure)
    -> [Agent]
  {
    let told = AgentClient.ask(
      agents, .get, HTTPTarget(segments: ["v1", "host"]), as: HostStatus.self)
    return try choose(told, "host", name) { [$0.name] }
  }

  private static func agents(withSwitch name: String, among agents: [Agent]) throws(Failure)
    -> [Agent]
  {
    let told = AgentClient.ask(
      agents, .get, HTTPTarget(segments: ["v1", "switches"]), as: [SwitchStatus].self)
    return try choose(told, "switch", name) { $0.map(\.name) }
  }

  /// The agents whose answer has a name; at least one.
  private static func choose<Answer>(
    _ told: AgentAnswers<Answer>, _ noun: String, _ name: String, _ names: (Answer) -> [String]
  ) throws(Failure) -> [Agent] {
    if let failure = told.failures.first { throw failure }
    let chosen = told.values.filter { names($0.value).contains(name) }.map(\.agent)
    guard chosen.isEmpty else { return chosen }
    let known = Set(told.values.flatMap { names($0.value) }).sorted()
    throw Failure.notThere(noun, name, among: known)
  }
}
