// martlet-bench: what the switch costs, measured. One file a benchmark; this one only chooses.
//
// Exit 0 done, 1 a measurement failed or broke its promise, 2 wrong usage.

internal import Base
internal import Glibc
internal import Rig

/// What goes into the report, in its order.
let reportBenchmarks = [
  PipelineReport.benchmark,
  CableBenchmark.benchmark, PeersBenchmark.benchmark, LatencyBenchmark.benchmark,
  LossBenchmark.benchmark, VhostReport.benchmark, MemoryBenchmark.benchmark, IdleReport.benchmark,
  // Last: it raises its own priority.
  BlockedReport.benchmark,
]

/// The benchmarks by the word on the command line.
let benchmarks: [(name: String, summary: String, run: ([String]) throws -> Bool)] =
  reportBenchmarks.map { ($0.name, $0.summary, $0.run) } + [
    ("allocations", "allocations per frame: must be zero", AllocationReport.run),
    ("all", "everything that goes into the report, as one report", AllCommand.run),
    ("switch", "a bare switch between given devices, for harnesses", SwitchCommand.run),
    ("tool", "cables, a generator and round trips: the parts of the comparisons", ToolCommand.run),
    ("vhost-switch", "a bare switch between vhost-user ports", VhostSwitch.run),
    ("stream", "a paced stream of numbered frames: send or receive it", StreamCommand.run),
    ("shaping", "rates and bursts of shaped ports, and what they cost others", ShapingReport.run),
    ("beacon", "how long a fault upstream of an uplink blocks a stream", BeaconReport.run),
  ]

let usage =
  "usage: martlet-bench NAME [OPTION...]      (martlet-bench NAME --help says more)\n"
  + benchmarks.map { name, summary, _ in "  \(pad(name, 12)) \(summary)" }.joined(separator: "\n")

let arguments = Array(CommandLine.arguments.dropFirst())
guard let benchmark = benchmarks.first(where: { $0.name == arguments.first }) else {
  print(usage)
  exit(["help", "--help", "-h"].contains(arguments.first) ? 0 : 2)
}
do {
  exit(try benchmark.run(Array(arguments.dropFirst())) ? 0 : 1)
} catch let wrong as WrongUsage {
  complain("martlet-bench: error: \(wrong.text)")
  exit(2)
} catch {
  // What failed because a signal made everything go is not worth a word.
  RigCleanup.waitIfInterrupted()
  complain("\(error)")
  exit(1)
}
