// Row 33: an uplink that comes back. It waits for the up-delay, a new failure cancels that, and with
// failback switched off it is not used again while the other one works.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

extension PolicyTests {
  private func pair(_ failback: String, delayMilliseconds: Int) -> TeamNetwork {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink1], standbyUplinks: [uplink2], \(failback)")
    network.nics = ["tor1", "tor2"]
    network.far = "tor2"
    network.settings = ["uplinkUpDelay: \(delayMilliseconds)"]
    return network
  }

  @Test func anUplinkThatComesBackWaitsForItsDelayAndANewFailureCancelsIt() throws {
    let delay: UInt64 = 1_500
    try withRig(pair("failback: true", delayMilliseconds: Int(delay)).text) { rig in
      let stream = try rig.startStream(rate: 1_000)
      /// Milliseconds until the bridge of tor1 has the VM behind vmnic0; nil if not within 5 s.
      func millisecondsUntilBack(since moment: MonotonicTime) throws -> UInt64? {
        let address = try rig.teamAddress("app")
        let isBack = try MonotonicClock.wait(
          atMostNanoseconds: 5_000_000_000, everyNanoseconds: 2_000_000
        ) { try rig.learned(behind: "host1", "vmnic0").contains(address) }
        return isBack ? MonotonicClock.now().nanoseconds(since: moment) / 1_000_000 : nil
      }
      try rig.setCable("host1", "vmnic0", isUp: false)
      #expect(try eventually { try rig.port("host1", "app").teamUplink == "uplink2" })
      stream.arrives()
      try rig.setCable("host1", "vmnic0", isUp: true)
      let back = try millisecondsUntilBack(since: MonotonicClock.now())
      #expect(back.map { (delay - 20...delay + 700).contains($0) } ?? false, "\(back ?? 0) ms")

      // Up for half of the delay, down, and up again: it begins anew.
      try rig.setCable("host1", "vmnic0", isUp: false)
      #expect(try eventually { try rig.port("host1", "app").teamUplink == "uplink2" })
      try rig.setCable("host1", "vmnic0", isUp: true)
      let first = MonotonicClock.now()
      #expect(try eventually { try rig.uplinks("host1")[0].state == .recovering })
      let isHalf = MonotonicClock.wait(atMostNanoseconds: 2_000_000_000) {
        MonotonicClock.now().nanoseconds(since: first) > delay * 500_000
      }
      #expect(isHalf)
      try rig.setCable("host1", "vmnic0", isUp: false)
      #expect(try eventually { try rig.uplinks("host1")[0].state == .down })
      try rig.setCable("host1", "vmnic0", isUp: true)
      let again = try millisecondsUntilBack(since: MonotonicClock.now())
      #expect(again.map { (delay - 20...delay + 700).contains($0) } ?? false, "\(again ?? 0) ms")
      stream.arrives()
      let losses = stream.stop()
      // Two failures at 10 ms each; coming back costs nothing.
      #expect(losses.lost <= 40 && losses.duplicated == 0, "\(losses)")
      try rig.expectConservation("host1")
    }
  }

  @Test func withoutFailbackAPortStaysUntilItsNewUplinkFails() throws {
    try withRig(pair("failback: false", delayMilliseconds: 100).text) { rig in
      try rig.expectLearned(["app": "vmnic0"])
      try rig.setCable("host1", "vmnic0", isUp: false)
      try rig.expectLearned(["app": "vmnic1"])
      try rig.setCable("host1", "vmnic0", isUp: true)
      #expect(try eventually { try rig.uplinks("host1")[0].state == .up })
      let wires: [Place] = [.wire("host1", "vmnic0"), .wire("host1", "vmnic1")]
      let watch = try Watch(rig, wires)
      let frame = TestFrame(to: stranger, from: try rig.teamAddress("app"))
      try watch.expect(frame, from: .at("app"), arrives: [wires[1]: 1])
      try rig.setCable("host1", "vmnic1", isUp: false)
      try rig.expectLearned(["app": "vmnic0"])
    }
  }

  @Test func aFlappingUplinkIsNoBlackHole() throws {
    try withRig(pair("failback: true", delayMilliseconds: 1_000).text) { rig in
      let stream = try rig.startStream(rate: 1_000)
      // Twenty times down and up again, faster than its delay: only the first time concerns the stream.
      for _ in 0..<20 {
        try rig.setCable("host1", "vmnic0", isUp: false)
        #expect(try eventually { try rig.uplinks("host1")[0].state == .down })
        stream.arrives()
        try rig.setCable("host1", "vmnic0", isUp: true)
        #expect(try eventually { try rig.uplinks("host1")[0].state == .recovering })
        stream.arrives()
        #expect(try rig.port("host1", "app").teamUplink == "uplink2")
      }
      #expect(try eventually { try rig.port("host1", "app").teamUplink == "uplink1" })
      stream.arrives()
      let losses = stream.stop()
      #expect(losses.lost <= 20 && losses.duplicated == 0, "\(losses)")
      try rig.expectLearned(["app": "vmnic0"])
      try rig.expectConservation("host1")
    }
  }

  @Test func anUplinkWhoseDeviceIsDeletedAndMadeAgainIsUsedAgain() throws {
    try withRig(pair("failback: true", delayMilliseconds: 100).text) { rig in
      let stream = try rig.startStream(rate: 1_000)
      for _ in 0..<3 {
        try rig.unplug("host1", "vmnic0")
        #expect(try eventually { try rig.port("host1", "app").teamUplink == "uplink2" })
        stream.arrives()
        try rig.plugAgain("host1", "vmnic0")
        #expect(try eventually { try rig.port("host1", "app").teamUplink == "uplink1" })
        stream.arrives()
        #expect(try rig.learnedNIC("app") == "vmnic0")
      }
      let losses = stream.stop()
      #expect(losses.lost <= 60 && losses.duplicated == 0, "\(losses)")
      try rig.expectConservation("host1")
    }
  }
}
