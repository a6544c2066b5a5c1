// Announcements of a whole host that fails over, on a clock that the test turns.

import Attachments
import Base
import Dataplane
import FrameMemory
import HostAgent
import Testing
import Wire

@Suite struct PacingTests {
  private static let portCount = 1_000

  /// Two uplinks, then VM ports, all on the first uplink as long as that is up.
  private func plan() -> SwitchPlan {
    var ports: [PortPlan] = []
    for position in 0..<2 {
      var uplink = PortPlan()
      uplink.kind = .uplink
      uplink.vlanMode = .trunk
      uplink.team = UInt16(position)
      uplink.id = UInt32.max - UInt32(position)
      ports.append(uplink)
    }
    for number in 0..<Self.portCount {
      var port = PortPlan()
      port.kind = .vm
      port.id = UInt32(number)
      port.vlanMode = .access
      port.vlan = 10
      port.mac = MACAddress(rawValue: 0x0050_5600_0000 + UInt64(number))
      port.firstAddress = UInt32(number)
      port.addressCount = 1
      ports.append(port)
    }
    return SwitchPlan(
      revision: 1, mtu: 1500, ports: ports,
      teams: [TeamPlan(policy: .explicitFailover, active: [0], standby: [1])], vlanSets: [.all],
      uplinks: [PortIndex(0), PortIndex(1)],
      addresses: (0..<Self.portCount).map {
        .v4(IPv4Address(rawValue: 0x0A00_0000 + UInt32($0)))
      })
  }

  @Test func aThousandPortsThatFailOverAreAnnouncedInTime() {
    let runtime = SwitchRuntime(name: "dvs1", seed: 7)
    var batch = FrameBatch(capacity: 64)
    var now = MonotonicTime(seconds: 100)
    _ = runtime.network.apply(plan(), now: now)
    for index in 0..<Self.portCount + 2 {
      runtime.attach(
        MemoryAttachment(capacity: 1, frameCapacityBytes: 128), to: PortIndex(index), now: now)
    }
    for position in 0..<2 { runtime.network.setLink(PortIndex(position), isUp: true, now: now) }
    // What comes up is announced, too.
    while runtime.tick(&batch, now: now) != .never { now = now.advanced(byMilliseconds: 1) }

    let start = now
    let before = runtime.network.conservation.generated
    runtime.network.setLink(PortIndex(0), isUp: false, now: now)
    var firstRound: MonotonicTime?
    var wakeups = 0
    var sent: [UInt64: UInt64] = [:]
    while true {
      let counted = runtime.network.conservation.generated
      let next = runtime.tick(&batch, now: now)
      let total = runtime.network.conservation.generated
      sent[now.nanoseconds(since: start) / 10_000_000, default: 0] += total - counted
      // A RARP and a gratuitous ARP each.
      if firstRound == nil, total - before >= 2_000 { firstRound = now }
      wakeups += 1
      guard next != .never else { break }
      #expect(next > now, "no busy loop")
      now = max(next, now.advanced(byNanoseconds: 1))
    }
    #expect(runtime.network.conservation.generated - before == 5 * 2_000)
    #expect(sent.values.max() ?? 0 <= 128, "in any ten milliseconds")
    #expect((firstRound ?? .never).nanoseconds(since: start) <= 1_000_000_000)
    #expect(now.nanoseconds(since: start) <= 10_000_000_000)
    #expect(wakeups < 200, "once an interval")
    #expect(runtime.network.conservation.holds)
  }
}
