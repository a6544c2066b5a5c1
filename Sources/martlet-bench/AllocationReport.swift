// `martlet-bench allocations`: how often the allocator is asked while frames are switched. The promise is
// zero. `scripts/budgets` proves the same on the machine code, without running it.

internal import Base
internal import CAllocationCount
internal import Dataplane
internal import Glibc
internal import Linux

enum AllocationReport {
  static let help = """
    usage: martlet-bench allocations [--json] [--frames N]

    Counts every malloc, calloc, realloc and aligned allocation of the process while frames go through
    the switch; exits 1 when there is one.
      --frames   frames of each row (default 10000000)
      --json     JSON instead of a table
    Rows: `unicast`, the pipeline benchmark with 10,000 learned addresses; `mixed`, a switch with two
    uplinks, VLANs, a trunk, learning and flooding, with link failures, announcements, ageing and drops;
    `attachments` (as root, a twentieth of the frames), a TAP and a packet socket with a switch between.
    """

  struct Row {
    var name: String
    var frames: Int
    var allocations: UInt64

    var perFrame: Double { Double(allocations) / Double(frames) }
  }

  /// False when anything was allocated.
  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "allocations")
    if options.flag("--help") {
      print(help)
      return true
    }
    let asJSON = options.flag("--json")
    let frames = try options.number("--frames", default: 10_000_000, in: 1...1_000_000_000_000)
    try options.end()
    try proveCounter()
    var rows = [try unicast(frames), mixed(frames)]
    if geteuid() == 0 {
      rows.append(try attachments(frames / 20))
    } else {
      complain("martlet-bench: the row `attachments` is left out: it needs root")
    }
    if asJSON {
      let values = rows.map { row -> JSONValue in
        [
          "name": .string(row.name), "frames": .int(row.frames),
          "allocations": .int(Int(row.allocations)), "allocationsPerFrame": .double(row.perFrame),
        ]
      }
      print(JSONValue.array(values).prettyText, terminator: "")
    } else {
      for row in rows {
        let figure = row.allocations == 0 ? "0" : "\(row.perFrame)"
        print("\(pad(row.name, 11)) \(row.frames) frames, allocations per frame: \(figure)")
      }
    }
    return rows.allSatisfy { $0.allocations == 0 }
  }

  /// A counter that counts nothing would prove nothing.
  private static func proveCounter() throws {
    let before = martlet_allocation_count()
    let array = FixedArray(repeating: UInt8(0), count: 4_096)
    guard martlet_allocation_count() > before, array.count == 4_096 else {
      throw Failure(
        "cannot count allocations", why: "an allocation was not seen",
        remedy: "link martlet-bench against glibc, whose malloc can be replaced")
    }
  }

  private static func unicast(_ frames: Int) throws -> Row {
    var benchmark = try PipelineBenchmark(
      PipelineScenario(macs: 10_000, policies: .all), batchFrames: 256, seed: 1)
    let before = martlet_allocation_count()
    var done = 0
    while done < frames { done += try benchmark.run(nanoseconds: 10_000_000).frames }
    return Row(name: "unicast", frames: done, allocations: martlet_allocation_count() - before)
  }

  private static func attachments(_ frames: Int) throws -> Row {
    let name = "mbench\(ProcessIdentity.current.number)"
    let namespace = try NetworkNamespace.create(named: name)
    defer { try? NetworkNamespace.delete(named: name) }
    var traffic = AttachmentTraffic(try .init(in: namespace))
    // The kernel, and the first use of each path, may take their time.
    for _ in 0..<10 { _ = traffic.step() }
    let before = martlet_allocation_count()
    var (done, idleSteps) = (0, 0)
    while done < frames {
      let step = traffic.step()
      idleSteps = step == 0 ? idleSteps + 1 : 0
      guard idleSteps < 1_000 else {
        throw Failure(
          "cannot count allocations of the attachments", why: "no frame comes through any more",
          remedy: "check that this kernel has veth and TAP devices")
      }
      done += step
    }
    return Row(name: "attachments", frames: done, allocations: martlet_allocation_count() - before)
  }

  private static func mixed(_ frames: Int) -> Row {
    var traffic = MixedTraffic(seed: 1)
    let before = martlet_allocation_count()
    var done = 0
    while done < frames { done += traffic.step() }
    precondition(traffic.network.conservation.holds, "conservation")
    return Row(name: "mixed", frames: done, allocations: martlet_allocation_count() - before)
  }
}
