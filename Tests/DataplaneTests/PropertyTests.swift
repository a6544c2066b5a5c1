// Random switches, random guests, random frames and random events, held against the slow model: every
// delivery and every drop equal, every frame accounted for, every port's counters right, every team's
// choice lawful.
//
// A failure prints its seed and step: `MARTLET_SEED=N swift test --filter PropertyTests` runs that alone.
// `MARTLET_CASES=N swift test -c release --filter PropertyTests` runs about N steps, from `MARTLET_SEED`
// on.

import Glibc
import Testing

@Suite struct PropertyTests {
  private static let stepsPerSeed = 400

  /// A number in the environment, or nil.
  private static func number(_ name: String) -> UInt64? {
    // SAFETY: read once; nothing in the tests changes the environment.
    guard let text = unsafe getenv(name) else { return nil }
    return UInt64(unsafe String(cString: text))
  }

  /// The seeds to run: sixty, or what the environment names.
  static let seeds: [UInt64] = {
    let first = number("MARTLET_SEED")
    guard let cases = number("MARTLET_CASES") else { return first.map { [$0] } ?? Array(1...60) }
    return (0...cases / UInt64(stepsPerSeed)).map { (first ?? 1) &+ $0 }
  }()

  /// What sixty seeds must have met for the test to mean anything.
  private static let wanted: Set<String> = [
    "portDown true", "portDown false", "portBlocked true", "portBlocked false", "portFenced true",
    "portFenced false", "malformed true", "runt true", "oversize true", "vlanMismatch true",
    "vlanMismatch false", "pvlanIsolation true", "pvlanIsolation false", "macChange false",
    "forgedTransmit true", "macLimit true", "bpduFiltered true", "ingressFilter true",
    "egressFilter false", "ingressShaper true", "egressShaper false", "unknownUnicast true",
    "multicastNotMember true", "reversePath true", "sourceIsLocal true", "noUplink true",
    "uplinkDown true", "hairpin true", "reservedAddress true", "dscp", "released",
  ]

  @Test func theSwitchDoesWhatTheModelSays() throws {
    var reached: Set<String> = []
    let isWatched = Self.seeds.count > 60 && isatty(STDERR_FILENO) == 1
    for (count, seed) in Self.seeds.enumerated() {
      if isWatched && count % 250 == 0 {
        Self.show("\r\(count * Self.stepsPerSeed) steps")
      }
      reached.formUnion(run(seed))
    }
    guard Self.seeds.count >= 60 else { return }
    #expect(Self.wanted.subtracting(reached) == [], "never met")
  }

  private static func show(_ text: String) {
    var text = text
    // SAFETY: the bytes live as long as the call.
    text.withUTF8 { bytes in _ = unsafe write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
  }

  private func run(_ seed: UInt64) -> Set<String> {
    let both = SideBySide(seed: seed)
    for step in 0..<Self.stepsPerSeed {
      both.step()
      guard both.problems.isEmpty else {
        Issue.record(
          """
          seed \(seed), step \(step), \(both.event): \(both.problems.joined(separator: "\n"))
          again: MARTLET_SEED=\(seed) swift test --filter PropertyTests
          """)
        break
      }
    }
    return both.reached
  }
}
