// Row 34: notify switches. What a host announces when its uplink fails, read from a capture on the wire
// of the uplink that takes over.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

extension PolicyTests {
  @Test func aFailureIsAnnouncedForEachAddressAndVLANAndNotWhereThatIsOff() throws {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink1], standbyUplinks: [uplink2]",
      guests: [
        .init(name: "app"), .init(name: "plain", portgroup: "untagged"),
        .init(name: "trunk", portgroup: "trunk"), .init(name: "silent", portgroup: "silent"),
      ])
    network.nics = ["tor1", "tor1"]
    let team = "policy: { teaming: { \(network.teaming) } }"
    let silent = "policy: { teaming: { \(network.teaming), notifySwitches: false } }"
    network.portgroups = [
      "{ name: untagged, vlan: 0, \(team) }",
      "{ name: trunk, vlan: { trunk: [30-49] }, \(team) }",
      "{ name: silent, vlan: 20, \(silent) }",
    ]
    try withRig(network.text) { rig in
      try rig.expectLearned(["app": "vmnic0", "plain": "vmnic0", "silent": "vmnic0"])
      // The guest behind the trunk has been heard in two of its VLANs.
      let trunk = try rig.teamAddress("trunk")
      let injector = try Injector(rig, .at("trunk"))
      for vlan in [30, 41] as [UInt16] {
        try injector.send(TestFrame(from: trunk, tags: [.vlan(vlan)]).bytes(mark: newMark()))
      }
      try rig.settle()
      let watch = try Watch(rig, network.wires)
      try rig.setCable("host1", "vmnic0", isUp: false)
      let wanted = Set([
        "\(try rig.teamAddress("app")) in VLAN 10", "\(try rig.teamAddress("plain")) in VLAN 0",
        "\(trunk) in VLAN 30", "\(trunk) in VLAN 41",
      ])
      var counts: [String: Int] = [:]
      let wire = network.wires[1]
      let isComplete = try eventually {
        counts = Dictionary(grouping: try watch.rarps(wire), by: \.place).mapValues(\.count)
        return wanted.allSatisfy { counts[$0] ?? 0 >= 5 }
      }
      #expect(isComplete, "\(counts)")
      // No more than vSphere's eight, nothing for the silent one, and each as a RARP has to be.
      #expect(Set(counts.keys) == wanted)
      #expect(counts.values.allSatisfy { $0 <= 8 }, "\(counts)")
      #expect(try watch.rarpFrameCount(wire) == counts.values.reduce(0, +))
      // tshark reads them as such, too.
      let fields = try watch.tshark(
        wire, "eth.type == 0x8035 || vlan.etype == 0x8035",
        ["eth.dst", "arp.opcode", "arp.src.hw_mac", "arp.dst.hw_mac", "arp.src.proto_ipv4"])
      for row in fields {
        #expect(row[0] == "ff:ff:ff:ff:ff:ff" && row[1] == "3" && row[2] == row[3], "\(row)")
        #expect(row[4] == "0.0.0.0", "\(row)")
      }
      #expect(fields.count == counts.values.reduce(0, +))
      // The physical switch knows all of them behind the other nic, without a word from the guests.
      #expect(try rig.learnedNIC("app") == "vmnic1")
      #expect(try rig.learnedNIC("plain") == "vmnic1")
      #expect(try rig.learnedNIC("trunk") == "vmnic1")
      #expect(try rig.learnedNIC("silent") == nil)
      try rig.expectConservation("host1")
    }
  }

  /// A thousand ports on one uplink that fails: all of them are announced within ten seconds, and the wire
  /// never has more than 128 of them in 10 ms.
  @Test func aThousandPortsAreAnnouncedWithinTenSecondsAtTheirPace() throws {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink1], standbyUplinks: [uplink2]", guests: [])
    network.nics = ["tor1", "tor1"]
    // A hundred VMs with ten nics each; the first of them has an address, which is announced as well.
    let guests = (0..<100).map { number in
      let nics = (0..<10).map { nic in
        let address = nic == 0 ? ", addresses: [10.1.0.\(number + 1)/32]" : ""
        return "{ portgroup: team\(address) }"
      }
      return "  - { name: vm\(number), host: host1, nics: [\(nics.joined(separator: ", "))] }"
    }
    let text = network.text + guests.joined(separator: "\n") + "\n"
    try withRig(text) { rig in
      let addresses = Set(try rig.ports("host1").compactMap(\.mac))
      try #require(addresses.count == 1_000)
      let wire = network.wires[1]
      // What is announced as they come up has come to rest.
      #expect(
        try eventually { try rig.learned(behind: "host1", "vmnic0").isSuperset(of: addresses) })
      try rig.settle()
      let watch = try Watch(rig, [wire], snapBytes: 128)
      let start = MonotonicClock.now()
      try rig.setCable("host1", "vmnic0", isUp: false)
      let isLearned = try MonotonicClock.wait(
        atMostNanoseconds: 10_000_000_000, everyNanoseconds: 10_000_000
      ) { try rig.learned(behind: "host1", "vmnic1").isSuperset(of: addresses) }
      let seconds = Double(MonotonicClock.now().nanoseconds(since: start)) / 1e9
      #expect(isLearned, "the bridge has all of them after \(seconds) s")
      // Every round of every port.
      #expect(try eventually { try watch.rarps(wire).count >= 5_000 })
      let rarps = try watch.rarps(wire)
      let counts = Dictionary(grouping: rarps, by: \.address).mapValues(\.count)
      #expect(counts.count == 1_000 && counts.values.allSatisfy { $0 == 5 })
      // With the announcements of the addresses, which are gratuitous ARP.
      let times = try watch.timedFrames(wire).map(\.microseconds).sorted()
      #expect(times.count == 5_500, "\(times.count) frames on the wire")
      #expect(times[times.count - 1] - times[0] < 10_000_000)
      // However it is cut: so many intervals, and those begun before and after.
      for width in [5, 10, 20, 50, 100] as [UInt64] {
        let most = mostFrames(in: width * 1_000, times)
        let allowed = 128 * (Int(width / 10) + 2)
        #expect(most <= allowed, "\(most) frames in \(width) ms")
      }
      try rig.expectConservation("host1")
    }
  }
}

/// The most frames that any window of this width has.
private func mostFrames(in microseconds: UInt64, _ times: [UInt64]) -> Int {
  var (first, most) = (0, 0)
  for last in times.indices {
    while times[last] - times[first] >= microseconds { first += 1 }
    most = max(most, last - first + 1)
  }
  return most
}
