// Row 30: teaming by physical NIC load. The nics of these hosts are veth devices, which say that they are
// 10 Gbit/s fast; with a threshold of 10 % a little over 1 Gbit/s is too much for one.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

extension PolicyTests {
  @Test(.enabled(if: hasPrograms("iperf3"), "needs iperf3"))
  func aBusyUplinkGivesItsBusiestPortAwayOnceAndNotBack() throws {
    var network = TeamNetwork(
      "policy: loadbalance_loadbased, activeUplinks: [uplink1, uplink2], "
        + "loadThresholdPercent: 10, loadInterval: 10",
      guests: [
        .init(name: "heavy", keys: "port: { id: 0 }"), .init(name: "idle", keys: "port: { id: 1 }"),
        .init(name: "light", keys: "port: { id: 2 }"),
        .init(name: "quiet", keys: "port: { id: 4 }"),
      ])
    network.nics = ["tor1", "tor1"]
    network.vlan = "0"
    try withRig(network.text, isStarted: false) { rig in
      let watch = try Watch(rig, network.wires, filter: "ether proto 0x8035", snapBytes: 128)
      try rig.start()
      let home = ["heavy": "vmnic0", "idle": "vmnic1", "light": "vmnic0", "quiet": "vmnic0"]
      try rig.expectLearned(home)
      #expect(try rig.uplinks("host1").map(\.speedMbps) == [10_000, 10_000])
      for number in 1...2 {
        try rig.plugOutsider("out\(number)", on: "tor1", "10.0.10.\(100 + number)/24")
      }
      // Five RARPs of each that came up, and no more until something moves.
      func announced(_ number: Int) throws -> [MACAddress: Int] {
        Dictionary(grouping: try watch.rarps(network.wires[number]), by: \.address)
          .mapValues(\.count)
      }
      let heavy = try rig.teamAddress("heavy")
      #expect(
        try eventually {
          try announced(0).count == 3 && announced(1).count == 1
            && (announced(0).values.map { $0 } + announced(1).values).allSatisfy { $0 == 5 }
        })
      let before = (try announced(0), try announced(1))
      let servers = [try IperfServer(rig, "out1"), try IperfServer(rig, "out2")]
      let clients = [
        try rig.startIperf("heavy", to: "10.0.10.101", ["-b", "1600M", "-t", "60"]),
        try rig.startIperf("light", to: "10.0.10.102", ["-b", "700M", "-t", "60"]),
      ]
      // At the end of the first interval, or of the second if the streams began late in the first.
      let hasMoved = try MonotonicClock.wait(
        atMostNanoseconds: 25_000_000_000, everyNanoseconds: 50_000_000
      ) { try rig.port("host1", "heavy").teamUplink == "uplink2" }
      let loads = try rig.uplinks("host1").map { "\($0.loadOutMbps ?? -1)" }
      #expect(hasMoved, "\(loads)")
      let moved = home.merging(["heavy": "vmnic1"]) { $1 }
      try rig.expectLearned(moved)
      // It is announced there, and nobody else.
      let after = before.1.merging([heavy: 5]) { $1 }
      #expect(try eventually { try announced(1)[heavy] ?? 0 >= 5 })
      // Its new uplink is over the threshold as well now, by one port alone. That stays as it is over
      // another whole interval.
      try waitForIntervals(2, rig)
      let last = try rig.uplinks("host1")[1].loadOutMbps ?? 0
      #expect(last > 1_000, "the second uplink carries more than its threshold: \(last)")
      for (vm, nic) in moved { #expect(try rig.learnedNIC(vm) == nic, "\(vm)") }
      #expect(try announced(0) == before.0, "nothing moves back")
      #expect(try announced(1) == after, "only the busiest moved, and was announced")
      withExtendedLifetime((servers, clients)) {}
      try rig.expectConservation("host1")
    }
  }
  /// Waits until intervals end: the loads that are shown change then.
  private func waitForIntervals(_ count: Int, _ rig: Rig) throws {
    func shown() throws -> String {
      try rig.uplinks("host1").map { "\($0.loadOutMbps ?? 0)" }.joined(separator: " ")
    }
    for _ in 0..<count {
      let before = try shown()
      let isOver = try MonotonicClock.wait(
        atMostNanoseconds: 15_000_000_000, everyNanoseconds: 50_000_000
      ) { try shown() != before }
      #expect(isOver, "an interval ends")
    }
  }
}
