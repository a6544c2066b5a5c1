// The instructions of a pipeline program for the policies of ports and what guests do to their nics.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Tables
internal import Wire

extension PipelineProgram {
  static var privateVLANs: [PrivateVLAN] {
    [
      PrivateVLAN(.promiscuous, vlan: 1, primary: 1), PrivateVLAN(.isolated, vlan: 2, primary: 1),
      PrivateVLAN(.community, vlan: 3, primary: 1), PrivateVLAN(.community, vlan: 4, primary: 1),
    ]
  }

  /// Drops some, marks some, and lets the rest pass.
  static var ruleSets: [[FilterRule]] {
    var udp = FilterRule(.drop)
    udp.protocol = .udp
    udp.destinationPorts = [0...1_023]
    var tagged = FilterRule(.tag(cos: 5, dscp: 46))
    tagged.vlans = 1...9
    var multicast = FilterRule(.tag(cos: nil, dscp: 0))
    multicast.destinationMAC = FilterRule.MACMatch(
      MACAddress(rawValue: 1 << 40), mask: MACAddress(rawValue: 1 << 40))
    return [[udp, tagged], [multicast, FilterRule(.drop)]]
  }

  /// One that lets nearly nothing pass, and one that delays.
  static var shapes: [TrafficShape] {
    [
      TrafficShape(averageBitsPerSecond: 1, peakBitsPerSecond: 1, burstBytes: 1),
      TrafficShape(averageBitsPerSecond: 8_000, peakBitsPerSecond: 80_000, burstBytes: 500),
    ]
  }

  mutating func changePolicies(_ bytes: inout ProgramBytes) {
    // The frames of a batch meet one plan.
    switchBatch()
    for _ in 0..<(1 + bytes.number(below: 4)) {
      let choice = bytes.byte()
      let port = Int(choice >> 4) % Self.portCount
      if port < Self.uplinkCount {
        changeSwitch(port, choice, &bytes)
      } else {
        changePolicy(of: port, choice, &bytes)
      }
    }
    apply()
  }

  private mutating func changeSwitch(_ port: Int, _ choice: UInt8, _ bytes: inout ProgramBytes) {
    switch choice & 7 {
    case 0: hasPrivateVLANs.toggle()
    case 1: multicast = multicast == .basic ? .snooping : .basic
    case 2: ports[port].ingressRules = UInt16(bytes.number(below: 3))
    case 3: ports[port].egressRules = UInt16(bytes.number(below: 3))
    case 4: network.setSpeed(PortIndex(port), megabitsPerSecond: UInt32(bytes.byte() & 3))
    default: changeTeam(bytes.byte(), bytes.byte())
    }
  }

  /// Any policy; where uplinks are bundled or probed, as the planner allows it.
  private mutating func changeTeam(_ choice: UInt8, _ order: UInt8) {
    let policies: [TeamPlan.Policy] = [.sourceMAC, .ipHash, .physicalLoad, .originatingPortID]
    let policy = policies[Int(choice >> 1) & 3]
    let active: [UInt8] = order & 1 == 0 ? [0, 1] : [1]
    let probes = policy != .ipHash && choice & 8 != 0
    teams[Int(choice & 1)] = TeamPlan(
      policy: policy, active: active,
      standby: policy != .ipHash && active.count == 1 && order & 2 != 0 ? [0] : [],
      failsBack: order & 4 == 0, beaconDomain: probes ? order >> 3 & 1 : nil)
  }

  private mutating func changePolicy(
    of port: Int, _ choice: UInt8, _ bytes: inout ProgramBytes
  ) {
    switch choice & 15 {
    case 0: ports[port].acceptsMACChanges.toggle()
    case 1: ports[port].allowsPromiscuous.toggle()
    case 2: ports[port].checksReversePathPromiscuous.toggle()
    case 3: ports[port].blocksBPDU.toggle()
    case 4: ports[port].ingressRules = UInt16(bytes.number(below: 3))
    case 5: ports[port].egressRules = UInt16(bytes.number(below: 3))
    case 6: ports[port].ingressShape = UInt16(bytes.number(below: 3))
    case 7: ports[port].egressShape = UInt16(bytes.number(below: 3))
    case 8: ports[port].allowsForgedTransmits.toggle()
    default:
      ports[port].vlanMode = .access
      ports[port].vlan = 1 + UInt16(choice & 15) % 5
    }
  }

  mutating func changeNIC(of port: PortIndex, _ bytes: inout ProgramBytes) {
    switchBatch()
    let choice = bytes.byte()
    guard choice & 7 != 0 else {
      let declared = network.portPlan(port).mac
      return network.setGuestNIC(port, GuestNIC(assumed: declared), multicast: [])
    }
    let nic = GuestNIC(
      observed: Self.address(bytes.byte()), isPromiscuous: choice & 1 != 0,
      isAllMulticast: choice & 2 != 0)
    let count = choice & 4 == 0 ? Int(choice >> 3) % 4 : 31 + Int(choice >> 3) % 3
    let groups = (0..<count).map { MACAddress(rawValue: 0x3333_0000_0001 + UInt64($0)) }
    network.setGuestNIC(port, nic, multicast: groups)
  }

  /// Takes what the switch sends by itself and what waited in its shapers.
  mutating func produce() {
    var turnsLeft = 1_000
    while true {
      batch.removeAll()
      let isMore = network.produce(into: &batch, &deliveries, now: now)
      for place in 0..<deliveries.touchedCount { judgeOpen(deliveries.touchedPort(place)) }
      deliveries.removeAll()
      turnsLeft -= 1
      precondition(turnsLeft > 0, "the switch never has enough")
      if !isMore { break }
    }
    batch.removeAll()
  }
}
