// NIC teaming as the data plane reads it: which uplinks a port group may use, and in what order.

internal import Base

/// The uplinks of a port group and how a port chooses among them.
public struct TeamPlan: Equatable, Sendable, BitwiseCopyable {
  public enum Policy: UInt8, Sendable, BitwiseCopyable {
    /// `loadbalance_srcid`: the port id chooses, and keeps its choice.
    case originatingPortID
    /// `failover_explicit`: the first usable uplink in order.
    case explicitFailover
    /// `loadbalance_srcmac`: the last byte of the source address chooses, frame by frame.
    case sourceMAC
    /// `loadbalance_ip`: the last bytes of the IP addresses choose, frame by frame. The physical
    /// switch has a static EtherChannel.
    case ipHash
    /// `loadbalance_loadbased`: as by port id, until an uplink is too busy.
    case physicalLoad
  }

  public var policy = Policy.originatingPortID
  /// Whether a recovered uplink takes its ports back.
  public var failsBack = true
  /// Positions among the switch's uplinks, in failover order; the first `activeCount` count.
  public var active: [32 of UInt8] = .init(repeating: 0)
  public var activeCount: UInt8 = 0
  public var standby: [32 of UInt8] = .init(repeating: 0)
  public var standbyCount: UInt8 = 0
  /// Index into `SwitchPlan.beaconDomains` where beacons judge the uplinks; nil with link status only.
  public var beaconDomain: UInt8?
  /// Load balancing acts above this utilisation of an uplink, in percent of its speed.
  public var loadThresholdPercent: UInt8 = 75

  public init() {}

  public init(
    policy: Policy, active: [UInt8], standby: [UInt8] = [], failsBack: Bool = true,
    beaconDomain: UInt8? = nil
  ) {
    precondition(active.count + standby.count <= 32, "a team has at most 32 uplinks")
    self.policy = policy
    self.failsBack = failsBack
    self.beaconDomain = beaconDomain
    for (index, uplink) in active.enumerated() { self.active[index] = uplink }
    for (index, uplink) in standby.enumerated() { self.standby[index] = uplink }
    activeCount = UInt8(active.count)
    standbyCount = UInt8(standby.count)
  }

  public var isEmpty: Bool { activeCount == 0 && standbyCount == 0 }

  public static func == (left: Self, right: Self) -> Bool {
    guard left.policy == right.policy, left.failsBack == right.failsBack,
      left.beaconDomain == right.beaconDomain,
      left.loadThresholdPercent == right.loadThresholdPercent,
      left.activeCount == right.activeCount, left.standbyCount == right.standbyCount
    else { return false }
    for index in 0..<Int(left.activeCount) where left.active[index] != right.active[index] {
      return false
    }
    for index in 0..<Int(left.standbyCount) where left.standby[index] != right.standby[index] {
      return false
    }
    return true
  }

  /// The uplink for a port, among those in `usable` (one bit for each position), or nil.
  ///
  /// `portID` is what the policy looks at: the port id, or the hash of a source address.
  ///
  /// Port id: `id` modulo the number of active uplinks is the port's home, and a port leaves its home
  /// only when that is down. It then goes to a standby that takes the place of the failed one or, when
  /// there is none, spreads over the active uplinks that are left, and stays there until its home is
  /// back. Ports of healthy uplinks stay where they are; the plain modulo over what is left, which
  /// vSphere is believed to use, would move most of them. Explicit: the first usable in order. Without
  /// failback, a port stays while its uplink is up.
  func select(portID: UInt32, usable: UInt32, current: UInt8?) -> UInt8? {
    func isUsable(_ uplink: UInt8) -> Bool { usable & (1 << UInt32(uplink)) != 0 }
    let stays = current.map { isUsable($0) && isMember($0) } ?? false
    if !failsBack, stays { return current }
    guard policy != .explicitFailover, policy != .ipHash, activeCount > 0 else {
      return firstUsable(usable)
    }
    let home = Int(portID % UInt32(activeCount))
    if isUsable(active[home]) { return active[home] }
    if stays { return current }
    return substitute(forActive: home, portID: portID, usable: usable, isMoving: current != nil)
  }

  /// The uplink for a frame with this hash: the usable active ones are counted, as they are the members
  /// of the EtherChannel that are up.
  func select(ipHash hash: UInt32, usable: UInt32) -> UInt8? {
    usableActive(turn: hash, usable: usable)
  }

  /// The active uplink whose turn it is among those that are usable, counted round and round.
  private func usableActive(turn: UInt32, usable: UInt32) -> UInt8? {
    var count: UInt32 = 0
    for index in 0..<Int(activeCount) where usable & (1 << UInt32(active[index])) != 0 {
      count += 1
    }
    guard count > 0 else { return nil }
    var left = turn % count
    for index in 0..<Int(activeCount) where usable & (1 << UInt32(active[index])) != 0 {
      if left == 0 { return active[index] }
      left -= 1
    }
    return nil
  }

  /// The uplinks of the team, one bit for each position.
  var members: UInt32 {
    var mask: UInt32 = 0
    for index in 0..<Int(activeCount) { mask |= 1 << UInt32(active[index]) }
    for index in 0..<Int(standbyCount) { mask |= 1 << UInt32(standby[index]) }
    return mask
  }

  private func firstUsable(_ usable: UInt32) -> UInt8? {
    for index in 0..<Int(activeCount) where usable & (1 << UInt32(active[index])) != 0 {
      return active[index]
    }
    for index in 0..<Int(standbyCount) where usable & (1 << UInt32(standby[index])) != 0 {
      return standby[index]
    }
    return nil
  }

  /// The first active uplink that fails gets the first usable standby, the second the second, and so on.
  ///
  /// A port that moves now does so because its uplink failed last; for one that comes up now, the order
  /// of the failures is not known any more, and the order of the uplinks stands in.
  private func substitute(forActive home: Int, portID: UInt32, usable: UInt32, isMoving: Bool)
    -> UInt8?
  {
    var failedBefore = 0
    for index in 0..<(isMoving ? Int(activeCount) : home)
    where index != home && usable & (1 << UInt32(active[index])) == 0 { failedBefore += 1 }
    for index in 0..<Int(standbyCount) where usable & (1 << UInt32(standby[index])) != 0 {
      if failedBefore == 0 { return standby[index] }
      failedBefore -= 1
    }
    return usableActive(turn: portID / UInt32(activeCount), usable: usable) ?? firstUsable(usable)
  }

  func isMember(_ uplink: UInt8) -> Bool { members & (1 << UInt32(uplink)) != 0 }
}
