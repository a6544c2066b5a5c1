// What a switch says as a whole, and what its uplinks are.

import Base
import Dataplane
import FrameMemory
import Model
import Planner
import Protocols
import Tables
import Testing
import Wire

@Suite struct SettingsTests {
  private func plan(
    _ settings: [String], _ portgroup: String = "{ name: web, vlan: 10 }", host: String = "host1",
    random: UInt64 = 0
  ) throws -> PlannedSwitch {
    var planning = Planning()
    planning.random = random
    return try planning.plan(
      topology(
        nics: ["a@\(host): { portgroup: web }"], portgroups: [portgroup], settings: settings),
      host: host)
  }

  private func uplinks(_ planned: PlannedSwitch) -> [PortPlan] {
    planned.uplinks.map { planned.parts.ports[$0.index.index] }
  }

  private static let map = [
    "privateVlans: [{ primary: 100, secondary: 100, type: promiscuous }, "
      + "{ primary: 100, secondary: 101, type: isolated }, "
      + "{ primary: 100, secondary: 102, type: community }]"
  ]

  @Test func privateVLANs() throws {
    let rows: [(Int, Dataplane.PrivateVLAN.Kind)] = [
      (100, .promiscuous), (101, .isolated), (102, .community),
    ]
    for (id, kind) in rows {
      let planned = try plan(Self.map, "{ name: web, vlan: { pvlan: \(id) } }")
      let port = try planned.portPlan("a")
      #expect(port.vlanMode == .access && port.vlan == UInt16(id) && port.primaryVLAN == 100)
      let row = Dataplane.PrivateVLAN(kind, vlan: UInt16(id), primary: 100)
      #expect(planned.parts.privateVLANs.contains(row))
    }
    let plain = try plan(Self.map)
    #expect(plain.parts.privateVLANs.count == 3)
    #expect(try plain.portPlan("a").primaryVLAN == 0)
    #expect(try plan([]).parts.privateVLANs.isEmpty)
  }

  @Test func multicast() throws {
    #expect(try plan([]).parts.multicast == .basic)
    let planned = try plan([
      "multicastFiltering: snooping",
      "multicastSnooping: { querier: false, queryInterval: 60, robustness: 3, igmpVersion: 2, "
        + "mldVersion: 1 }",
    ])
    var wanted = GroupMembershipSettings()
    wanted.isQuerier = false
    wanted.queryIntervalSeconds = 60
    wanted.robustness = 3
    wanted.igmpVersion = 2
    wanted.mldVersion = 1
    #expect(planned.parts.multicast == .snooping)
    #expect(planned.parts.snooping == wanted)
    #expect(try plan([]).parts.snooping == GroupMembershipSettings())
  }

  @Test func beacons() throws {
    let usual = try plan([]).parts.beacons
    #expect(usual.etherType == 0x8922 && usual.intervalNanoseconds == 1_000_000_000)
    #expect(usual.misses == 3)
    let other = try plan(["beacon: { etherType: 0x88b5, interval: 2, misses: 5 }"]).parts.beacons
    #expect(other.etherType == 0x88B5 && other.intervalNanoseconds == 2_000_000_000)
    #expect(other.misses == 5)
  }

  /// The same from plan to plan; another on another host, and after another start.
  @Test func theIdentityOfBeacons() throws {
    let identity = try plan([]).parts.beacons.identity
    #expect(try plan(["uplinkUpDelay: 5"]).parts.beacons.identity == identity)
    #expect(try plan([], host: "host2").parts.beacons.identity != identity)
    #expect(try plan([], random: 1).parts.beacons.identity != identity)
    #expect(identity != 0)
  }

  @Test func theUpDelay() throws {
    #expect(try plan([]).uplinkUpDelayNanoseconds == 100_000_000)
    #expect(try plan(["uplinkUpDelay: 60000"]).uplinkUpDelayNanoseconds == 60_000_000_000)
    #expect(try plan(["uplinkUpDelay: 0"]).uplinkUpDelayNanoseconds == 0)
  }

  // MARK: - Uplinks

  @Test func uplinksCarryEverythingUnlessTheirPortGroupSaysOtherwise() throws {
    let usual = try plan([])
    for uplink in uplinks(usual) {
      #expect(usual.parts.vlanSets[Int(uplink.vlanSet)] == .all)
      #expect(!uplink.isBlocked && uplink.ingressRules == 0 && uplink.egressRules == 0)
    }
    let narrow = try plan(
      [
        "uplinkPortgroup: { name: up, vlan: { trunk: [10, 20-29] }, policy: { blocked: true, filter: ["
          + "{ name: in, direction: ingress, vlan: 10, action: drop }, "
          + "{ name: both, protocol: udp, action: { tag: { cos: 1 } } }] } }"
      ], "{ name: web, vlan: { trunk: [1-2] }, policy: { blocked: false } }")
    #expect(uplinks(narrow).count == 2)
    for (position, uplink) in uplinks(narrow).enumerated() {
      #expect(Int(uplink.team) == position)
      #expect(narrow.parts.vlanSets[Int(uplink.vlanSet)] == VLANSet([10...10, 20...29]))
      #expect(uplink.isBlocked)
      #expect(narrow.parts.ruleSets[Int(uplink.ingressRules) - 1].map(\.vlans) == [10...10, nil])
      #expect(narrow.parts.ruleSets[Int(uplink.egressRules) - 1].map(\.protocol) == [.udp])
      #expect(narrow.rule(1, .ingress, at: narrow.uplinks[position].index)?.name == "both")
    }
    let port = try narrow.portPlan("a")
    #expect(!port.isBlocked && port.ingressRules == 0)
    #expect(narrow.parts.vlanSets[Int(port.vlanSet)] == VLANSet([1...2]))
  }

  @Test func theAddressesOfUplinks() throws {
    let here = uplinks(try plan([])).map(\.mac)
    let there = uplinks(try plan([], host: "host2")).map(\.mac)
    #expect(Set(here + there).count == 3)
    for mac in here + there { #expect(mac.rawValue >> 40 == 0x02) }
    #expect(uplinks(try plan([], random: 7)).map(\.mac) == here)
  }
}
