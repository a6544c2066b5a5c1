// Row 25: traffic shaping. iperf3 says what arrives over seconds; a capture where the shaped frames come
// out says how long a burst lasts.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

extension PolicyTests {
  private func shaped(_ policy: [String]) -> TeamNetwork {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink1]",
      guests: [.init(name: "app"), .init(name: "near", portgroup: "plain")])
    network.nics = ["tor1"]
    network.far = "tor1"
    network.portgroups = ["{ name: plain, vlan: 10 }"]
    network.policy = policy
    return network
  }

  /// Both directions have buckets of their own, over an uplink and within the host; what is not shaped
  /// is not slowed down.
  @Test(.enabled(if: hasPrograms("iperf3"), "needs iperf3"))
  func bothDirectionsHaveTheirOwnAverage() throws {
    let network = shaped([
      "inShaping: { enabled: true, averageBandwidth: 20M, peakBandwidth: 20M, burstSize: 32KB }",
      "outShaping: { enabled: true, averageBandwidth: 40M, peakBandwidth: 40M, burstSize: 32KB }",
    ])
    try withRig(network.text) { rig in
      let servers = [try IperfServer(rig, "far"), try IperfServer(rig, "near")]
      for address in ["10.0.10.99", "10.0.10.2"] {
        #expect(eventually { rig.reaches("app", address) })
        let sent = try rig.iperf("app", to: address, "-t", "3", "-O", "1").received
        try expectRate(sent.bitsPerSecond, 20_000_000, "TCP sent to \(address)")
        let received = try rig.iperf("app", to: address, "-t", "3", "-O", "1", "-R").received
        try expectRate(received.bitsPerSecond, 40_000_000, "TCP received from \(address)")
      }
      let flood = try rig.iperf(
        "app", to: "10.0.10.99", "-u", "-b", "60M", "-l", "1400", "-t", "3", "-O", "1")
      try expectRate(flood.received.bitsPerSecond, 20_000_000, "UDP", payloadBytes: 1_400)
      // Two thirds had to go, for this reason and at this port.
      #expect(try rig.drops("host1", "app", "ingressShaper") > 5_000)
      #expect(try rig.port("host1", "app").inShaping != nil)
      // Nothing between the others is shaped.
      #expect(eventually { rig.reaches("near", "10.0.10.99") })
      let free = try rig.iperf("near", to: "10.0.10.99", "-t", "1").received
      #expect(free.bitsPerSecond > 200_000_000, "\(free)")
      withExtendedLifetime(servers) {}
      try rig.expectConservation("host1")
    }
  }

  /// A full bucket lasts burst * 8 / (peak - average) seconds: at the peak before, at the average after.
  @Test func aFullBucketLastsAsLongAsItsNumbersSay() throws {
    let (average, peak, burst) = (10_000_000.0, 50_000_000.0, 2_097_152.0)
    let network = shaped([
      "inShaping: { enabled: true, averageBandwidth: 10M, peakBandwidth: 50M, burstSize: 2MB }"
    ])
    let wanted = burst * 8 / (peak - average)
    var why = ""
    // A machine that is busy elsewhere cannot always send faster than the peak: three tries.
    for _ in 0..<3 {
      try withRig(network.text) { rig in
        let frames = try flood(rig, network.wires[0])
        let start = try #require(frames.first).microseconds
        /// Bits on the wire, untagged as the switch counts them, from one second to another.
        func bits(_ from: Double, _ to: Double) -> Double {
          frames.reduce(0) { sum, frame in
            let seconds = Double(frame.microseconds - start) / 1e6
            return seconds >= from && seconds < to ? sum + Double(frame.byteCount - 4) * 8 : sum
          }
        }
        // Well before and well after that moment the rate is what it has to be, and the whole tells how
        // long the first part was.
        let before = bits(0.05, wanted * 0.9) / (wanted * 0.9 - 0.05)
        let after = bits(wanted * 1.1, 1.5) / (1.5 - wanted * 1.1)
        let seconds = (bits(0, 1.5) - average * 1.5) / (peak - average)
        let isRight =
          abs(before - peak) < 0.05 * peak && abs(after - average) < 0.05 * average
          && abs(seconds - wanted) < 0.1 * wanted
        why = isRight ? "" : "\(before) bit/s, then \(after), after \(seconds) s of \(wanted)"
        try rig.expectConservation("host1")
      }
      if why.isEmpty { break }
    }
    #expect(why.isEmpty, "\(why)")
  }

  /// Sends more than the peak for 1.6 seconds; what came out on the wire.
  private func flood(_ rig: Rig, _ wire: Place) throws -> [TimedFrame] {
    #expect(eventually { rig.reaches("app", "10.0.10.99") })
    let watch = try Watch(rig, [wire], filter: "vlan and udp", snapBytes: 128)
    var options = StreamSender.Options(to: try #require(IPv4Address("10.0.10.99")))
    options.payloadBytes = 1_400
    // 80 Mbit/s.
    options.framesPerSecond = 7_000
    let sender = try StreamSender(options, in: rig.namespace("app"))
    defer { sender.stop() }
    let isLongEnough = try MonotonicClock.wait(
      atMostNanoseconds: 10_000_000_000, everyNanoseconds: 100_000_000
    ) {
      let frames = try watch.timedFrames(wire)
      guard let first = frames.first, let last = frames.last else { return false }
      return last.microseconds - first.microseconds > 1_600_000
    }
    #expect(isLongEnough)
    return try watch.timedFrames(wire)
  }

  /// Every byte of a frame counts, not only its payload: within 5 % of the average on the wire.
  private func expectRate(
    _ payload: Double, _ average: Double, _ what: String, payloadBytes: Double = 1_448,
    _ location: Testing.SourceLocation = #_sourceLocation
  ) throws {
    let headers: Double = payloadBytes == 1_448 ? 66 : 42
    let rate = payload * (payloadBytes + headers) / payloadBytes
    #expect(
      abs(rate - average) <= 0.05 * average, "\(what): \(rate) bit/s", sourceLocation: location)
  }
}
