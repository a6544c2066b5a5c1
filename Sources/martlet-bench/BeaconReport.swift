// `martlet-bench beacon`: how long traffic is blocked when an uplink is cut off behind its physical switch,
// its own link up. Only beacons can tell.

internal import Base
internal import Glibc
internal import Linux
internal import Model
internal import Rig
internal import Wire

enum BeaconReport {
  /// The promise, from the cut to the last lost frame.
  static let mostSeconds = 3.5

  static let help = """
    usage: martlet-bench beacon [--json] [--runs N] [--binary PATH]

    Builds a host with uplinks on two joined physical switches and beacon probing, sends 1,000 frames a
    second to a VM behind the second switch, cuts the cable between the switches, and measures the time
    without frames; then mends it. Needs root. Exits 1 when that is ever more than 3.5 s.
      --runs      of each team (default 5)
      --binary    the program `martlet` (default: the one beside this program)
      --json      JSON instead of a table
    """

  struct Row {
    /// With three the cut one is found; with two every frame leaves by both.
    var uplinks: Int
    var seconds: [Double] = []

    var sorted: [Double] { seconds.sorted() }
  }

  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "beacon")
    if options.flag("--help") {
      print(help)
      return true
    }
    let asJSON = options.flag("--json")
    let runs = try options.number("--runs", default: 5, in: 1...100)
    let binary = try options.text("--binary") ?? besideThisProgram("martlet")
    try options.end()
    let rows = try [3, 2].map { try measure(uplinks: $0, runs: runs, binary) }
    if asJSON {
      let values = rows.map { row -> JSONValue in
        [
          "uplinks": .int(row.uplinks), "runs": .int(row.seconds.count),
          "blockedSeconds": .double(row.sorted[row.seconds.count / 2]),
          "blockedSecondsMin": .double(row.sorted.first ?? 0),
          "blockedSecondsMax": .double(row.sorted.last ?? 0),
        ]
      }
      print(JSONValue.array(values).prettyText, terminator: "")
    } else {
      printTable(
        ["uplinks", "blockedSeconds", "min", "max"],
        rows.map { row in
          ["\(row.uplinks)"]
            + [row.sorted[row.seconds.count / 2], row.sorted.first ?? 0, row.sorted.last ?? 0]
            .map { decimal($0, 3) }
        })
    }
    return rows.allSatisfy { $0.seconds.allSatisfy { $0 <= mostSeconds } }
  }

  private static func measure(uplinks: Int, runs: Int, _ binary: String) throws -> Row {
    let rig = try Rig(text(uplinks: uplinks), executable: binary, prefix: "mc\(getpid())-")
    defer { rig.close() }
    try rig.start()
    var row = Row(uplinks: uplinks)
    for run in 0..<runs { row.seconds.append(try blockedSeconds(rig, run)) }
    return row
  }

  private static func blockedSeconds(_ rig: Rig, _ run: Int) throws -> Double {
    // An uplink that has just come up is not judged for a whole detection time.
    try expect(rig, "uplink1 is used and known") {
      let uplinks = try rig.uplinks("host1")
      return try rig.port("host1", "app").teamUplink == "uplink1"
        && rig.status("host1").uptimeSeconds >= 5 && !uplinks.contains { $0.beacon != .ok }
    }
    var options = StreamSender.Options(to: IPv4Address(10, 0, 10, 99))
    options.framesPerSecond = 1_000
    options.stream = UInt32(truncatingIfNeeded: MonotonicClock.now().nanoseconds)
    let receiver = try StreamReceiver(stream: options.stream, in: rig.namespace("far"))
    let sender = try StreamSender(options, in: rig.namespace("app"))
    defer {
      sender.stop()
      receiver.stop()
    }
    // Between two beacons, each run at another moment.
    let pause = UInt64(200 + run * 370 % 1_000)
    guard receiver.wait(for: pause, timeoutNanoseconds: 10_000_000_000) else {
      throw failure("no frame comes")
    }
    try rig.setJoint("tor1", "tor2", isUp: false)
    defer { try? rig.setJoint("tor1", "tor2", isUp: true) }
    let next = sender.report.offered + 10
    guard receiver.wait(for: next, timeoutNanoseconds: 15_000_000_000) else {
      throw failure("no frame comes any more")
    }
    return Double(receiver.report.longestGapNanoseconds) / 1e9
  }

  private static func expect(_ rig: Rig, _ what: String, _ isTrue: () throws -> Bool) throws {
    let isThere = try MonotonicClock.wait(
      atMostNanoseconds: 15_000_000_000, everyNanoseconds: 5_000_000, until: isTrue)
    guard isThere else { throw failure("not in time: \(what); \(rig.log("host1"))") }
  }

  private static func failure(_ why: String) -> Failure {
    Failure("cannot measure", why: why, remedy: "run it again on a quiet machine")
  }

  private static func text(uplinks: Int) -> String {
    let nics = (0..<uplinks).map { "vmnic\($0): \($0 == 0 ? "tor1" : "tor2")" }
    let slots = (0..<uplinks).map { "uplink\($0 + 1): vmnic\($0)" }
    let names = (1...uplinks).map { "uplink\($0)" }
    return """
      apiVersion: martlet/v1
      kind: Topology
      name: beacon
      physicalSwitches:
        - { name: tor1, links: [tor2] }
        - { name: tor2 }
      hosts:
        - { name: host1, nics: { \(nics.joined(separator: ", ")) } }
        - { name: host2, nics: { vmnic0: tor2 } }
      distributedSwitches:
        - name: dvs1
          uplinks: [\(names.joined(separator: ", "))]
          hosts:
            - { name: host1, uplinks: { \(slots.joined(separator: ", ")) } }
            - { name: host2, uplinks: { uplink1: vmnic0 } }
          portgroups:
            - name: probed
              vlan: 10
              policy:
                teaming:
                  policy: failover_explicit
                  activeUplinks: [uplink1]
                  standbyUplinks: [\(names.dropFirst().joined(separator: ", "))]
                  failureDetection: beaconProbing
            - { name: plain, vlan: 10 }
      vms:
        - { name: app, host: host1, nics: [{ portgroup: probed, addresses: [10.0.10.1/24] }] }
        - { name: far, host: host2, nics: [{ portgroup: plain, addresses: [10.0.10.99/24] }] }

      """
  }
}
