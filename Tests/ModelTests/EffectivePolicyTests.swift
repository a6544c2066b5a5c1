// Inheritance: each field from the nearest level that sets it, and the failover order as one field.

import Model
import Testing

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
