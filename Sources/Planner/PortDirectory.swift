// Which number a port has: the id that people and teams see, and which numbers a port group has.
//
// A port id belongs to a switch, not to a host, and stays with its nic as long as that is plugged into the
// same port group: a VM added in the middle of a file must not renumber the others, or every port-id team
// would reshuffle. Ids are given in the order of the topology to every nic of the switch, on whatever host,
// so that two hosts with the same history agree without asking each other; the controller takes this
// over later.
//
//   static      numbers belong to the port group. Elastic: `numPorts` of them, and eight more whenever
//               they do not suffice, given back when they do. Fixed: `numPorts`, and no more.
//   ephemeral   no numbers; a nic gets the lowest free one when it is connected and gives it back after
//   conflict    a nic that claims a number that another nic before it in the file claims; its own number
//               is from `firstConflictID` on, and of no port group
//
// A claim wins over whoever got the number without one: that nic gets another.

public import Model

/// Names one vNIC.
public struct PortKey: Hashable, Codable, Sendable {
  public var vm: String
  /// The device in the VM: `eth0`.
  public var device: String

  public init(vm: String, device: String) {
    self.vm = vm
    self.device = device
  }
}

/// The ids given so far on one switch. Codable: a host keeps it over restarts.
public struct PortDirectory: Sendable {
  /// Ids from here on are of conflict ports; those of uplinks come down from the highest.
  public static let firstConflictID: UInt32 = 0x8000_0000
  /// How many ports an elastic port group gets at a time.
  static let elasticStep = 8

  public private(set) var ids: [PortKey: UInt32] = [:]
  /// The numbers of each port group with static binding, with a nic or without.
  private(set) var numbers: [String: NumberSet] = [:]

  public init() {}

  /// How many ports a port group with static binding has.
  public func portCount(of portgroup: String) -> Int { numbers[portgroup]?.count ?? 0 }

  /// Brings the directory in line with a topology: nics that stay keep their id, those that went give it
  /// back, new ones get a free one of their port group. A nic that finds its fixed port group full gets
  /// none.
  ///
  /// - Cost: in the number of nics, and of port groups times the stretches of numbers.
  public mutating func update(for topology: Topology, switch hostSwitch: HostSwitch) {
    let nics = topology.nics(pluggedInto: hostSwitch).filter(\.hasPort)
    let groups = hostSwitch.portgroups.filter { $0.binding == .static }
    let isDeclared = Set(groups.map(\.name))
    numbers = numbers.filter { isDeclared.contains($0.key) }
    let claims = claim(nics)
    var given = keep(nics, claims)
    resize(groups, nics, given)
    assign(nics, &given)
    ids = given
  }

  /// Who owns each claimed number: the first nic that claims it. Claimed numbers leave other port groups.
  private mutating func claim(_ nics: [PluggedNIC]) -> [UInt32: PortKey] {
    let owned = OwnedNumbers(numbers)
    var owners: [UInt32: PortKey] = [:]
    for nic in nics {
      guard let id = nic.nic.port?.id, id < Self.firstConflictID, owners[id] == nil else {
        continue
      }
      owners[id] = nic.key
      if !owned.mayHave(id, nic.portgroup), let group = owned.group(of: id) {
        numbers[group]?.remove(id)
      }
    }
    return owners
  }

  /// The ids that claims and the past decide. Those of ports that are to get a new one are left out.
  private func keep(_ nics: [PluggedNIC], _ claims: [UInt32: PortKey]) -> [PortKey: UInt32] {
    let owned = OwnedNumbers(numbers)
    var given: [PortKey: UInt32] = [:]
    var taken: Set<UInt32> = []
    var conflicts: [PortKey] = []
    for nic in nics {
      if let claimed = nic.nic.port?.id, let owner = claims[claimed] {
        if owner == nic.key { given[nic.key] = claimed } else { conflicts.append(nic.key) }
        continue
      }
      guard let id = ids[nic.key], id < Self.firstConflictID, claims[id] == nil,
        owned.mayHave(id, nic.portgroup), taken.insert(id).inserted
      else { continue }
      given[nic.key] = id
    }
    for key in conflicts {
      guard let id = ids[key], id >= Self.firstConflictID, taken.insert(id).inserted else {
        continue
      }
      given[key] = id
    }
    var next = Self.firstConflictID
    for key in conflicts where given[key] == nil {
      while taken.contains(next) { next += 1 }
      given[key] = next
      next += 1
    }
    return given
  }

  /// Gives each port group as many numbers as it is to have, those of its nics among them.
  private mutating func resize(
    _ groups: [PortGroup], _ nics: [PluggedNIC], _ given: [PortKey: UInt32]
  ) {
    var demand: [String: Int] = [:]
    var used: [String: Set<UInt32>] = [:]
    var occupied = NumberSet()
    for nic in nics {
      let id = given[nic.key]
      if let id, id >= Self.firstConflictID { continue }
      demand[nic.portgroup.name, default: 0] += 1
      guard let id else { continue }
      occupied.insert(id)
      guard nic.portgroup.binding == .static else { continue }
      used[nic.portgroup.name, default: []].insert(id)
      numbers[nic.portgroup.name, default: NumberSet()].insert(id)
    }
    for group in groups {
      var own = numbers[group.name] ?? NumberSet()
      var excess = own.count - group.portCount(for: demand[group.name] ?? 0)
      if excess > 0 {
        for number in Array(own.numbers).reversed() where excess > 0 {
          guard used[group.name]?.contains(number) != true else { continue }
          own.remove(number)
          excess -= 1
        }
      }
      occupied.formUnion(own)
      numbers[group.name] = own
    }
    for group in groups {
      let missing = group.portCount(for: demand[group.name] ?? 0) - portCount(of: group.name)
      guard missing > 0 else { continue }
      numbers[group.name]?.formUnion(occupied.takeLowest(missing))
    }
  }

  /// Gives an id to every nic that has none yet.
  ///
  /// A port group begins with its first number when those begin at 0, with its second when at 8, and so on:
  /// where each of many port groups has one nic, their ids must not all be multiples of eight, or a
  /// team by port id would put them all on one uplink.
  private mutating func assign(_ nics: [PluggedNIC], _ given: inout [PortKey: UInt32]) {
    var waiting: [String: [PortKey]] = [:]
    var occupied = NumberSet()
    for own in numbers.values { occupied.formUnion(own) }
    for id in given.values { occupied.insert(id) }
    let taken = Set(given.values)
    for nic in nics where given[nic.key] == nil {
      if nic.portgroup.binding == .static {
        waiting[nic.portgroup.name, default: []].append(nic.key)
      } else {
        given[nic.key] = occupied.takeLowest(1).lowest
      }
    }
    for (name, keys) in waiting {
      let own = Array((numbers[name] ?? NumberSet()).numbers)
      guard let lowest = own.first else { continue }
      let start = Int(lowest) / Self.elasticStep % own.count
      let free = (own[start...] + own[..<start]).lazy.filter { !taken.contains($0) }
      for (key, number) in zip(keys, free) { given[key] = number }
    }
  }
}

extension PortGroup {
  /// How many ports a port group with static binding has when so many nics are in it.
  fileprivate func portCount(for nicCount: Int) -> Int {
    guard allocation == .elastic, nicCount > numPorts else { return numPorts }
    let step = PortDirectory.elasticStep
    return numPorts + (nicCount - numPorts + step - 1) / step * step
  }
}

/// Which port group a number belongs to.
private struct OwnedNumbers {
  private let ranges: [(range: ClosedRange<UInt32>, group: String)]

  init(_ numbers: [String: NumberSet]) {
    ranges = numbers.flatMap { name, own in own.ranges.map { ($0, name) } }
      .sorted { $0.range.lowerBound < $1.range.lowerBound }
  }

  func group(of number: UInt32) -> String? {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].range.upperBound < number { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].range.contains(number) ? ranges[low].group : nil
  }

  /// A port group's number goes to its own nics only, one of nobody to any.
  func mayHave(_ number: UInt32, _ portgroup: PortGroup) -> Bool {
    guard let owner = group(of: number) else { return true }
    return portgroup.binding == .static && owner == portgroup.name
  }
}

extension PortDirectory: Codable {
  private enum CodingKeys: CodingKey {
    case ids
    case numbers
  }

  /// Also what an agent wrote that knew ids only: their numbers then come to belong to port groups.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    ids = try container.decode([PortKey: UInt32].self, forKey: .ids)
    numbers = try container.decodeIfPresent([String: NumberSet].self, forKey: .numbers) ?? [:]
  }
}
