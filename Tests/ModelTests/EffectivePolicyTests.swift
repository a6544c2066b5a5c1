// Inheritance: each field from the nearest level that sets it, and the failover order as one field.

import Model
import Testing
import Wire

@Suite struct EffectivePolicyTests {
  private let uplinks = ["uplink1", "uplink2", "uplink3"]

  @Test func nothingSaidIsTheDefault() {
    let policy = EffectivePolicy(switch: Policy(), portgroup: Policy(), uplinks: uplinks)
    #expect(policy.security.allowPromiscuous == Effective(false, from: .default))
    #expect(policy.security.macChanges == Effective(false, from: .default))
    #expect(policy.security.forgedTransmits == Effective(false, from: .default))
    #expect(policy.macLearning.enabled == Effective(false, from: .default))
    #expect(policy.macLearning.allowUnicastFlooding == Effective(true, from: .default))
    #expect(policy.macLearning.limit == Effective(4096, from: .default))
    #expect(policy.macLearning.limitPolicy == Effective(.drop, from: .default))
    #expect(policy.teaming.policy == Effective(.portID, from: .default))
    #expect(policy.teaming.activeUplinks == Effective(uplinks, from: .default))
    #expect(policy.teaming.standbyUplinks == Effective([], from: .default))
    #expect(policy.teaming.failureDetection == Effective(.linkStatus, from: .default))
    #expect(policy.teaming.failback == Effective(true, from: .default))
    #expect(policy.teaming.notifySwitches == Effective(true, from: .default))
    #expect(policy.teaming.loadThresholdPercent == Effective(75, from: .default))
    #expect(policy.teaming.loadInterval == Effective(30, from: .default))
    #expect(policy.blocked == Effective(false, from: .default))
    #expect(policy.vlan == Effective(.none, from: .portgroup))
    #expect(policy.filter == Effective([], from: .default))
    #expect(policy.security.blockGuestBPDU == Effective(false, from: .default))
    #expect(policy.security.reversePathCheckPromiscuous == Effective(false, from: .default))
    for shaping in [policy.inShaping, policy.outShaping] {
      #expect(shaping.enabled == Effective(false, from: .default))
      #expect(shaping.averageBandwidth == Effective(100_000_000, from: .default))
      #expect(shaping.peakBandwidth == Effective(100_000_000, from: .default))
      #expect(shaping.burstSize == Effective(102_400 * 1024, from: .default))
    }
  }

  @Test func aPortIsTheNearestLevel() {
    var inherited = Policy(blocked: true)
    inherited.inShaping = ShapingPolicy(enabled: true, averageBandwidth: 1_000_000)
    inherited.filter = [FilterRule(name: "a", action: .drop)]
    var shared = Policy()
    shared.inShaping.burstSize = 64 << 10
    shared.filter = []
    shared.teaming.activeUplinks = ["uplink2"]
    let portgroup = PortGroup(name: "web", vlan: .access(10), policy: shared)
    var own = Policy(blocked: false)
    own.inShaping.averageBandwidth = 2_000_000_000
    own.teaming.standbyUplinks = ["uplink3"]
    let policy = EffectivePolicy(
      switch: inherited, portgroup: portgroup,
      port: PortSettings(vlan: .privateVLAN(101), policy: own), uplinks: uplinks)
    #expect(policy.blocked == Effective(false, from: .port))
    #expect(policy.vlan == Effective(.privateVLAN(101), from: .port))
    #expect(policy.inShaping.enabled == Effective(true, from: .switch))
    #expect(policy.inShaping.averageBandwidth == Effective(2_000_000_000, from: .port))
    // Nobody says a peak: it follows the average.
    #expect(policy.inShaping.peakBandwidth == Effective(2_000_000_000, from: .default))
    #expect(policy.inShaping.burstSize == Effective(64 << 10, from: .portgroup))
    // An empty list is a list.
    #expect(policy.filter == Effective([], from: .portgroup))
    #expect(policy.teaming.activeUplinks == Effective([], from: .port))
    #expect(policy.teaming.standbyUplinks == Effective(["uplink3"], from: .port))
    #expect(
      EffectivePolicy(switch: inherited, portgroup: portgroup, uplinks: uplinks).vlan
        == Effective(.access(10), from: .portgroup))
  }

  @Test func aDisconnectedNicLosesWhatItsPortGroupResets() throws {
    var portgroup = PortGroup(name: "web")
    var nic = VirtualMachine.NIC(
      portgroup: "web", mac: .zero,
      port: PortSettings(id: 7, vlan: .access(3), policy: Policy(blocked: true)))
    #expect(nic.port(in: portgroup) == nic.port)
    nic.isConnected = false
    #expect(nic.port(in: portgroup) == PortSettings(id: 7))
    portgroup.resetAtDisconnect = false
    #expect(nic.port(in: portgroup) == nic.port)
  }

  @Test func eachFieldComesFromTheNearestLevel() {
    var inherited = Policy()
    inherited.security.forgedTransmits = true
    inherited.macLearning.enabled = true
    inherited.macLearning.limit = 8
    inherited.teaming.failback = false
    var own = Policy()
    own.security.forgedTransmits = false
    own.macLearning.limit = 4
    own.teaming.policy = .explicitOrder
    let policy = EffectivePolicy(switch: inherited, portgroup: own, uplinks: uplinks)
    #expect(policy.security.forgedTransmits == Effective(false, from: .portgroup))
    #expect(policy.macLearning.enabled == Effective(true, from: .switch))
    #expect(policy.macLearning.limit == Effective(4, from: .portgroup))
    #expect(policy.teaming.failback == Effective(false, from: .switch))
    #expect(policy.teaming.policy == Effective(.explicitOrder, from: .portgroup))
    #expect(policy.teaming.activeUplinks == Effective(uplinks, from: .default))
  }

  @Test func theFailoverOrderIsOneField() {
    var inherited = Policy()
    inherited.teaming.activeUplinks = ["uplink1"]
    inherited.teaming.standbyUplinks = ["uplink2"]
    let below = EffectivePolicy(switch: inherited, portgroup: Policy(), uplinks: uplinks)
    #expect(below.teaming.activeUplinks == Effective(["uplink1"], from: .switch))
    #expect(below.teaming.standbyUplinks == Effective(["uplink2"], from: .switch))
    // Were the lists inherited apart, uplink2 would be active and standby.
    var own = Policy()
    own.teaming.activeUplinks = ["uplink2"]
    let policy = EffectivePolicy(switch: inherited, portgroup: own, uplinks: uplinks)
    #expect(policy.teaming.activeUplinks == Effective(["uplink2"], from: .portgroup))
    #expect(policy.teaming.standbyUplinks == Effective([], from: .portgroup))
    own.teaming.activeUplinks = []
    let unused = EffectivePolicy(switch: inherited, portgroup: own, uplinks: uplinks)
    #expect(unused.teaming.activeUplinks == Effective([], from: .portgroup))
  }
}
