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
  var `switch`: (@Sendable (Row) -> String)?
  /// Makes one row of several that agents told about one thing.
  var merge: @Sendable ([Row]) -> [Row] = { $0 }
  var listExample: Command.Example
  var showExample: Command.Example

  var commands: [Command] {
    let options =
      AgentDirectory.options.filter { $0.name != "host" || hosts != nil }
      + (`switch` == nil
        ? [] : [.init(name: "switch", value: "S", summary: "only what belongs to this switch")])
      + Printer.options
    return [
      Command(
        noun: noun, verb: "list", summary: "one line for each", options: options,
        examples: [listExample], run: list),
      Command(
        noun: noun, verb: "show", summary: "everything about one",
        arguments: [.init(name: "NAME", summary: keyWords)], options: options,
        examples: [showExample], run: show),
    ]
  }

  @Sendable private func list(_ invocation: Invocation) throws -> ExitStatus {
    let answers = try rows(for: invocation)
    let status = answers.tellFailures()
    if status == .done || !answers.values.isEmpty {
      try Console.write(Printer(invocation).list(answers.values, columns))
    }
    return status
  }

  @Sendable private func show(_ invocation: Invocation) throws -> ExitStatus {
    let name = invocation.argument("NAME")
    let answers = try rows(for: invocation)
    let wanted = answers.values.filter {
      keys($0).contains { $0.lowercased() == name.lowercased() }
    }
    let status = answers.tellFailures()
    guard wanted.isEmpty else {
      try Console.write(Printer(invocation).show(wanted))
      return status
    }
    throw Self.notThere(noun, name, among: answers.values.compactMap { keys($0).first })
  }

  /// What all agents know and the filters let through, with the agents that did not answer.
  private func rows(for invocation: Invocation) throws -> AgentAnswers<Row> {
    let agents = try AgentDirectory().agents(for: invocation)
    var answers = AgentAnswers<Row>()
    guard var target = HTTPTarget(parsing: path) else {
      preconditionFailure("\(path) is a path of the API")
    }
    // An agent may leave out what is not asked for; what it tells is filtered again here.
    if let name = invocation.options["switch"] {
      target.query.append(.init(name: "switch", value: name))
    }
    if answersOneRow {
      answers = AgentClient.ask(agents, .get, target, as: Row.self)
    } else {
      let told = AgentClient.ask(agents, .get, target, as: [Row].self)
      answers.values = told.values.flatMap { $0 }
      answers.failures = told.failures
    }
    if let host = invocation.options["host"], let hosts {
      answers.values = answers.values.filter { hosts($0).contains(host) }
    }
    if let name = invocation.options["switch"], let `switch` {
      answers.values = answers.values.filter { `switch`($0) == name }
      if answers.values.isEmpty { try checkSwitch(name, agents) }
    }
    answers.values = merge(answers.values)
    return answers
  }

  /// Nothing on a switch is an answer; nothing on a switch that does not exist is a mistake.
  private func checkSwitch(_ name: String, _ agents: [Agent]) throws(Failure) {
    let told = AgentClient.ask(
      agents, .get, HTTPTarget(segments: ["v1", "switches"]), as: [SwitchStatus].self)
    var known: [String] = []
    for row in told.values.joined() where !known.contains(row.name) { known.append(row.name) }
    if told.failures.isEmpty, !known.contains(name) {
      throw Self.notThere("switch", name, among: known)
    }
  }

  private static func notThere(_ noun: String, _ name: String, among known: [String]) -> Failure {
    let shown = known.prefix(20).joined(separator: ", ")
    let more = known.count > 20 ? " and \(known.count - 20) more" : ""
    return Failure(
      "cannot find \(noun) \(name)",
      why: known.isEmpty ? "there are none" : "the known ones are \(shown)\(more)",
      remedy: nearest(to: name, among: known).map { "did you mean \($0)?" }
        ?? "see `martlet \(noun) list`")
  }
}
