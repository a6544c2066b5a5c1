// `capture` from end to end, against agents that stream what a test says.

import Attachments
import Base
import Glibc
import HTTP
import Linux
import Synchronization
import Testing
import Wire

@Suite struct CaptureTests {
  let runtime: Runtime
  // SAFETY: a C string for the call.
  private static let hasTshark = unsafe access("/usr/bin/tshark", X_OK) == 0

  init() throws { runtime = try Runtime() }

  /// An ARP request, the least that says something.
  private static let frame: [UInt8] =
    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0x50, 0x56, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]
    + [0, 0x50, 0x56, 0, 0, 1, 10, 0, 10, 1, 0, 0, 0, 0, 0, 0, 10, 0, 10, 2]

  /// What an agent does with a request for a capture.
  enum Behaviour {
    /// Sends frames, the first with the request as its comment, and ends.
    case frames(Int)
    /// Sends frames and stays.
    case framesForEver(Int)
    case refuses
    case cuts
    case nonsense
  }

  private func start(_ host: String, _ number: Int, _ behaviour: Behaviour) throws {
    let path = "\(runtime.folder)/labs/quickstart/hosts/\(host)"
    try makeDirectory(path)
    var router = try AgentRows(host: host, number: number).router
    router.on(.get, "/v1/capture") { request throws(Failure) in
      let stream = HTTPStream()
      switch behaviour {
      case .frames(let count):
        stream.send(Self.capture(host, count, request.target.text))
        stream.finish()
      case .framesForEver(let count):
        stream.send(Self.capture(host, count, request.target.text))
      case .refuses:
        throw Failure("cannot use the filter", why: "syntax error", remedy: "man 7 pcap-filter")
      case .cuts:
        stream.send(Self.capture(host, 1, ""))
        stream.send([UInt8](repeating: 0, count: 1 << 20))
      case .nonsense:
        stream.send(Array("hello, hello, hello".utf8))
        stream.finish()
      }
      return HTTPResponse(
        headers: [.init(name: "Content-Type", value: "application/x-pcapng")], body: .stream(stream)
      )
    }
    try runtime.start(socket: "\(path)/agent.sock", router)
  }

  private static func capture(_ host: String, _ count: Int, _ comment: String) -> [UInt8] {
    var writer = PcapNGWriter()
    _ = writer.addInterface("\(host)/idle:vnicIn")
    let interface = writer.addInterface("\(host)/web1-eth0:drop") ?? 0
    for number in 0..<count {
      _ = writer.append(
        frame.rawSpan, tag: number == 1 ? VLANTag(vlan: 10, priority: 3) : .none,
        timeNanoseconds: 1_700_000_000_123_456_789 + UInt64(number), interface: interface,
        direction: .inbound, comment: number == 0 ? comment : "drop: forgedTransmit")
    }
    _ = writer.appendStatistics(
      interface: interface, seenFrames: UInt64(count), lostFrames: 3, timeNanoseconds: 0)
    return writer.takeBytes()
  }

  @Test func aLineForEachFrame() throws {
    try start("host1", 1, .frames(2))
    let outcome = try runtime.run("capture")
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(
      outcome.lines == [
        "22:13:20.123456 host1/web1-eth0:drop 00:50:56:00:00:01 > ff:ff:ff:ff:ff:ff, ARP who has "
          + "10.0.10.2, tell 10.0.10.1 at 00:50:56:00:00:01, 42 bytes [/v1/capture?point=vnicIn&"
          + "point=vnicOut&point=uplinkOut&point=uplinkIn&point=drop]",
        "22:13:20.123456 host1/web1-eth0:drop 00:50:56:00:00:01 > ff:ff:ff:ff:ff:ff, vlan 10 "
          + "priority 3, ARP who has 10.0.10.2, tell 10.0.10.1 at 00:50:56:00:00:01, 46 bytes "
          + "[drop: forgedTransmit]",
      ])
  }

  @Test(arguments: [
    (["--port", "web2/eth0"], "point=vnicIn&point=vnicOut&point=drop&switch=dvs1&port=web2-eth0"),
    (["--port", "web2"], "point=vnicIn&point=vnicOut&point=drop&switch=dvs1&port=web2-eth0"),
    (
      ["--port", "web2-eth0", "--point", "drop,portIn"],
      "point=drop&point=portIn&switch=dvs1&port=web2-eth0"
    ),
    (
      ["--uplink", "vmnic0", "--host", "host2"],
      "point=uplinkOut&point=uplinkIn&point=drop&uplink=vmnic0"
    ),
    (
      [
        "--switch", "vSwitch0", "--host", "host2", "--point", "drop", "--snap", "96", "--count",
        "9",
      ],
      "point=drop&snapBytes=96&count=9&switch=vSwitch0"
    ),
    (
      ["--host", "host2", "--point", "drop", "--duration", "9", "tcp port 80 && !arp"],
      "point=drop&seconds=9&filter=tcp%20port%2080%20%26%26%20%21arp"
    ),
  ])
  func theRequest(_ words: [String], _ query: String) throws {
    try start("host1", 1, .refuses)
    try start("host2", 2, .frames(1))
    let outcome = try runtime.run(words: ["capture"] + words)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(outcome.lines.count == 1)
    #expect(outcome.output.contains("[/v1/capture?\(query)]"), "\(outcome.output)")
  }

  @Test(.enabled(if: hasTshark, "needs tshark"))
  func twoHostsAreOneFile() throws {
    try start("host1", 1, .frames(3))
    try start("host2", 2, .frames(4))
    let path = "\(runtime.folder)/both.pcapng"
    let outcome = try runtime.run("capture -w \(path)")
    #expect(outcome.status == 0 && outcome.output.isEmpty)
    #expect(outcome.errors == "7 frames captured, 6 lost: the capture was too slow\n")
    let report = try ChildProcess.run(
      .init(["tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.interface_name"]))
    let names = report.output.split(separator: "\n")
    #expect(names.filter { $0 == "host1/web1-eth0:drop" }.count == 3, "\(report.errors)")
    #expect(names.filter { $0 == "host2/web1-eth0:drop" }.count == 4)
  }

  @Test func standardOutputIsTheFile() throws {
    try start("host1", 1, .frames(2))
    let path = "\(runtime.folder)/out.pcapng"
    let script =
      "MARTLET_RUNTIME_DIRECTORY='\(runtime.folder)' '\(Runtime.program)' capture -w - >'\(path)'"
    let report = try ChildProcess.run(.init(["/bin/sh", "-c", script]))
    #expect(report.ending.isSuccess, "\(report.errors)")
    let request =
      "/v1/capture?point=vnicIn&point=vnicOut&point=uplinkOut&point=uplinkIn&point=drop"
    #expect(
      try readFile(path, limitBytes: 1 << 20) == Self.capture("host1", 2, request))
  }

  @Test func enoughIsEnoughThoughAnAgentIsSilent() throws {
    try start("host1", 1, .framesForEver(0))
    try start("host2", 2, .framesForEver(10))
    let outcome = try runtime.run("capture --count 4")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(outcome.lines.count == 4)
  }

  @Test func timeIsUpThoughNothingCame() throws {
    try start("host1", 1, .framesForEver(0))
    let path = "\(runtime.folder)/none.pcapng"
    let begin = MonotonicClock.now()
    let outcome = try runtime.run("capture --duration 1 -w \(path)")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("0 frames captured"))
    #expect(MonotonicClock.now().nanoseconds(since: begin) >= 1_000_000_000)
    var parser = PcapNGParser()
    parser.feed(try readFile(path, limitBytes: 1 << 20))
    #expect(try parser.next()?.content == .section)
  }

  @Test func anAgentThatRefusesIsTold() throws {
    try start("host1", 1, .refuses)
    try start("host2", 2, .frames(1))
    let outcome = try runtime.run("capture nonsense")
    #expect(outcome.status == 1)
    #expect(outcome.lines.count == 1, "the other one is shown")
    #expect(outcome.errors.contains("host host1: cannot use the filter: syntax error"))
  }

  @Test func aStreamThatIsCutOrNoneIsAFailure() throws {
    try start("host1", 1, .cuts)
    let cut = try runtime.run("capture")
    #expect(cut.status == 1)
    #expect(cut.errors.contains("the answer was cut off"), "\(cut.errors)")
    try start("host2", 2, .nonsense)
    let wrong = try runtime.run("capture --host host2")
    #expect(wrong.status == 1)
    #expect(wrong.errors.contains("cannot read the capture: it has no header"), "\(wrong.errors)")
  }

  @Test func aNameThatIsNotThereIsAnError() throws {
    try start("host1", 1, .frames(1))
    for (line, words) in [
      ("capture --port web9/eth0", "cannot find port web9/eth0: the known ones are web1/eth0; did"),
      (
        "capture --uplink uplink9", "cannot find uplink uplink9: the known ones are uplink1, vmnic0"
      ),
      ("capture --switch dsv1", "cannot find switch dsv1: the known ones are dvs1, vSwitch0; did"),
      ("capture -w /nowhere/x.pcapng", "cannot write /nowhere/x.pcapng: No such file or directory"),
    ] {
      let outcome = try runtime.run(line)
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
  }
}
