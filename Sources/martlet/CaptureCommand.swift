// `capture`: frames at named points of the switches, to a file, to a pipe, or as lines on a terminal.
//
// Asks `GET /v1/capture` of each agent that has what was chosen. The answer is pcapng as it happens; it
// lasts until the agent or this side ends it. Which agents those are is asked first, with a timeout, so
// an agent that hangs is told and does not hold up the others.

internal import Base
internal import Glibc
internal import HTTP
internal import Linux
internal import Model

enum CaptureCommand {
  /// Where frames are looked at, in the order in which one from a VM to an uplink passes them.
  static let points = [
    "vnicIn", "portIn", "portOut", "vnicOut", "uplinkOut", "uplinkIn", "drop",
  ]

  static let capture = Command(
    noun: "capture", summary: "record frames, and why each dropped one was dropped",
    arguments: [
      .init(
        name: "EXPRESSION", summary: "only frames that it wants, as for tcpdump (one argument)",
        count: .optional)
    ],
    options: AgentDirectory.options + [
      .init(
        name: "port", value: "VM/NIC", summary: "only this port; a port id, or a VM with one nic"),
      .init(name: "uplink", value: "U", summary: "only this uplink; its name or that of its nic"),
      .init(name: "switch", value: "S", summary: "only this switch"),
      .init(
        name: "point", value: "P,P…",
        summary: "vnicIn, portIn, portOut, vnicOut, uplinkOut, uplinkIn, drop (ends and drop)"),
      .init(
        name: "write", letter: "w", value: "FILE|-",
        summary: "pcapng to a file, or to standard output; lines of text if not given"),
      .init(name: "count", value: "N", summary: "end after N frames", range: 1...1_000_000_000),
      .init(name: "duration", value: "S", summary: "end after S seconds", range: 1...86_400),
      .init(
        name: "snap", value: "N", summary: "only the first N bytes of each frame",
        range: 14...262_144),
    ],
    examples: [
      .init(line: "martlet capture --port web1/eth0", effect: "what passes a nic, until Ctrl-C"),
      .init(
        line: "martlet capture --point drop --duration 10 'ip host 10.0.10.1'",
        effect: "what is dropped of an address, and why"),
      .init(
        line: "martlet capture --uplink uplink1 'vlan and icmp'",
        effect: "frames of trunks and uplinks have their tag, and an expression must say so"),
      .init(
        line: "martlet capture --uplink uplink1 -w - | tshark -r - -V -c 1",
        effect: "one frame of an uplink, in tshark's words"),
    ],
    run: run)

  @Sendable private static func run(_ invocation: Invocation) throws -> ExitStatus {
    var target = try self.target(for: invocation)
    let file = invocation.options["write"]
    if file == "-", isatty(STDOUT_FILENO) == 1 {
      throw UsageError(
        "cannot write a capture to a terminal", why: "it is not text",
        remedy: "leave out -w for text, name a file, or add `| tshark -r -`")
    }
    let chosen = try CaptureChoice(invocation).agents(&target)
    var failures = chosen.failures
    let sink = CaptureSink(
      agentCount: chosen.agents.count, output: try output(file),
      countLimit: invocation.number("count"))
    let seconds = invocation.number("duration")
    for (index, agent) in chosen.agents.enumerated() {
      let target = target
      let client = HTTPClient(
        .socket(agent.socketPath), timeoutMilliseconds: AgentClient.timeoutMilliseconds)
      let body: @Sendable () -> Void = {
        let result = Result { () throws(Failure) in
          try client.stream(.get, target, lastMilliseconds: seconds.map { $0 * 1000 }) {
            sink.take($0, from: index)
          }
        }
        sink.end(of: index, result.failure.map { named($0, agent) })
      }
      do throws(Errno) { _ = try Thread(named: "capture", body) } catch {
        sink.end(of: index, error.failure("cannot capture on \(agent.name)"))
      }
    }
    sink.wait()
    let report = sink.report()
    failures += report.failures
    Console.tell(failures)
    if file != nil { Console.note(report.summary) }
    return failures.isEmpty ? .done : .failed
  }

  private static func named(_ failure: Failure, _ agent: Agent) -> Failure {
    var failure = failure
    failure.what = "host \(agent.name): \(failure.what)"
    return failure
  }

  private static func output(_ file: String?) throws(Failure) -> CaptureSink.Output {
    guard let file else { return .text }
    if file == "-" { return .standardOutput }
    do throws(Errno) { return .file(try Descriptor(creating: file)) } catch {
      throw error.failure("cannot write \(file)")
    }
  }

  /// The request, without what only the agents' answers tell.
  private static func target(for invocation: Invocation) throws(UsageError) -> HTTPTarget {
    var target = HTTPTarget(segments: ["v1", "capture"])
    let places = ["port", "uplink", "switch"].filter { invocation.options[$0] != nil }
    if places.count > 1 {
      throw UsageError(
        "cannot take --\(places[0]) with --\(places[1])", why: "each chooses where to look",
        remedy: "give one of them")
    }
    for point in try chosenPoints(invocation) {
      target.query.append(.init(name: "point", value: point))
    }
    for (option, name) in [("snap", "snapBytes"), ("count", "count"), ("duration", "seconds")] {
      if let value = invocation.options[option] {
        target.query.append(.init(name: name, value: value))
      }
    }
    if let expression = invocation.arguments["EXPRESSION"] {
      target.query.append(.init(name: "filter", value: expression))
    }
    return target
  }

  private static func chosenPoints(_ invocation: Invocation) throws(UsageError) -> [String] {
    let isPort = invocation.options["port"] != nil
    let isUplink = invocation.options["uplink"] != nil
    let there = points.filter { point in
      point == "drop"
        || !(isPort && point.hasPrefix("uplink"))
          && !(isUplink && !point.hasPrefix("uplink"))
    }
    guard let text = invocation.options["point"] else {
      // The ends of the switch: elsewhere the same frame is seen again.
      return there.filter { !$0.hasPrefix("port") }
    }
    var chosen: [String] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      guard points.contains(name) else {
        throw UsageError(
          "cannot take --point \(name)", why: "it is none of \(CommandParser.list(points))",
          remedy: nearest(to: name, among: points).map { "did you mean `--point \($0)`?" }
            ?? "for example: --point drop")
      }
      guard there.contains(name) else {
        throw UsageError(
          "cannot take --point \(name) with --\(isPort ? "port" : "uplink")",
          why: "no such frame passes there",
          remedy: "use \(CommandParser.list(there))")
      }
      if !chosen.contains(name) { chosen.append(name) }
    }
    return chosen
  }
}

extension Result where Failure == Base.Failure {
  fileprivate var failure: Failure? {
    if case .failure(let failure) = self { failure } else { nil }
  }
}
