// `host run`: the agent of this host, in the foreground. `host keep`: the small process that holds its
// TAPs while it is away.

internal import Base
internal import HostAgent
internal import Linux

enum HostCommands {
  static let all = [run, keep]

  private static let run = Command(
    noun: "host", verb: "run", summary: "run the agent of this host until it is told to stop",
    options: [
      .init(
        name: "config", value: "FILE", summary: "a topology file that names this host",
        isRequired: true),
      .init(
        name: "host", value: "NAME", summary: "the name of this host in the file", isRequired: true),
      .init(
        name: "socket", value: "PATH",
        summary: "where it answers (\(AgentOptions.defaultSocketPath))"),
      .init(
        name: "state-dir", value: "DIR",
        summary: "where it keeps what outlives it (\(AgentOptions.defaultStateDirectory))"),
      .init(
        name: "netns-prefix", value: "PREFIX",
        summary: "a VM's network namespace is PREFIX and its name (no prefix)"),
      .init(
        name: "poll", value: "MODE",
        summary: "how its worker waits for frames: adaptive, sleep or busy (adaptive)"),
      .init(
        name: "workers", value: "N",
        summary: "threads that share the frames, 1-\(AgentOptions.workersMax), or auto: "
          + "one for each processor (1)"),
    ],
    examples: [
      .init(
        line: "martlet host run --config quickstart.yaml --host host1",
        effect: "this machine becomes host1"),
      .init(
        line: "martlet host run --config quickstart.yaml --host host1 --poll sleep",
        effect: "the least processor time, and up to 25 us more for each lone frame"),
      .init(
        line: "martlet host run --config quickstart.yaml --host host1 --workers auto",
        effect: "all processors move frames: each port belongs to one of them"),
    ],
    run: { invocation in
      try HostAgent(try options(invocation)).run()
      return .done
    })

  private static func options(_ invocation: Invocation) throws(UsageError) -> AgentOptions {
    var options = AgentOptions(
      configPath: invocation.options["config"] ?? "", host: invocation.options["host"] ?? "")
    if let path = invocation.options["socket"] { options.socketPath = path }
    if let path = invocation.options["state-dir"] { options.stateDirectory = path }
    if let prefix = invocation.options["netns-prefix"] { options.namespacePrefix = prefix }
    if let word = invocation.options["poll"] {
      guard let mode = PollMode(rawValue: word) else {
        let modes = PollMode.allCases.map(\.rawValue)
        throw UsageError(
          "cannot take --poll \(word)", why: "it is none of \(CommandParser.list(modes))",
          remedy: nearest(to: word, among: modes).map { "did you mean `--poll \($0)`?" }
            ?? "for example: --poll adaptive")
      }
      options.poll = mode
    }
    if let word = invocation.options["workers"] { options.workers = try workerCount(word) }
    return options
  }

  private static func workerCount(_ word: String) throws(UsageError) -> Int {
    if word == "auto" { return AgentOptions.workersForProcessors }
    guard let count = Int(word), (1...AgentOptions.workersMax).contains(count) else {
      throw UsageError(
        "cannot take --workers \(word)",
        why: "it is neither auto nor a number from 1 to \(AgentOptions.workersMax)",
        remedy: "for example: --workers 2")
    }
    return count
  }

  private static let keep = Command(
    noun: "host", verb: "keep",
    summary: "hold the TAPs of an agent while it is away (the agent starts this itself)",
    options: [
      .init(name: "socket", value: "PATH", summary: "where the agent finds it", isRequired: true)
    ],
    examples: [
      .init(
        line: "martlet host keep --socket /var/lib/martlet/keeper.sock",
        effect: "guests keep their links while the agent restarts")
    ],
    run: { invocation in
      var service = try KeeperService(path: invocation.options["socket"] ?? "")
      service.run()
      return .done
    })
}
