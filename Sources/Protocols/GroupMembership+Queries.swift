// The querier: who asks in which VLAN, and what is to be sent now.
//
//   general    in every active VLAN without another querier: as many as the robustness says, a quarter
//              of an interval apart, then one in each interval (RFC 3376, 8.6 and 8.7)
//   to a port  when it was attached or came from another host: it should not have to wait for the next
//              general query; twice, a second apart, with a second to answer
//   specific   for a group or source that was left, to the port that left it, so that nobody else is
//              bothered: as many as the robustness says, a second apart
//
// Another querier is beyond an uplink; one of a guest makes its port a router port, but does not silence
// ours, unless there is none of ours. And it is one that has an address: 0.0.0.0 takes no part in the
// election (RFC 4541, 2.1.1), and our own address for MLD, the highest there is, loses to all others and
// is that of other switches.

public import Base
public import Wire

extension GroupMembership {
  /// Changes the settings; our own queriers begin anew.
  public mutating func configure(_ settings: GroupMembershipSettings) {
    precondition(settings.robustness > 0, "a querier asks at least once")
    self.settings = settings
    for index in queriers.indices where queriers[index].isActive { restart(index) }
  }

  /// Says that a VLAN has VM ports, or has none any more: only there our own querier asks.
  public mutating func setVLAN(_ vlan: UInt16, isActive: Bool) {
    setVLAN(vlan, isActive, .v4)
    setVLAN(vlan, isActive, .v6)
  }

  private mutating func setVLAN(_ vlan: UInt16, _ isActive: Bool, _ family: GroupFamily) {
    let index = Self.index(family, vlan & 0xFFF)
    guard queriers[index].isActive != isActive else { return }
    queriers[index].isActive = isActive
    if isActive {
      restart(index)
    } else {
      queriers[index].generalTime = .never
      if queriers[index].otherEnd == .zero { queriers[index].reliableTime = .never }
    }
  }

  /// Asks a port what it listens to, now: it was attached, or its VM came from another host.
  public mutating func askNow(port: Int, vlan: UInt16, now: MonotonicTime) {
    askNow(port, vlan & 0xFFF, .v4, now)
    askNow(port, vlan & 0xFFF, .v6, now)
  }

  private mutating func askNow(
    _ port: Int, _ vlan: UInt16, _ family: GroupFamily, _ now: MonotonicTime
  ) {
    guard let index = askElement(port, vlan, family) else {
      // It gets everything until the querier of the VLAN has asked.
      return overflow(port, vlan, until: timing(family, vlan, now).membershipEnd)
    }
    asks[index] = PortAsk(
      port: UInt16(port), vlan: vlan, family: family, left: settings.robustness, time: now)
    askQueries.note(now)
  }

  /// Whether a query was answered in a VLAN, or could have been: what is not known there is not wanted.
  ///
  /// Until then, and where nobody asks, the caller does better to deliver groups to every port.
  public mutating func isReliable(
    _ family: GroupFamily, vlan: UInt16, now: MonotonicTime
  ) -> Bool {
    let state = queriers[Self.index(family, vlan & 0xFFF)]
    guard state.otherEnd > now || settings.isQuerier && state.isActive else { return false }
    return state.reliableTime <= now
  }

  /// Whether our own switch asks in a VLAN.
  public mutating func isQuerier(
    _ family: GroupFamily, vlan: UInt16, now: MonotonicTime
  ) -> Bool {
    let state = queriers[Self.index(family, vlan & 0xFFF)]
    return settings.isQuerier && state.isActive && state.otherEnd <= now
  }

  /// The next query to send now, or nil. Drain it after `receive` and `askNow`, and before `tick`.
  ///
  /// - Cost: nothing while none is due; a pass over each table in which one is.
  public mutating func nextQuery(now: MonotonicTime) -> PendingQuery? {
    nextAsk(now) ?? nextGeneral(now) ?? nextSpecific(now)
  }

  func timing(_ family: GroupFamily, _ vlan: UInt16, _ now: MonotonicTime) -> MembershipTiming {
    let state = queriers[Self.index(family, vlan)]
    let isOurs = settings.isQuerier && state.isActive && state.otherEnd <= now
    var adopted = settings
    if state.otherEnd > now {
      if state.otherRobustness > 0 { adopted.robustness = state.otherRobustness }
      if state.otherIntervalSeconds > 0 {
        adopted.queryIntervalSeconds = state.otherIntervalSeconds
      }
    }
    return MembershipTiming(
      now: now, membershipNanoseconds: adopted.membershipNanoseconds,
      lastMemberNanoseconds: UInt64(settings.robustness)
        * GroupMembershipSettings.lastMemberNanoseconds,
      lastMemberQueryCount: settings.robustness,
      // Version 1 has no way to ask for one group.
      isQuerier: isOurs && !(family == .v4 && settings.igmpVersion == 1))
  }

  static func index(_ family: GroupFamily, _ vlan: UInt16) -> Int {
    Int(vlan) * 2 + Int(family.rawValue)
  }
}

extension GroupMembership {
  /// Takes a query: a router is there, and may be the querier; what it asks for may end soon.
  mutating func heardQuery(
    _ message: borrowing GroupMessage, port: Int, isUplink: Bool, vlan: UInt16,
    now: MonotonicTime
  ) {
    guard let query = message.query else { return }
    guard isUplink || !settings.isQuerier else {
      // A guest could ask where the others do not hear it, and end what they listen to.
      if isElected(message.source) { noteRouter(port, vlan, until: presence(query, now)) }
      return
    }
    let index = Self.index(message.family, vlan)
    if isElected(message.source) {
      let isNew = queriers[index].otherEnd <= now && !settings.isQuerier
      queriers[index].otherEnd = presence(query, now)
      queriers[index].otherRobustness = query.robustness
      queriers[index].otherIntervalSeconds = query.intervalSeconds
      generalQueries.note(queriers[index].otherEnd)
      if query.group == nil, isNew || queriers[index].reliableTime == .never {
        queriers[index].reliableTime = now.advanced(
          byMilliseconds: UInt64(query.responseMilliseconds))
      }
      if !isUplink { noteRouter(port, vlan, until: queriers[index].otherEnd) }
    }
    if let group = query.group, !query.suppressesRouters {
      lower(message, query, group, vlan: vlan, now: now)
    }
  }

  /// Until when another querier is taken to be there: robustness times interval, and half the time to
  /// answer (RFC 3376, 8.5). Not longer than by our own numbers: one message would do for days.
  private func presence(_ query: GroupMessage.Query, _ now: MonotonicTime) -> MonotonicTime {
    let robustness = query.robustness > 0 ? query.robustness : settings.robustness
    let seconds =
      query.intervalSeconds > 0 ? query.intervalSeconds : settings.queryIntervalSeconds
    let ours = UInt64(settings.robustness) * UInt64(settings.queryIntervalSeconds)
    let milliseconds = min(UInt64(robustness) * UInt64(seconds), ours) * 1_000
    return now.advanced(
      byMilliseconds: milliseconds + UInt64(GroupMembershipSettings.responseMilliseconds) / 2)
  }

  private func isElected(_ source: IPAddress) -> Bool {
    switch source {
    case .v4(let address): !address.isUnspecified && source != .v4(settings.igmpSource)
    case .v6(let address):
      address != settings.mldSource && address != GroupQuery.defaultMLDSource
    }
  }

  private mutating func noteRouter(_ port: Int, _ vlan: UInt16, until end: MonotonicTime) {
    var place: Int?
    for index in routers.indices {
      if routers[index].end == .zero {
        place = place ?? index
      } else if routers[index].port == UInt16(port), routers[index].vlan == vlan {
        place = index
        break
      }
    }
    guard let place else { return overflow(port, vlan, until: end) }
    routers[place] = RouterPort(port: UInt16(port), vlan: vlan, end: end)
    nextRouterEnd = min(nextRouterEnd, end)
  }

  /// A router asks who is left: nobody, unless somebody answers in time (RFC 3376, 6.6.1).
  private mutating func lower(
    _ message: borrowing GroupMessage, _ query: GroupMessage.Query, _ address: IPAddress,
    vlan: UInt16, now: MonotonicTime
  ) {
    guard let group = find(address, vlan), query.responseMilliseconds > 0 else { return }
    let robustness = query.robustness > 0 ? query.robustness : settings.robustness
    let end = now.advanced(
      byMilliseconds: UInt64(robustness) * UInt64(query.responseMilliseconds))
    var index = groups[group].first
    while index >= 0 {
      let place = Int(index)
      index = members[place].next
      if query.sourceCount == 0 { members[place].lowerGroup(to: end) }
      for source in 0..<query.sourceCount {
        members[place].lower(message.querySource(source), to: end)
      }
      settle(place)
    }
  }

  private mutating func restart(_ index: Int) {
    queriers[index].startupLeft = settings.robustness
    queriers[index].generalTime = .zero
    if queriers[index].otherEnd == .zero { queriers[index].reliableTime = .never }
    generalQueries.note(.zero)
  }

  private mutating func nextGeneral(_ now: MonotonicTime) -> PendingQuery? {
    while let index = generalQueries.next(queriers.count, now: now) {
      let family: GroupFamily = index & 1 == 0 ? .v4 : .v6
      if queriers[index].otherEnd != .zero, queriers[index].otherEnd <= now {
        queriers[index].otherEnd = .zero
        if queriers[index].isActive, settings.isQuerier {
          queriers[index].startupLeft = settings.robustness
          queriers[index].generalTime = now
        }
      }
      if queriers[index].otherEnd != .zero {
        generalQueries.passed(queriers[index].otherEnd)
        continue
      }
      guard queriers[index].isActive, settings.isQuerier else { continue }
      guard queriers[index].generalTime <= now else {
        generalQueries.passed(queriers[index].generalTime)
        continue
      }
      advanceGeneral(index, now)
      generalQueries.passed(queriers[index].generalTime)
      return PendingQuery(vlan: UInt16(index / 2), port: nil, query: query(family))
    }
    return nil
  }

  private mutating func advanceGeneral(_ index: Int, _ now: MonotonicTime) {
    if queriers[index].reliableTime == .never {
      queriers[index].reliableTime = now.advanced(
        byMilliseconds: UInt64(GroupMembershipSettings.responseMilliseconds))
    }
    let left = queriers[index].startupLeft
    if left > 0 { queriers[index].startupLeft = left - 1 }
    queriers[index].generalTime = now.advanced(
      byNanoseconds: left > 1 ? settings.intervalNanoseconds / 4 : settings.intervalNanoseconds)
  }

  private mutating func nextAsk(_ now: MonotonicTime) -> PendingQuery? {
    while let index = askQueries.next(asks.count, now: now) {
      guard asks[index].time <= now else {
        askQueries.passed(asks[index].time)
        continue
      }
      let ask = asks[index]
      if ask.left > 1 {
        asks[index].left -= 1
        asks[index].time = now.advanced(
          byNanoseconds: GroupMembershipSettings.lastMemberNanoseconds)
        askQueries.passed(asks[index].time)
      } else {
        asks[index] = PortAsk()
      }
      var query = query(ask.family)
      query.responseMilliseconds = GroupMembershipSettings.lastMemberMilliseconds
      return PendingQuery(vlan: ask.vlan, port: Int(ask.port), query: query)
    }
    return nil
  }

  /// The element in which a port is asked already, or a free one.
  private func askElement(_ port: Int, _ vlan: UInt16, _ family: GroupFamily) -> Int? {
    var free: Int?
    for index in asks.indices {
      if asks[index].time == .never {
        free = free ?? index
      } else if asks[index].port == UInt16(port), asks[index].vlan == vlan,
        asks[index].family == family
      {
        return index
      }
    }
    return free
  }

  private mutating func nextSpecific(_ now: MonotonicTime) -> PendingQuery? {
    let interval = GroupMembershipSettings.lastMemberNanoseconds
    while let index = memberQueries.next(members.count, now: now) {
      guard queryDues[index] <= now else {
        memberQueries.passed(queryDues[index])
        continue
      }
      let group = groups[Int(members[index].group)]
      var query = query(group.address.family)
      query.group = group.address
      query.responseMilliseconds = GroupMembershipSettings.lastMemberMilliseconds
      var isAsked = false
      if members[index].groupQueryTime <= now {
        isAsked = members[index].takeGroupQuery(interval)
        // The question for the group is one for its sources, too.
        if members[index].sourceQueryTime <= now {
          _ = members[index].takeSourceQuery(interval)
        }
      } else {
        let sources = members[index].takeSourceQuery(interval)
        isAsked = !sources.isEmpty
        // Older versions cannot ask for sources: they ask for the group.
        if query.isDetailed { query.sources = sources }
      }
      queryDues[index] = members[index].queryDue
      memberQueries.passed(queryDues[index])
      guard isAsked else { continue }
      return PendingQuery(vlan: group.vlan, port: Int(members[index].port), query: query)
    }
    return nil
  }

  /// A general query of ours.
  private func query(_ family: GroupFamily) -> GroupQuery {
    var query = GroupQuery(
      family, version: family == .v4 ? settings.igmpVersion : settings.mldVersion,
      responseMilliseconds: GroupMembershipSettings.responseMilliseconds)
    query.robustness = min(settings.robustness, 7)
    query.intervalSeconds = settings.queryIntervalSeconds
    query.source = family == .v4 ? .v4(settings.igmpSource) : .v6(settings.mldSource)
    return query
  }
}

extension IPAddress {
  /// Which protocol speaks of groups with such an address.
  var family: GroupFamily {
    switch self {
    case .v4: .v4
    case .v6: .v6
    }
  }
}
