// The instruction of a pipeline program that changes the plan: a few fields of a few ports, within what the
// planner guarantees (indices that exist, an access VLAN from 1 to 4094), and all of it applied at once.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Wire

extension PipelineProgram {
  mutating func changePlan(_ bytes: inout ProgramBytes) {
    // The frames of a batch meet one plan.
    switchBatch()
    for _ in 0..<(1 + bytes.number(below: 4)) {
      let choice = bytes.byte()
      let port = Int(choice >> 4) % Self.portCount
      if port < Self.uplinkCount {
        changeUplink(port, choice, &bytes)
      } else {
        changePort(port, choice, &bytes)
      }
    }
    let revisionBefore = network.revision
    apply()
    precondition(network.revision == revisionBefore + 1, "the new plan is in force")
  }

  private mutating func changeUplink(_ port: Int, _ choice: UInt8, _ bytes: inout ProgramBytes) {
    switch choice & 3 {
    case 0: ports[port].isBlocked.toggle()
    case 1: ports[port].id ^= 100
    case 2: ports[port].vlanSet = UInt16(bytes.number(below: vlanSets.count))
    default: changeTeam(&bytes)
    }
  }

  private mutating func changePort(_ port: Int, _ choice: UInt8, _ bytes: inout ProgramBytes) {
    switch choice & 15 {
    case 0: ports[port].kind = ports[port].kind == .vm ? .absent : .vm
    case 1: ports[port].isBlocked.toggle()
    case 2: ports[port].isFenced.toggle()
    case 3: ports[port].id ^= 100
    case 4, 5, 6: changeVLAN(port, &bytes)
    case 7: ports[port].team = UInt16(bytes.number(below: teams.count))
    case 8: ports[port].allowsForgedTransmits.toggle()
    case 9:
      ports[port].learnsMACs.toggle()
      ports[port].floodsUnknown = ports[port].learnsMACs && bytes.byte() & 1 == 1
    case 10: ports[port].forwardsBeyondLimit.toggle()
    case 11: ports[port].macLimit = UInt16(bytes.number(below: 8))
    case 12: ports[port].notifiesSwitches.toggle()
    case 13: ports[port].mac = MACAddress(rawValue: 0x0050_5600_0000 + UInt64(bytes.byte() & 15))
    case 14: ports[port].addressCount = UInt16(bytes.number(below: 3))
    default: changeSet(&bytes)
    }
  }

  private mutating func changeVLAN(_ port: Int, _ bytes: inout ProgramBytes) {
    ports[port].vlan = 0
    ports[port].vlanMode = .none
    switch bytes.byte() & 3 {
    case 0: break
    case 1:
      ports[port].vlanMode = .trunk
      ports[port].vlanSet = UInt16(bytes.number(below: vlanSets.count))
      ports[port].trunkSlot = UInt16(port & 1)
    default:
      ports[port].vlanMode = .access
      ports[port].vlan = 1 + bytes.word() % 4094
    }
  }

  private mutating func changeTeam(_ bytes: inout ProgramBytes) {
    let choice = bytes.byte()
    let orders: [([UInt8], [UInt8])] = [
      ([0, 1], []), ([1, 0], []), ([0], [1]), ([1], [0]), ([], [0, 1]), ([1], []), ([], []),
    ]
    let (active, standby) = orders[Int(choice >> 3) % orders.count]
    teams[Int(choice & 1)] = TeamPlan(
      policy: choice & 2 == 0 ? .originatingPortID : .explicitFailover, active: active,
      standby: standby, failsBack: choice & 4 == 0)
  }

  private mutating func changeSet(_ bytes: inout ProgramBytes) {
    let low = bytes.word() % 4095
    let high = min(4094, low + UInt16(bytes.byte() & 15))
    vlanSets[1 + bytes.number(below: 3)] = VLANSet([low...high])
  }
}
