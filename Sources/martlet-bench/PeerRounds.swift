// Measuring many topologies in rounds: each is built, measured and removed in every round.

internal import Base
internal import BenchReport
internal import Linux
internal import Rig

/// Rounds over topologies.
struct PeerRounds {
  private let topologies: [PeerTopology]
  private let runs: Int
  private let progress: Progress

  init(_ topologies: [PeerTopology], runs: Int, _ progress: Progress) {
    (self.topologies, self.runs, self.progress) = (topologies, runs, progress)
  }

  /// Adds a line for each topology to the section and runs `body` on each in every round. What cannot be
  /// built is skipped with the reason; what fails later stays, with what was measured and a note.
  func run(
    into section: inout ReportSection,
    _ body: (PathProbe, _ name: String, inout ReportSection) throws -> Void
  ) throws {
    try Self.requireCommonPrograms()
    var waiting: [PeerTopology] = []
    for topology in topologies {
      if let obstacle = topology.obstacle {
        section.skip(topology.name, because: obstacle)
        continue
      }
      waiting.append(topology)
      section.add(
        Subject(
          topology.name, title: topology.title, group: topology.group,
          comparedWith: topology.comparedWith,
          isOurs: topology.isOurs, note: topology.note))
    }
    progress.begin(steps: runs * waiting.count)
    for round in 1...runs {
      for topology in waiting {
        progress.step("round \(round)/\(runs): \(section.name) \(topology.name)")
        do {
          try Self.measure(topology, &section, body)
        } catch let failure as Failure {
          waiting.removeAll { $0.name == topology.name }
          progress.drop(steps: runs - round)
          give(up: topology, failure, &section)
        }
      }
    }
    progress.end()
  }

  private static func measure(
    _ topology: PeerTopology, _ section: inout ReportSection,
    _ body: (PathProbe, _ name: String, inout ReportSection) throws -> Void
  ) throws {
    let pair = try ContainerPair()
    defer { pair.close() }
    try topology.build(pair)
    try pair.settle()
    try body(PathProbe(pair), topology.name, &section)
  }

  private func give(up topology: PeerTopology, _ failure: Failure, _ section: inout ReportSection) {
    let why = "\(failure.what): \(failure.why.split(separator: "\n").first ?? "no word of it")"
    let isMeasured = section.metrics.contains { section[$0.name, of: topology.name] != nil }
    if isMeasured {
      section.note("stopped: \(why)", of: topology.name)
    } else {
      section.skip(topology.name, because: why)
    }
  }

  private static func requireCommonPrograms() throws {
    let missing = PeerTopology.commonPrograms.filter { !RigEnvironment.hasPrograms($0.name) }
    guard !missing.isEmpty else { return }
    throw Failure(
      "cannot compare", why: "\(missing.map(\.name).joined(separator: ", ")) not found",
      remedy: "apt-get install \(missing.map(\.package).joined(separator: " "))")
  }
}
