// Teams: which uplinks may be used, which one a frame leaves by, and which choices are right for a port.

extension ForwardingModel {
  /// The uplinks with a link that have waited for the up-delay.
  var readyUplinks: Set<Int> {
    linkedUplinks.filter { ports[$0].usableAtNanoseconds <= nanoseconds }
  }

  private var linkedUplinks: Set<Int> {
    Set(
      ports.indices.filter {
        ports[$0].kind == .uplink && ports[$0].isAttached && ports[$0].isLinkUp
      })
  }

  /// Nobody waits for the delay of an uplink when a team has no other; it is in use then, for all.
  mutating func endDelays() {
    let ready = readyUplinks
    for team in teams where ready.isDisjoint(with: team.members) {
      for uplink in linkedUplinks.intersection(team.members) {
        ports[uplink].usableAtNanoseconds = nanoseconds
      }
    }
  }

  func usableUplinks(of team: ModelTeam) -> Set<Int> { readyUplinks.intersection(team.members) }

  /// The uplinks that a frame of a VM leaves by.
  func uplinks(for frame: ModelFrame) -> [Int] {
    let team = teams[ports[frame.ingress].team]
    let chosen =
      team.policy == .ipHash ? hashed(frame, team) : uplink(of: frame.source, at: frame.ingress)
    return chosen.map { [$0] } ?? []
  }

  /// The same where only the source address may tell.
  func uplink(of source: UInt64, at index: Int) -> Int? {
    let team = teams[ports[index].team]
    return team.policy == .sourceMAC && source != address(of: ports[index])
      ? home(Int(source & 0xFF), team) : selected[index]
  }

  /// The uplinks by which frames for many may come back to a port: any member of an EtherChannel.
  func returnUplinks(of index: Int) -> Set<Int> {
    let team = teams[ports[index].team]
    if team.policy == .ipHash { return usableUplinks(of: team) }
    return Set(selected[index].map { [$0] } ?? [])
  }

  /// The last bytes of both IP addresses, XORed. In other frames, what stands where IPv4 has them.
  private func hashed(_ frame: ModelFrame, _ team: ModelTeam) -> Int? {
    let isIPv6 = frame.etherType == 0x86DD
    let (source, destination) = isIPv6 ? (37, 53) : (29, 33)
    let hash = Int(frame.byte(source) ^ frame.byte(destination))
    let usable = usableUplinks(of: team)
    let channel = team.active.filter { usable.contains($0) }
    return channel.isEmpty ? nil : channel[hash % channel.count]
  }

  /// The choice by a number for somebody without a past: its own active uplink or, when that is down,
  /// the standby that takes its place (the first failed one gets the first), or one of those left.
  private func home(_ number: Int, _ team: ModelTeam) -> Int? {
    let usable = usableUplinks(of: team)
    let failed = team.active.filter { !usable.contains($0) }
    return choice(number, team) { failed.firstIndex(of: $0) ?? 0 }
  }

  private func choice(_ number: Int, _ team: ModelTeam, turn: (Int) -> Int) -> Int? {
    let usable = usableUplinks(of: team)
    let standby = team.standby.filter { usable.contains($0) }
    guard !team.active.isEmpty else { return standby.first }
    let home = team.active[number % team.active.count]
    if usable.contains(home) { return home }
    if turn(home) < standby.count { return standby[turn(home)] }
    let left = team.active.filter { usable.contains($0) }
    if left.isEmpty { return standby.first }
    return left[number / team.active.count % left.count]
  }

  /// The uplink that a VM port is to have now, when it had `before`.
  func rightUplink(of index: Int, before: Int?) -> Int? {
    let port = ports[index]
    let team = teams[port.team]
    let usable = usableUplinks(of: team)
    let past = before.flatMap { ports[$0].kind == .uplink ? $0 : nil }
    let stays = past.map { usable.contains($0) } ?? false
    if !team.failsBack && stays { return past }
    let first = team.members.first { usable.contains($0) }
    if team.policy == .explicit || team.policy == .ipHash || team.active.isEmpty { return first }
    let number = team.policy == .sourceMAC ? Int(address(of: port) & 0xFF) : Int(port.id)
    if usable.contains(team.active[number % team.active.count]) || past == nil {
      return home(number, team)
    }
    if stays { return past }
    // Its uplink is the last that failed.
    let failedCount = team.active.count { !usable.contains($0) }
    return choice(number, team) { _ in failedCount - 1 }
  }
}
