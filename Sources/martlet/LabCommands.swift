// `lab up / down / list / exec / graph`: a whole network on this machine.

internal import ConfigFile
internal import Glibc
internal import Lab
internal import Model

enum LabCommands {
  static let all = [up, down, list, exec, graph]

  private static let up = Command(
    noun: "lab", verb: "up", summary: "build the network of a topology file, and leave it running",
    arguments: [.init(name: "FILE", summary: "a topology file")],
    options: [
      .init(name: "name", value: "N", summary: "the name of the lab, instead of the file's"),
      .init(
        name: "timeout", value: "S", summary: "seconds until every port has to be up (60)",
        range: 1...3600),
    ],
    examples: [
      .init(
        line: "martlet lab up Topologies/quickstart.yaml",
        effect: "two hosts, a physical switch and six VMs"),
      .init(
        line: "martlet lab up Topologies/teaming.yaml --name second --timeout 120",
        effect: "another lab beside it"),
    ],
    run: { invocation in
      let summary = try LabBuilder().up(
        file: invocation.argument("FILE"), name: invocation.options["name"],
        timeoutSeconds: invocation.number("timeout") ?? LabBuilder.timeoutSecondsDefault,
        progress: progress)
      try Console.write(summary.text)
      return .done
    })

  private static let down = Command(
    noun: "lab", verb: "down", summary: "remove everything that a lab made",
    arguments: [.init(name: "N", summary: "a lab; the only one if not given", count: .optional)],
    options: [.init(name: "all", summary: "every lab of this machine")],
    examples: [
      .init(line: "martlet lab down", effect: "the only running lab"),
      .init(line: "martlet lab down --all", effect: "every lab, also what a crash has left"),
    ],
    run: { invocation in
      let builder = LabBuilder()
      if invocation.flags.contains("all") {
        if let name = invocation.arguments["N"] {
          throw UsageError(
            "cannot take \(name) with --all", why: "--all takes down every lab, not only \(name)",
            remedy: "give one of them")
        }
        if try builder.downAll(progress: progress).isEmpty { Console.note("no lab is running") }
        return .done
      }
      guard let name = try invocation.arguments["N"] ?? builder.onlyLab() else {
        Console.note("no lab is running: nothing to take down")
        return .done
      }
      if try !builder.down(name, progress: progress) {
        Console.note("lab \(name) is not running: nothing to take down")
      }
      return .done
    })

  private static let list = Command(
    noun: "lab", verb: "list", summary: "the labs of this machine", options: Printer.options,
    examples: [.init(line: "martlet lab list", effect: "their names and nodes")],
    run: { invocation in
      try Console.write(Printer(invocation).list(LabBuilder().list(), columns))
      return .done
    })

  private static let columns = [
    Column<LabStatus>("NAME") { $0.name },
    Column("STATE") { $0.state.rawValue },
    Column("HOSTS") { $0.hosts.joined(separator: " ") },
    Column("VMS") { $0.vms.joined(separator: " ") },
    Column("PHYSICAL SWITCHES") { $0.physicalSwitches.joined(separator: " ") },
  ]

  private static let exec = Command(
    noun: "lab", verb: "exec", summary: "run a command inside a VM or host of a lab",
    arguments: [
      .init(name: "NODE", summary: "a VM, a host or a physical switch"),
      .init(name: "COMMAND", summary: "the command and its arguments", count: .rest),
    ],
    options: [.init(name: "lab", value: "N", summary: "a running lab, when there are several")],
    examples: [
      .init(line: "martlet lab exec web1 -- ping -c 3 10.0.10.2", effect: "from one VM to another")
    ],
    run: { invocation in
      .passedOn(
        try LabBuilder().exec(
          lab: invocation.options["lab"], node: invocation.argument("NODE"), invocation.rest))
    })

  private static let graph = Command(
    noun: "lab", verb: "graph", summary: "draw a topology",
    arguments: [.init(name: "FILE|N", summary: "a topology file or a running lab")],
    options: [
      .init(
        name: "output", letter: "o", value: "svg|dot", summary: "the form of the drawing (svg)",
        choices: ["svg", "dot"])
    ],
    examples: [
      .init(
        line: "martlet lab graph Topologies/quickstart.yaml > quickstart.svg",
        effect: "a picture to open in a browser")
    ],
    run: { invocation in
      let name = invocation.argument("FILE|N")
      let builder = LabBuilder()
      // A running lab comes first: a file can be told apart by a path (`./name`).
      let topology =
        builder.directory.names.contains(name)
        ? try builder.topology(ofLab: name) : try TopologyFile.load(path: name)
      let isDot = invocation.options["output"] == "dot"
      try Console.write(isDot ? LabGraph.dot(topology) : LabGraph.svg(topology))
      return .done
    })
}

extension LabCommands {
  /// A live line on a terminal, plain lines elsewhere; on standard error, beside the result.
  private static let progress = LabProgress(isTerminal: isatty(STDERR_FILENO) == 1) {
    Console.show($0)
  }
}
