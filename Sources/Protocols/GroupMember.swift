// One port's membership of one group: the router's side of IGMPv3 and MLDv2 (RFC 3376, 6; RFC 3810, 7).
//
//   include  the sources of the list are wanted, each until its time
//   exclude  all sources are wanted until the group's time, but not those of the list whose time is 0;
//            those of the list that have a time are what remains when the group's time is over
//
// Behind a port there may be several hosts, so nobody's report takes anything from the others: what is
// no longer wanted is asked for (twice, a second apart) and goes when nobody answers.
//
// A list holds ten sources (vSphere's limit). With more the port gets all sources of the group: more
// than was asked for, never less.

internal import Base
internal import Wire

/// How long things take in a VLAN, and whether it is our own querier that asks there.
struct MembershipTiming {
  var now: MonotonicTime
  /// A membership that is not reported again.
  var membershipNanoseconds: UInt64
  /// From the first question about a source or group to its end.
  var lastMemberNanoseconds: UInt64
  var lastMemberQueryCount: UInt8
  var isQuerier: Bool

  var membershipEnd: MonotonicTime { now.advanced(byNanoseconds: membershipNanoseconds) }
  var lastMemberEnd: MonotonicTime { now.advanced(byNanoseconds: lastMemberNanoseconds) }
}

struct GroupMember: Sendable, BitwiseCopyable {
  var port: UInt16 = 0
  /// The index of its group; negative when the element is free.
  var group: Int32 = -1
  /// The next member of the group, or the next free element; negative at the end.
  var next: Int32 = -1
  var isExclude = false
  /// It was counted among those that get every source.
  var isPlain = false
  var groupQueriesLeft: UInt8 = 0
  /// In exclude mode alone.
  var groupEnd = MonotonicTime.zero
  var sources = GroupSources()
  /// `.zero` is an excluded source.
  var sourceEnds: [10 of MonotonicTime] = .init(repeating: .zero)
  var sourceQueriesLeft: [10 of UInt8] = .init(repeating: 0)
  var groupQueryTime = MonotonicTime.never
  var sourceQueryTime = MonotonicTime.never
  /// Until when a host of an older version is taken to be there.
  var version1End = MonotonicTime.zero
  var version2End = MonotonicTime.zero
  var joined = MonotonicTime.zero

  /// Nothing is wanted any more.
  var isOver: Bool { !isExclude && sources.isEmpty }

  /// Wants every source: exclude mode without an excluded one.
  var wantsAll: Bool {
    guard isExclude else { return false }
    for index in 0..<sources.count where sourceEnds[index] == .zero { return false }
    return true
  }

  func wants(_ source: IPAddress) -> Bool {
    guard let index = sources.index(of: source) else { return isExclude }
    return sourceEnds[index] != .zero
  }

  /// When something ends by itself.
  var endDue: MonotonicTime {
    var due = isExclude ? groupEnd : .never
    for index in 0..<sources.count where sourceEnds[index] != .zero {
      due = min(due, sourceEnds[index])
    }
    return due
  }

  var queryDue: MonotonicTime { min(groupQueryTime, sourceQueryTime) }

  /// Takes out what is over.
  mutating func expire(_ now: MonotonicTime) {
    if isExclude, groupEnd <= now {
      isExclude = false
      groupQueriesLeft = 0
      groupQueryTime = .never
    }
    for index in (0..<sources.count).reversed() where sourceEnds[index] <= now {
      if isExclude { exclude(at: index) } else { removeSource(at: index) }
    }
  }

  /// Applies a record.
  ///
  /// - Returns: false when the sources did not fit and the port gets all of them instead.
  mutating func apply(
    _ kind: GroupRecordKind, _ given: GroupSources, isComplete: Bool, _ timing: MembershipTiming
  ) -> Bool {
    if kind == .block {
      // What does not fit goes on being delivered until its time.
      if isComplete { block(given, timing) }
      return isComplete
    }
    var fits = isComplete
    switch kind {
    case .isInclude, .allow: fits = fits && include(given, timing)
    case .toInclude:
      if fits { fits = changeToInclude(given, timing) }
    case .isExclude, .toExclude:
      if fits {
        fits =
          isExclude
          ? updateExclude(given, isChange: kind == .toExclude, timing)
          : changeToExclude(given, isChange: kind == .toExclude, timing)
      }
    case .block: break
    }
    if !fits { wantAll(timing) }
    return fits
  }

  /// `INCLUDE (A+B)` or `EXCLUDE (X+A, Y-A)`: these are wanted for the whole time.
  private mutating func include(_ given: GroupSources, _ timing: MembershipTiming) -> Bool {
    for index in 0..<given.count {
      guard let place = place(of: given[index]) else { return false }
      sourceEnds[place] = timing.membershipEnd
      sourceQueriesLeft[place] = 0
    }
    return true
  }

  private mutating func changeToInclude(
    _ given: GroupSources, _ timing: MembershipTiming
  ) -> Bool {
    for index in 0..<sources.count
    where sourceEnds[index] != .zero && !given.contains(sources[index]) {
      ask(sourceAt: index, timing)
    }
    if isExclude { askGroup(timing) }
    return include(given, timing)
  }

  /// `INCLUDE (A)` becomes `EXCLUDE (A*B, B-A)`.
  private mutating func changeToExclude(
    _ given: GroupSources, isChange: Bool, _ timing: MembershipTiming
  ) -> Bool {
    keepOnly(given)
    if isChange {
      for index in 0..<sources.count { ask(sourceAt: index, timing) }
    }
    isExclude = true
    restartGroup(timing)
    for index in 0..<given.count where !sources.contains(given[index]) {
      guard let place = place(of: given[index]) else { return false }
      exclude(at: place)
    }
    return true
  }

  /// `EXCLUDE (X,Y)` becomes `EXCLUDE (A-Y, Y*A)`.
  private mutating func updateExclude(
    _ given: GroupSources, isChange: Bool, _ timing: MembershipTiming
  ) -> Bool {
    keepOnly(given)
    for index in 0..<given.count where !sources.contains(given[index]) {
      guard let place = place(of: given[index]) else { return false }
      sourceEnds[place] = isChange ? groupEnd : timing.membershipEnd
    }
    restartGroup(timing)
    if isChange {
      for index in 0..<sources.count where sourceEnds[index] != .zero {
        ask(sourceAt: index, timing)
      }
    }
    return true
  }

  private mutating func block(_ given: GroupSources, _ timing: MembershipTiming) {
    for index in 0..<given.count {
      if isExclude, !sources.contains(given[index]), let place = place(of: given[index]) {
        sourceEnds[place] = groupEnd
      }
      if let place = sources.index(of: given[index]), sourceEnds[place] != .zero {
        ask(sourceAt: place, timing)
      }
    }
  }

  /// The port gets every source for the whole time.
  mutating func wantAll(_ timing: MembershipTiming) {
    sources = GroupSources()
    sourceQueryTime = .never
    isExclude = true
    restartGroup(timing)
  }
}

extension GroupMember {
  /// Lowers the times to those of a question that another querier asked.
  mutating func lowerGroup(to end: MonotonicTime) { groupEnd = min(groupEnd, end) }

  mutating func lower(_ source: IPAddress, to end: MonotonicTime) {
    guard let index = sources.index(of: source) else { return }
    sourceEnds[index] = min(sourceEnds[index], end)
  }

  /// The sources that are due to be asked for now; moves on to the next time.
  mutating func takeSourceQuery(_ intervalNanoseconds: UInt64) -> GroupSources {
    var asked = GroupSources()
    var isLeft = false
    for index in 0..<sources.count where sourceQueriesLeft[index] > 0 {
      asked.insert(sources[index])
      sourceQueriesLeft[index] -= 1
      isLeft = isLeft || sourceQueriesLeft[index] > 0
    }
    sourceQueryTime =
      isLeft ? sourceQueryTime.advanced(byNanoseconds: intervalNanoseconds) : .never
    return asked
  }

  /// Moves the group's question on; false when it was answered meanwhile.
  mutating func takeGroupQuery(_ intervalNanoseconds: UInt64) -> Bool {
    guard groupQueriesLeft > 0 else {
      groupQueryTime = .never
      return false
    }
    groupQueriesLeft -= 1
    groupQueryTime =
      groupQueriesLeft > 0
      ? groupQueryTime.advanced(byNanoseconds: intervalNanoseconds) : .never
    return true
  }

  private mutating func ask(sourceAt index: Int, _ timing: MembershipTiming) {
    guard timing.isQuerier else { return }
    sourceEnds[index] = min(sourceEnds[index], timing.lastMemberEnd)
    sourceQueriesLeft[index] = timing.lastMemberQueryCount
    sourceQueryTime = timing.now
  }

  private mutating func askGroup(_ timing: MembershipTiming) {
    guard timing.isQuerier else { return }
    groupEnd = min(groupEnd, timing.lastMemberEnd)
    groupQueriesLeft = timing.lastMemberQueryCount
    groupQueryTime = timing.now
  }

  private mutating func restartGroup(_ timing: MembershipTiming) {
    groupEnd = timing.membershipEnd
    groupQueriesLeft = 0
    groupQueryTime = .never
  }

  private mutating func exclude(at index: Int) {
    sourceEnds[index] = .zero
    sourceQueriesLeft[index] = 0
  }

  private mutating func keepOnly(_ given: GroupSources) {
    for index in (0..<sources.count).reversed() where !given.contains(sources[index]) {
      removeSource(at: index)
    }
  }

  /// Where a source is in the list, or now will be; nil when the list is full.
  private mutating func place(of source: IPAddress) -> Int? {
    if let index = sources.index(of: source) { return index }
    guard sources.insert(source) else { return nil }
    sourceQueriesLeft[sources.count - 1] = 0
    return sources.count - 1
  }

  private mutating func removeSource(at index: Int) {
    let last = sources.count - 1
    sources.remove(at: index)
    sourceEnds[index] = sourceEnds[last]
    sourceQueriesLeft[index] = sourceQueriesLeft[last]
  }
}
