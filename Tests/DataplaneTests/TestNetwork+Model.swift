// What the model is told, told to the switch.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

extension TestNetwork {
  /// Puts the configuration of a model into force.
  func apply(_ model: ForwardingModel) {
    vlanSets = []
    ruleSets = []
    shapes = []
    ports = model.ports.enumerated().map { plan($1, at: $0, model.privateVLANs) }
    let uplinkPorts = ports.indices.filter { ports[$0].kind == .uplink }
    let table = model.privateVLANs.sorted { $0.key < $1.key }.map { vlan, row in
      PrivateVLAN(Self.kind(row.kind), vlan: vlan, primary: row.primary)
    }
    let whole = SwitchPlan(
      revision: 1, mtu: mtu, ports: ports, teams: model.teams.map { Self.plan($0) },
      vlanSets: vlanSets, uplinks: uplinkPorts.map { PortIndex($0) }, privateVLANs: table,
      ruleSets: ruleSets, shapes: shapes)
    _ = network.apply(whole, now: now)
  }

  private static func kind(_ kind: ModelPrivateVLAN.Kind) -> PrivateVLAN.Kind {
    switch kind {
    case .promiscuous: .promiscuous
    case .community: .community
    case .isolated: .isolated
    }
  }

  private static func plan(_ team: ModelTeam) -> TeamPlan {
    let policy: TeamPlan.Policy =
      switch team.policy {
      case .portID: .originatingPortID
      case .explicit: .explicitFailover
      case .sourceMAC: .sourceMAC
      case .ipHash: .ipHash
      case .physicalLoad: .physicalLoad
      }
    return TeamPlan(
      policy: policy, active: team.active.map { UInt8($0) },
      standby: team.standby.map { UInt8($0) }, failsBack: team.failsBack)
  }

  private func plan(
    _ port: ModelPort, at index: Int, _ privateVLANs: [UInt16: ModelPrivateVLAN]
  ) -> PortPlan {
    var plan = PortPlan()
    plan.kind = port.kind == .vm ? .vm : port.kind == .uplink ? .uplink : .absent
    plan.id = port.id
    plan.mac = MACAddress(rawValue: port.mac)
    plan.isBlocked = port.isBlocked
    plan.isFenced = port.isFenced
    plan.allowsForgedTransmits = port.allowsForged
    plan.acceptsMACChanges = port.acceptsChanges
    plan.allowsPromiscuous = port.allowsPromiscuous
    plan.checksReversePathPromiscuous = port.checksPromiscuous
    plan.blocksBPDU = port.blocksBPDU
    plan.learnsMACs = port.learns
    plan.floodsUnknown = port.floods
    plan.forwardsBeyondLimit = port.forwardsBeyondLimit
    plan.macLimit = UInt16(port.limit)
    plan.team = UInt16(port.kind == .uplink ? index : port.team)
    plan.trunkSlot = UInt16(index)
    plan.ingressRules = add(port.ingressRules)
    plan.egressRules = add(port.egressRules)
    plan.ingressShape = add(port.ingressShape)
    plan.egressShape = add(port.egressShape)
    switch port.vlan {
    case .none: break
    case .access(let vlan):
      plan.vlanMode = .access
      plan.vlan = vlan
      plan.primaryVLAN = privateVLANs[vlan]?.primary ?? 0
    case .trunk(let ranges):
      plan.vlanMode = .trunk
      plan.vlanSet = UInt16(vlanSets.count)
      vlanSets.append(VLANSet(ranges))
    }
    return plan
  }

  /// The number of a rule set in the plan, 0 for none.
  private func add(_ rules: [ModelRule]) -> UInt16 {
    guard !rules.isEmpty else { return 0 }
    ruleSets.append(rules.map(FilterRule.init))
    return UInt16(ruleSets.count)
  }

  private func add(_ shape: ModelShape?) -> UInt16 {
    guard let shape else { return 0 }
    shapes.append(
      TrafficShape(
        averageBitsPerSecond: UInt64(shape.average), peakBitsPerSecond: UInt64(shape.peak),
        burstBytes: UInt64(shape.burstBytes)))
    return UInt16(shapes.count)
  }

  /// What comes out of the shapers now.
  func produce(_ tracer: inout RecordingTracer) -> [ModelDelivery] {
    produced.removeAll()
    deliveries.removeAll()
    let isMore = network.produce(into: &produced, &deliveries, now: now, tracer: &tracer)
    #expect(!isMore)
    return handed()
  }

  /// What was handed over at the last call.
  func handed() -> [ModelDelivery] {
    var all: [ModelDelivery] = []
    for index in 0..<deliveries.touchedCount {
      let port = deliveries.touchedPort(index)
      var entry = deliveries.first(of: port)
      while let current = entry {
        all.append(ModelDelivery(port: port.index, deliveries[current]))
        entry = deliveries.next(after: current)
      }
    }
    return all
  }

  func setNIC(_ port: Int, _ nic: ModelNIC) {
    let address = MACAddress(rawValue: nic.address)
    var guest = GuestNIC(assumed: address)
    if nic.isObserved {
      guest = GuestNIC(
        observed: address, isPromiscuous: nic.isPromiscuous, isAllMulticast: nic.isAllMulticast)
    }
    network.setGuestNIC(
      PortIndex(port), guest, multicast: nic.groups.sorted().map { MACAddress(rawValue: $0) })
  }

  /// What the switch shows about the nic behind a port.
  func guest(of port: Int) -> (address: UInt64, isReceiveDisabled: Bool, isPromiscuous: Bool) {
    let index = PortIndex(port)
    return (
      network.address(of: index).rawValue, network.isReceiveDisabled(index),
      network.isPromiscuous(index)
    )
  }

  /// The addresses that the switch has learned, inside and outside.
  func learned() -> Set<String> {
    var cursor = 0
    var all: Set<String> = []
    while let (key, entry) = network.nextMACEntry(&cursor, now: now) {
      guard entry.kind != .static else { continue }
      let address = ModelAddress(mac: key.address.rawValue, vlan: key.vlan)
      all.insert("\(address) \(entry.port) \(entry.kind == .external)")
    }
    return all
  }
}

extension ModelDelivery {
  init(port: Int, _ delivery: Delivery) {
    self.port = port
    if delivery.tag.isPresent {
      vlan = delivery.tag.vlan
      priority = UInt8(delivery.tag.controlInformation >> 12)
      // The drop eligibility is the lowest bit of both.
    }
    dscp = delivery.rewrite.dscp
  }
}

extension FilterRule {
  init(_ rule: ModelRule) {
    switch rule.action {
    case .allow: self.init(.allow)
    case .drop: self.init(.drop)
    case .tag(let cos, let dscp): self.init(.tag(cos: cos, dscp: dscp))
    }
    sourceMAC = rule.sourceMAC.map { Self.match($0.value, $0.mask) }
    destinationMAC = rule.destinationMAC.map { Self.match($0.value, $0.mask) }
    etherType = rule.etherType.map { EtherType(rawValue: $0) }
    vlans = rule.vlans
    source = rule.source.flatMap { IPPrefix($0) }
    destination = rule.destination.flatMap { IPPrefix($0) }
    self.protocol = rule.number.map { IPProtocol(rawValue: $0) }
    sourcePorts = rule.sourcePorts
    destinationPorts = rule.destinationPorts
    tcpFlags = rule.flags.map {
      FlagsMatch(TCP.Flags(rawValue: $0.value), mask: TCP.Flags(rawValue: $0.mask))
    }
    fragment = rule.isFragment
  }

  private static func match(_ value: UInt64, _ mask: UInt64) -> MACMatch {
    MACMatch(MACAddress(rawValue: value), mask: MACAddress(rawValue: mask))
  }
}

extension IPPrefix {
  init?(_ prefix: ModelPrefix) {
    func number(_ range: Range<Int>) -> UInt64 {
      prefix.bytes[range].reduce(0) { $0 << 8 | UInt64($1) }
    }
    let address: IPAddress =
      prefix.bytes.count == 4
      ? .v4(IPv4Address(rawValue: UInt32(number(0..<4))))
      : .v6(IPv6Address(high: number(0..<8), low: number(8..<16)))
    self.init(address, length: prefix.length)
  }
}
