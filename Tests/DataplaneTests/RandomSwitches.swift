// Random switches for the property test: small numbers, so that everything meets everything.

import Base

struct RandomSwitches {
  static let uplinkCount = 3
  static let portCount = 11

  var random: SeededRandom
  /// Half of the switches have mostly what most switches have: packets from known addresses to known ones,
  /// in one VLAN, and nobody who watches. Elsewhere hardly any frame is an ordinary one.
  let isPlain: Bool

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
    isPlain = seed % 2 == 0
  }

  /// The last frames that were made.
  var recent: [ModelFrame] = []

  mutating func number(below bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

  mutating func chance(_ percent: Int) -> Bool { number(below: 100) < percent }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[number(below: elements.count)]
  }

  mutating func team() -> ModelTeam {
    var order = Array(0..<Self.uplinkCount)
    order.shuffle(using: &random)
    let active = pick([0, 1, 2, 2, 3, 3])
    let standby = number(below: 4 - active)
    var team = ModelTeam(
      policy: pick(ModelTeam.Policy.allCases), failsBack: chance(70),
      active: Array(order.prefix(active)),
      standby: Array(order.dropFirst(active).prefix(standby)))
    // What the planner refuses: an EtherChannel has no standby.
    if team.policy == .ipHash { team.standby = [] }
    return team
  }

  mutating func privateVLANs() -> [UInt16: ModelPrivateVLAN] {
    var table: [UInt16: ModelPrivateVLAN] = [:]
    guard chance(60) else { return table }
    table[100] = ModelPrivateVLAN(kind: .promiscuous, primary: 100)
    table[101] = ModelPrivateVLAN(kind: .isolated, primary: 100)
    table[102] = ModelPrivateVLAN(kind: .community, primary: 100)
    if chance(70) { table[103] = ModelPrivateVLAN(kind: .community, primary: 100) }
    guard chance(30) else { return table }
    table[10] = ModelPrivateVLAN(kind: .promiscuous, primary: 10)
    table[20] = ModelPrivateVLAN(kind: pick([.isolated, .community]), primary: 10)
    return table
  }

  /// The VLANs of a VM port. A trunk has all of a private VLAN, or nothing of it.
  private mutating func vlan() -> ModelVLAN {
    if isPlain && chance(70) { return .access(10) }
    return pick([
      .none, .access(10), .access(10), .access(20), .access(100), .access(101), .access(101),
      .access(102), .access(102), .access(103), .trunk([0...0, 30...30]), .trunk([10...30]),
      .trunk([0...0, 10...10, 20...20, 100...103]), .trunk([0...4094]),
    ])
  }

  mutating func port(_ index: Int) -> ModelPort {
    var port = ModelPort()
    port.id = UInt32(index) + (chance(10) ? 100 : 0)
    if index < Self.uplinkCount {
      port.kind = .uplink
      port.vlan = chance(80) ? .trunk([0...4094]) : pick([.trunk([0...20]), .trunk([100...101])])
    } else {
      port.kind = chance(90) ? .vm : .absent
      port.vlan = vlan()
      port.mac = Self.declared(index) + (chance(5) ? 0x100 : 0)
      chooseSecurity(of: &port)
      port.team = number(below: 3)
      port.ingressShape = shape()
      port.egressShape = shape()
    }
    port.nic.address = port.mac
    port.ingressRules = rules()
    port.egressRules = rules()
    port.isBlocked = chance(4)
    port.isFenced = chance(4)
    return port
  }

  private mutating func chooseSecurity(of port: inout ModelPort) {
    port.allowsForged = chance(60)
    port.acceptsChanges = chance(50)
    port.allowsPromiscuous = chance(isPlain ? 1 : 20)
    port.checksPromiscuous = chance(40)
    port.blocksBPDU = chance(50)
    port.learns = chance(60)
    port.floods = port.learns && chance(50)
    port.forwardsBeyondLimit = chance(50)
    port.limit = pick([1, 2, 4, 8])
  }

  private mutating func shape() -> ModelShape? {
    guard chance(15) else { return nil }
    let average = pick([1, 8_000, 100_000, 1_000_000, 20_000_000, 1_000_000_000])
    return ModelShape(
      average: average, peak: average * pick([1, 2, 10]),
      burstBytes: pick([100, 1_500, 3_036, 20_000, 100_000]))
  }

  /// One field of a port changed, or all of them.
  mutating func change(_ port: inout ModelPort, at index: Int) {
    let new = self.port(index)
    switch number(below: 11) {
    case 6: (port.ingressRules, port.egressRules) = (new.ingressRules, new.egressRules)
    case 7 where port.kind == .vm:
      (port.ingressShape, port.egressShape) = (new.ingressShape, new.egressShape)
    case 0: port.vlan = new.vlan
    case 1: port.team = new.team
    case 2: port.allowsForged = new.allowsForged
    case 3: port.acceptsChanges = new.acceptsChanges
    case 4:
      port.allowsPromiscuous = isPlain ? new.allowsPromiscuous : true
      port.checksPromiscuous = new.checksPromiscuous
    case 5: port.mac = new.mac
    default: port = new
    }
    if case .uplink = port.kind, case .trunk = port.vlan {
    } else if port.kind == .uplink {
      port.vlan = .trunk([0...4094])
    }
  }

  /// What a guest may do to its nic.
  mutating func nic(of port: ModelPort) -> ModelNIC {
    var nic = ModelNIC(address: port.mac)
    guard chance(80) else { return nic }
    nic.isObserved = true
    if chance(40) { nic.address = pick(Self.knownAddresses + Self.strangers + [0]) }
    nic.isPromiscuous = chance(30)
    nic.isAllMulticast = chance(10)
    nic.groups = Set(Self.groups.filter { _ in chance(40) })
    if chance(10) {
      let count = pick([31, 32, 33])
      nic.groups = Set((0..<count).map { 0x0100_5E01_0000 + UInt64($0) })
    }
    return nic
  }

  // MARK: - Addresses

  static func declared(_ index: Int) -> UInt64 { 0x0050_5600_0000 + UInt64(index) }

  static let knownAddresses = (uplinkCount..<portCount).map { declared($0) }
  static let strangers = (0..<6).map { UInt64(0x0200_0000_0100 + $0) }
  static let groups: [UInt64] = [0x0100_5E00_0001, 0x0100_5E01_0000, 0x3333_0000_0001]
  static let bridges: [UInt64] = [
    0x0180_C200_0000, 0x0180_C200_000E, 0x0180_C200_0010, 0x0100_0CCC_CCCD,
  ]
}
