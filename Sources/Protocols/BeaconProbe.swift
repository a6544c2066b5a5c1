// Beacon probing: which uplinks of a team reach the others, in one VLAN.
//
// Every member with a link sends a broadcast in each interval, and every other member should hear it:
// a link that is up says nothing of the switches behind it. The judgement is by rounds, not by a clock
// alone. A direction is broken when the beacons of `misses` rounds in a row were not heard, and a round
// is judged a quarter of an interval after it was sent, so that a beacon which is a little late still
// counts. With 3 misses an uplink is found broken 3.25 intervals after the last beacon that came
// through; and when the worker itself stood still, nothing was sent, and silence proves nothing.
//
//   round  n         n+1       n+2       n+3
//          |.........|.........|.........|...      3 rounds not heard: broken here -^
//          ^ heard                           ^ judged at n+3 and a quarter
//
// Members that hear each other, both ways, are joined. The one largest group of two or more is good and
// the others are bad. Without one there is no telling who is cut off (two uplinks that do not hear each
// other, vSphere's "shotgun" case): then every member is good, and frames go out of all of them.
//
// A member whose link came up is not judged for a whole detection time. Good news counts at once: a
// member that is heard by a good one, and hears it, is good. Bad news waits for the end of a round, or
// half a round of a recovering network would be taken for a split.

public import Base

/// How often beacons are sent, and how many in a row may be missed.
public struct BeaconTiming: Hashable, Sendable, BitwiseCopyable {
  public var intervalNanoseconds: UInt64
  public var misses: Int

  public init(intervalNanoseconds: UInt64 = 1_000_000_000, misses: Int = 3) {
    precondition(intervalNanoseconds >= 4 && misses > 0, "beacons need an interval and a count")
    self.intervalNanoseconds = intervalNanoseconds
    self.misses = misses
  }

  /// From sending a round to judging it.
  var graceNanoseconds: UInt64 { intervalNanoseconds / 4 }

  /// From the last beacon that came through to the verdict.
  public var detectionNanoseconds: UInt64 {
    intervalNanoseconds * UInt64(misses) + graceNanoseconds
  }
}

/// Which uplinks to use; each bit is an uplink position.
public struct BeaconVerdict: Hashable, Sendable, BitwiseCopyable {
  /// Members with a link that are not found to be cut off; empty only when no member has a link.
  public var good: UInt32
  /// Nobody can tell who is cut off: send every frame out of all good uplinks.
  public var isShotgun: Bool

  public init(good: UInt32, isShotgun: Bool = false) {
    self.good = good
    self.isShotgun = isShotgun
  }
}

/// The health of the uplinks of one team in one VLAN.
///
/// The driver sends a round of beacons, one from each member with a link, whenever `isBeaconDue`, calls
/// `sent`, reports what comes back with `heard`, and calls `tick` at the deadline that it gave.
/// - Thread: one worker. Nothing is allocated after `init`; `update` may change the members.
public struct BeaconProbe: ~Copyable, Sendable {
  public static let positionCount = 32

  public private(set) var timing: BeaconTiming
  public private(set) var verdict = BeaconVerdict(good: 0)
  /// Members with a link.
  public private(set) var active: UInt32 = 0

  /// The round in which `by` last heard `from`, at `by * 32 + from`; `neverHeard` since a link came up.
  private var heardRounds: FixedArray<UInt32>
  /// Rounds sent so far.
  private var round: UInt32 = 1
  /// When and in which round each member's link came up.
  private var upTimes: FixedArray<MonotonicTime>
  private var upRounds: FixedArray<UInt32>
  /// The group that the verdict rests on; empty in doubt.
  private var core: UInt32 = 0
  private var nextRoundDue: MonotonicTime
  private var judgementDue = MonotonicTime.never

  /// A probe without members; the first round is due at once.
  public init(timing: BeaconTiming = BeaconTiming(), now: MonotonicTime) {
    self.timing = timing
    let count = Self.positionCount
    heardRounds = FixedArray(repeating: Self.neverHeard, count: count * count)
    upTimes = FixedArray(repeating: now, count: count)
    upRounds = FixedArray(repeating: 0, count: count)
    nextRoundDue = now
  }

  private static let neverHeard: UInt32 = 0

  /// What a probe takes.
  public static var memoryBytes: Int {
    positionCount * positionCount * 4
      + positionCount * (MemoryLayout<MonotonicTime>.stride + 4) + MemoryLayout<Self>.stride
  }

  /// Begins anew, without members, for another team; the memory stays.
  public mutating func reset(timing: BeaconTiming, now: MonotonicTime) {
    self.timing = timing
    verdict = BeaconVerdict(good: 0)
    active = 0
    heardRounds.fill(with: Self.neverHeard)
    upTimes.fill(with: now)
    upRounds.fill(with: 0)
    round = 1
    core = 0
    nextRoundDue = now
    judgementDue = .never
  }

  /// Says which uplinks are of the team (active and standby), and which of them have a link.
  ///
  /// One that was not there before, or had no link, is good and not judged for a detection time.
  public mutating func update(members: UInt32, linksUp: UInt32, now: MonotonicTime) {
    let before = active
    active = members & linksUp
    guard active != before else { return }
    for position in 0..<Self.positionCount where active & ~before & 1 << position != 0 {
      upTimes[position] = now
      upRounds[position] = round
      for other in 0..<Self.positionCount {
        heardRounds[position * Self.positionCount + other] = Self.neverHeard
        heardRounds[other * Self.positionCount + position] = Self.neverHeard
      }
    }
    judge(now: now)
  }

  /// A round of beacons is to be sent now, one from each active member.
  public func isBeaconDue(now: MonotonicTime) -> Bool { active != 0 && nextRoundDue <= now }

  /// Notes that a round was sent, or was tried to: a nic that takes no frames is not heard either.
  public mutating func sent(now: MonotonicTime) {
    round += 1
    judgementDue = now.advanced(byNanoseconds: timing.graceNanoseconds)
    // The rounds keep their pace; after a standstill they begin anew.
    let next = nextRoundDue.advanced(byNanoseconds: timing.intervalNanoseconds)
    nextRoundDue = next > now ? next : now.advanced(byNanoseconds: timing.intervalNanoseconds)
  }

  /// Notes that a beacon which left by uplink `from` came in at uplink `by`.
  public mutating func heard(by: Int, from: Int) {
    guard isActive(by), isActive(from), by != from else { return }
    heardRounds[by * Self.positionCount + from] = round
    let joins = core & 1 << by != 0 ? from : by
    guard core & (1 << by | 1 << from) != 0, verdict.good & 1 << joins == 0, areJoined(by, from)
    else { return }
    core = group(of: core)
    verdict.good |= core
  }

  /// Judges the round when its time has come.
  ///
  /// - Returns: when to call again, or to send: `.never` without an active member.
  public mutating func tick(now: MonotonicTime) -> MonotonicTime {
    if judgementDue <= now {
      judgementDue = .never
      judge(now: now)
    }
    return active == 0 ? .never : min(judgementDue, nextRoundDue)
  }

  /// The beacons of `from` reach `by`: one of the last rounds was heard. For reports.
  public func hears(by: Int, from: Int) -> Bool {
    let heardRound = heardRounds[by * Self.positionCount + from]
    return heardRound != Self.neverHeard && settledRound < heardRound + UInt32(timing.misses)
  }
}

extension BeaconProbe {
  /// The last round whose beacons have had their time to come in.
  private var settledRound: UInt32 { judgementDue == .never ? round : round - 1 }

  private func isActive(_ position: Int) -> Bool {
    (0..<Self.positionCount).contains(position) && active & 1 << position != 0
  }

  private func areJoined(_ one: Int, _ other: Int) -> Bool {
    hears(by: one, from: other) && hears(by: other, from: one)
  }

  /// Everyone joined to one of `start`, directly or through others.
  private func group(of start: UInt32) -> UInt32 {
    var group = start
    var waiting = start
    while waiting != 0 {
      let position = waiting.trailingZeroBitCount
      waiting &= waiting - 1
      for other in 0..<Self.positionCount where (active & ~group) & 1 << other != 0 {
        if areJoined(position, other) {
          group |= 1 << other
          waiting |= 1 << other
        }
      }
    }
    return group
  }

  private mutating func judge(now: MonotonicTime) {
    core = largestGroup() & active
    let judged = active & ~unjudged(now: now)
    if core != 0 {
      verdict = BeaconVerdict(good: core | active & ~judged)
    } else {
      verdict = BeaconVerdict(good: active, isShotgun: judged.nonzeroBitCount >= 2)
    }
  }

  /// The one largest group of two or more; 0 when there is none, or another as large.
  private func largestGroup() -> UInt32 {
    var largest: UInt32 = 0
    var isTie = false
    var rest = active
    while rest != 0 {
      let group = group(of: 1 << rest.trailingZeroBitCount)
      rest &= ~group
      if group.nonzeroBitCount > largest.nonzeroBitCount {
        largest = group
        isTie = false
      } else if group.nonzeroBitCount == largest.nonzeroBitCount {
        isTie = true
      }
    }
    return isTie || largest.nonzeroBitCount < 2 ? 0 : largest
  }

  /// Active members whose link came up less than a detection time ago.
  private func unjudged(now: MonotonicTime) -> UInt32 {
    var mask: UInt32 = 0
    for position in 0..<Self.positionCount where active & 1 << position != 0 {
      if now.nanoseconds(since: upTimes[position]) < timing.detectionNanoseconds
        || settledRound < upRounds[position] + UInt32(timing.misses)
      {
        mask |= 1 << position
      }
    }
    return mask
  }
}
