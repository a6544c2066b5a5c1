// Teaming by physical NIC load: over 75 % for an interval moves the busiest port once, and not back.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

/// Two uplinks of 1 Mbit/s; ports 2, 4 and 6 are at home on the first, 3 and 5 on the second.
private final class Load {
  let net: TestNetwork

  init() {
    net = TestNetwork(
      vms: (0..<5).map { _ in vm(vlan: 7) },
      teams: [TeamPlan(policy: .physicalLoad, active: [0, 1])])
    for uplink in 0..<2 { net.network.setSpeed(PortIndex(uplink), megabitsPerSecond: 1) }
    net.advance(milliseconds: 1)
  }

  init(_ net: TestNetwork) {
    self.net = net
    for uplink in net.uplinks { net.network.setSpeed(uplink, megabitsPerSecond: 1) }
    net.advance(milliseconds: 1)
  }

  /// Intervals of 30 s in which the ports send at these rates, in percent of an uplink.
  func run(intervals: Int = 1, _ percents: [Int: Int]) {
    for _ in 0..<intervals * 30 {
      for (port, percent) in percents {
        // 1 Mbit/s are 125 frames of 1,000 bytes a second.
        for _ in 0..<percent * 125 / 100 {
          _ = net.send(frame(from: mac(port), to: outsider, payloadBytes: 986), at: port)
        }
      }
      net.advance(milliseconds: 1_000)
    }
  }
}

@Suite struct LoadBalanceTests {
  @Test func theBusiestPortMovesOnceAndStays() {
    let load = Load()
    #expect(load.net.selection == [0, 1, 0, 1, 0])
    _ = load.net.takeAnnouncements()
    // Ports 2 and 4 fill the first uplink to 90 %, port 2 with the greater part.
    for interval in 0..<4 {
      load.run([2: 50, 4: 40])
      #expect(load.net.selection == [1, 1, 0, 1, 0], "interval \(interval)")
    }
    #expect(load.net.takeAnnouncements() == [2], "moved once, and announced")
  }

  @Test func onePortThatFillsAnUplinkAloneStays() {
    let load = Load()
    load.run(intervals: 3, [2: 95])
    #expect(load.net.selection == [0, 1, 0, 1, 0])
  }

  @Test func belowTheThresholdNothingMoves() {
    let load = Load()
    load.run(intervals: 3, [2: 40, 4: 30])
    #expect(load.net.selection == [0, 1, 0, 1, 0])
  }

  @Test func withoutASpeedNothingIsJudged() {
    let load = Load()
    for uplink in 0..<2 { load.net.network.setSpeed(PortIndex(uplink), megabitsPerSecond: 0) }
    load.run(intervals: 2, [2: 50, 4: 40])
    #expect(load.net.selection == [0, 1, 0, 1, 0])
  }

  @Test func aPortThatWasMovedComesBackToItsUplinkAfterAFailure() {
    let load = Load()
    load.run([2: 50, 4: 40])
    #expect(load.net.selection == [1, 1, 0, 1, 0])
    load.net.setLink(1, isUp: false)
    #expect(load.net.selection == [0, 0, 0, 0, 0])
    load.net.setLink(1, isUp: true)
    load.net.advance(milliseconds: 100)
    #expect(load.net.selection == [1, 1, 0, 1, 0])
  }

  /// The fullest uplink has no port that may move; the next one is over its threshold, too.
  @Test func anUplinkThatNobodyMayLeaveDoesNotHideTheOthers() {
    let net = TestNetwork(
      vms: [vm(vlan: 7) { $0.team = 1 }] + (0..<3).map { _ in vm(vlan: 7) },
      teams: [
        TeamPlan(policy: .physicalLoad, active: [1, 2]),
        TeamPlan(policy: .explicitFailover, active: [0]),
      ], uplinkCount: 3)
    #expect(net.selection == [0, 2, 1, 2])
    let load = Load(net)
    load.run([3: 99, 4: 50, 6: 40])
    #expect(net.selection == [0, 1, 1, 2])
  }

  @Test func withoutFailbackAMovedPortStaysWhereAFailurePutIt() {
    let load = Load()
    load.net.teams[0].failsBack = false
    load.net.apply(revision: 2)
    load.run([2: 50, 4: 40])
    #expect(load.net.selection == [1, 1, 0, 1, 0])
    load.net.setLink(1, isUp: false)
    load.net.setLink(1, isUp: true)
    load.net.advance(milliseconds: 100)
    #expect(load.net.selection == [0, 0, 0, 0, 0])
  }

  /// A frame that was counted in one interval is taken back in the next.
  @Test func aFrameThatIsTakenBackLaterIsNoLoad() {
    let load = Load()
    _ = load.net.send(frame(from: mac(2), to: outsider), at: 2)
    load.net.advance(milliseconds: 30_000)
    load.net.network.recordFailure(
      of: 0, in: load.net.batch, at: PortIndex(0), reason: .attachmentFull)
    load.net.advance(milliseconds: 30_000)
    let out = load.net.network.load(of: PortIndex(0)).out
    #expect(out == 0)
  }

  @Test func whatWasSentBeforeLoadsWereBalancedIsNoLoad() {
    let load = Load()
    load.net.teams[0].policy = .originatingPortID
    load.net.apply(revision: 2)
    load.run([4: 70])
    load.net.teams[0].policy = .physicalLoad
    load.net.apply(revision: 3)
    load.net.advance(milliseconds: 1)
    load.run([2: 50, 4: 40])
    #expect(load.net.selection == [1, 1, 0, 1, 0], "port 4 sent more, but not now")
  }
}
