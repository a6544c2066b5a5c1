// A port whose guest comes and goes while its attachment stays, as behind vhost-user.

import Attachments
import Base
import Dataplane
import FrameMemory
import HostAgent
import Testing
import Wire

@Suite struct GuestLinkTests {
  private let runtime = SwitchRuntime(name: "vSwitch0", seed: 7)
  private let guest = MemoryAttachment(capacity: 8, frameCapacityBytes: 128)
  private let peer = MemoryAttachment(capacity: 8, frameCapacityBytes: 128)
  private let now = MonotonicTime(seconds: 100)

  private static func mac(_ number: UInt64) -> MACAddress {
    MACAddress(rawValue: 0x0050_5600_0000 + number)
  }

  init() {
    let ports = (0..<2).map { number in
      var port = PortPlan()
      port.kind = .vm
      port.id = UInt32(number)
      port.mac = Self.mac(UInt64(number))
      return port
    }
    _ = runtime.network.apply(
      SwitchPlan(
        revision: 1, mtu: 1500, ports: ports,
        teams: [TeamPlan(policy: .originatingPortID, active: [])]),
      now: now)
    runtime.attach(guest, to: PortIndex(0), isUp: false, now: now)
    runtime.attach(peer, to: PortIndex(1), now: now)
  }

  /// From the port of a number to the other one.
  private func send(from number: Int) {
    let (source, target) = (Self.mac(UInt64(number)), Self.mac(UInt64(1 - number)))
    let octets = [target, source].flatMap { address in
      (0..<6).map { UInt8(truncatingIfNeeded: address.rawValue >> (40 - 8 * $0)) }
    }
    let frame = octets + [0x88, 0xB5] + [UInt8](repeating: 1, count: 50)
    let isTaken = (number == 0 ? guest : peer).inject(frame)
    #expect(isTaken)
    var batch = FrameBatch(capacity: 8)
    let count = runtime.service(PortIndex(number), &batch, now: now)
    #expect(count == 1)
  }

  private var portDownCount: UInt64 { runtime.network.portCounters(PortIndex(0))[.portDown] }

  @Test func aGuestThatIsNotThereIsSentNothing() {
    send(from: 1)
    #expect(guest.sentCount == 0 && portDownCount == 1)
    runtime.setLink(PortIndex(0), isUp: true, now: now)
    send(from: 1)
    #expect(guest.sentCount == 1 && portDownCount == 1)
    runtime.setLink(PortIndex(0), isUp: false, now: now)
    send(from: 1)
    #expect(guest.sentCount == 1 && portDownCount == 2)
    #expect(runtime.network.conservation.holds)
  }

  /// Whoever says that the guest is there is on another thread, and may be later than its first frame.
  @Test func theFirstFrameOfAGuestIsNotLost() {
    send(from: 0)
    #expect(peer.sentCount == 1 && portDownCount == 0)
    send(from: 1)
    #expect(guest.sentCount == 1)
    #expect(runtime.network.conservation.holds)
  }

  @Test func nothingIsSaidOfAPortWithoutAnAttachment() {
    runtime.setLink(PortIndex(3), isUp: true, now: now)
    let isAttached = runtime.network.isAttached(PortIndex(3))
    #expect(!isAttached)
  }
}
