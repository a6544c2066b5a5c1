// `lab up / down / list / exec / graph`: a whole network on this machine.

internal import Base

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
    run: { _ in throw Unconnected.failure("lab up") })

  private static let down = Command(
    noun: "lab", verb: "down", summary: "remove everything that a lab made",
    arguments: [.init(name: "N", summary: "a lab; the only one if not given", count: .optional)],
    options: [.init(name: "all", summary: "every lab of this machine")],
    examples: [
      .init(line: "martlet lab down", effect: "the only running lab"),
      .init(line: "martlet lab down --all", effect: "every lab, also what a crash has left"),
    ],
    run: { _ in throw Unconnected.failure("lab down") })

  private static let list = Command(
    noun: "lab", verb: "list", summary: "the labs of this machine", options: Printer.options,
    examples: [.init(line: "martlet lab list", effect: "their names and nodes")],
    run: { _ in throw Unconnected.failure("lab list") })

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
    run: { _ in throw Unconnected.failure("lab exec") })

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
    run: { _ in throw Unconnected.failure("lab graph") })
}

/// Commands whose module is not part of this build.
enum Unconnected {
  static func failure(_ command: String) -> Failure {
    Failure(
      "cannot \(command)", why: "this build does not contain it", remedy: "use a later version")
  }
}
