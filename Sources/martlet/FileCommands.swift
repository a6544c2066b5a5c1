// `validate` and `apply`: what is done with a topology file beside `lab up`.

internal import Model

enum FileCommands {
  static let all = [validate, apply]

  private static let validate = Command(
    noun: "validate", summary: "check a topology file without building anything",
    arguments: [.init(name: "FILE", summary: "a topology file, or - for standard input")],
    examples: [
      .init(line: "martlet validate Topologies/quickstart.yaml", effect: "nothing wrong: status 0")
    ],
    run: { invocation in
      let path = invocation.argument("FILE")
      try Console.write("\(path): \(try TopologyText(path).topology.summary)\n")
      return .done
    })

  private static let apply = Command(
    noun: "apply", summary: "give running hosts a changed topology: all of them, or none",
    options: [
      .init(
        name: "file", letter: "f", value: "FILE",
        summary: "a topology file, or - for standard input", isRequired: true),
      .init(name: "dry-run", summary: "tell what would change, and change nothing"),
    ] + AgentDirectory.options.filter { $0.name != "host" },
    examples: [
      .init(line: "martlet apply -f quickstart.yaml --dry-run", effect: "what would change"),
      .init(line: "martlet apply -f quickstart.yaml", effect: "changes the running lab"),
    ],
    run: { invocation in
      let text = try TopologyText(invocation.options["file"] ?? "-")
      return try ConfigChange(to: text, invocation)
        .make(isTrial: invocation.flags.contains("dry-run"))
    })
}

extension Topology {
  /// What a file declares, in one line.
  fileprivate var summary: String {
    let portgroups =
      distributedSwitches.map(\.portgroups.count).reduce(0, +)
      + standardSwitches.map(\.portgroups.count).reduce(0, +)
    let counts = [
      Self.count(hosts.count, "host", "hosts"),
      Self.count(distributedSwitches.count + standardSwitches.count, "switch", "switches"),
      Self.count(portgroups, "port group", "port groups"),
      Self.count(vms.count, "VM", "VMs"),
    ]
    return "topology \(name) is valid: \(counts.joined(separator: ", "))"
  }

  private static func count(_ number: Int, _ one: String, _ many: String) -> String {
    "\(number) \(number == 1 ? one : many)"
  }
}
