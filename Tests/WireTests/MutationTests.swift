// The exercises of the fuzzers over their corpus, with seeded mutations: a second in every run of
// the suite, where libFuzzer takes hours. An exercise that traps ends the test process; the last
// case that was said to start is the one, and the seed is always the same.

internal import Base
internal import FoundationEssentials
internal import Testing
internal import Wire
internal import WireExercise

@Suite struct MutationTests {
  static let mutationsPerExercise = 1500

  @Test(arguments: WireExercise.allCases)
  func theCorpusAndItsMutationsAreSurvived(_ exercise: WireExercise) throws {
    let inputs = try corpus(exercise)
    try #require(!inputs.isEmpty, "Tests/Fuzz/corpus/\(exercise.rawValue) is empty")
    var random = SeededRandom(seed: 0x5EED)
    for input in inputs {
      exercise.run(input.rawSpan)
      let cut = Int.random(in: 0...input.count, using: &random)
      exercise.run(Array(input[..<cut]).rawSpan)
    }
    for _ in 0..<Self.mutationsPerExercise {
      let input = inputs[Int.random(in: inputs.indices, using: &random)]
      exercise.run(mutate(input, with: inputs, &random).rawSpan)
    }
  }

  private func corpus(_ exercise: WireExercise) throws -> [[UInt8]] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fuzz/corpus/\(exercise.rawValue)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    return try names.map { [UInt8](try Data(contentsOf: folder.appending(path: $0))) }
  }

  /// One to four changes: a bit, a byte, a cut, a growth, or the end of another input.
  private func mutate(
    _ input: [UInt8], with others: [[UInt8]], _ random: inout SeededRandom
  ) -> [UInt8] {
    var bytes = input
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let place = Int.random(in: 0...max(bytes.count - 1, 0), using: &random)
      switch random.next() % 5 {
      case 0 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(random.next() % 8)
      case 1 where !bytes.isEmpty:
        bytes[place] =
          [0, 1, 0x7F, 0xFF, UInt8.random(in: 0...255, using: &random)]
          .randomElement(using: &random) ?? 0
      case 2: bytes.removeLast(min(bytes.count, place))
      case 3: bytes += [UInt8](repeating: 0, count: Int.random(in: 1...64, using: &random))
      default:
        let other = others.randomElement(using: &random) ?? []
        bytes = Array(bytes[..<min(place, bytes.count)]) + other.dropFirst(place)
      }
    }
    return bytes
  }
}
