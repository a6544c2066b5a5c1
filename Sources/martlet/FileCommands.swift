// `validate` and `apply`: what is done with a topology file outside a lab.
//
// `apply` sends the text of a valid file to every agent (`PUT /v1/config`); each makes its own part
// of it a new plan, or refuses it whole and keeps what it runs.

internal import HTTP
internal import Linux

enum FileCommands {
  static let all = [validate, apply]

  /// A file larger than this is not a topology.
  private static let fileBytes = 1 << 20

  /// What an agent answers to a new configuration.
  private struct Applied: Codable, Sendable {
    var host: String
    var revision: UInt64
    /// What changes, one line each.
    var changes: [String]
  }

  private static let validate = Command(
    noun: "validate", summary: "check a topology file without building anything",
    arguments: [.init(name: "FILE", summary: "a topology file")],
    examples: [
      .init(line: "martlet validate Topologies/quickstart.yaml", effect: "nothing wrong: status 0")
    ],
    run: { _ in throw Unconnected.failure("validate") })

  private static let apply = Command(
    noun: "apply", summary: "give running hosts a changed topology",
    options: [
      .init(
        name: "file", letter: "f", value: "FILE", summary: "a topology file", isRequired: true),
      .init(name: "dry-run", summary: "tell what would change, and change nothing"),
    ] + AgentDirectory.options,
    examples: [
      .init(line: "martlet apply -f quickstart.yaml --dry-run", effect: "what would change"),
      .init(line: "martlet apply -f quickstart.yaml", effect: "changes the running lab"),
    ],
    run: { invocation in
      let path = invocation.options["file"] ?? ""
      let bytes = try readFile(path, limitBytes: fileBytes)
      let isTrial = invocation.flags.contains("dry-run")
      let agents = try AgentDirectory().agents(for: invocation)
      let target = HTTPTarget(
        segments: ["v1", "config"], query: isTrial ? [.init(name: "dryRun", value: "true")] : [])
      let answers = AgentClient.ask(agents, .put, target, body: bytes, as: Applied.self)
      for answer in answers.values {
        let state = isTrial ? "would run" : "runs"
        try Console.write("\(answer.host): \(state) revision \(answer.revision)\n")
        try Console.write(answer.changes.map { "  \($0)\n" }.joined())
      }
      return answers.tellFailures()
    })
}
