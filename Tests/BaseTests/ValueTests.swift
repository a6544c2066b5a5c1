// Times that stop at their ends, random numbers that can be had again, and words for people.

internal import Base
internal import Testing

@Suite struct ValueTests {
  @Test func timeStopsAtNever() {
    let start = MonotonicTime(seconds: 2)
    #expect(start.advanced(byMilliseconds: 5) == MonotonicTime(milliseconds: 2005))
    #expect(MonotonicTime.never.advanced(byNanoseconds: 1) == .never)
    #expect(MonotonicTime(nanoseconds: .max - 1).advanced(byNanoseconds: 5) == .never)
    #expect(start < .never && MonotonicTime.zero < start)
  }

  @Test func theTimeSinceTheFutureIsZero() {
    let early = MonotonicTime(nanoseconds: 10)
    let late = MonotonicTime(nanoseconds: 25)
    #expect(late.nanoseconds(since: early) == 15)
    #expect(early.nanoseconds(since: late) == 0)
  }

  @Test func aSeedGivesTheSameNumbersEverywhere() {
    // The first outputs of SplitMix64 for seed 1234567, as other implementations publish them.
    var random = SeededRandom(seed: 1_234_567)
    let numbers = (0..<3).map { _ in random.next() }
    #expect(
      numbers == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }

  @Test func aFailureSaysWhatWhyAndWhatToDo() {
    var failure = Failure("cannot read lab.yaml", why: "no such file", remedy: "check the name")
    #expect(
      failure.description
        == "martlet: error: cannot read lab.yaml: no such file; check the name")
    failure.location = SourceLocation(file: "lab.yaml", line: 3, column: 7)
    #expect(failure.description.hasPrefix("lab.yaml:3:7: martlet: error: "))
  }
}
