// A Linux guest in QEMU behind vhost-user, and a TAP at the other end: its driver uses what virtio-user does
// not (interrupts, event index, indirect descriptors, checksums and segmentation left to us).

import Attachments
import Base
import FrameMemory
import Glibc
import Linux
import Rig
import Testing
import VhostUser

private let needsGuest: Comment = "\(GuestImage.absence ?? "it can be made")"

@Suite(
  "vhost-user with QEMU",
  .enabled(if: GuestImage.absence == nil, needsGuest), .serialized)
struct QEMUTests {
  private let home: TemporaryFolder
  private var folder: String { home.path }
  private let service: VhostUserService
  private let namespace: NetworkNamespace
  private let image: GuestImage

  init() throws {
    image = try GuestImage.shared.get()
    home = try TemporaryFolder()
    service = try VhostUserService()
    namespace = try NetworkNamespace.create(named: Self.name)
  }

  private static let name = "mvh\(ProcessIdentity.current.number)"

  private func becomesTrue(seconds: UInt64, _ condition: () -> Bool) -> Bool {
    MonotonicClock.wait(
      atMostNanoseconds: seconds * 1_000_000_000, everyNanoseconds: 20_000_000, until: condition)
  }

  private func outside(_ line: String) throws -> ChildProcess.Report {
    try ChildProcess.run(
      ChildProcess.Command(["/bin/sh", "-c", line], in: namespace),
      timeoutNanoseconds: 60_000_000_000)
  }

  private func pings(_ options: String) -> Bool {
    (try? outside("ping -q -W 5 \(options) 10.99.0.10"))?.ending.isSuccess == true
  }

  /// Asks QEMU for something; the connection must live until it has happened.
  private func command(_ name: String) throws -> FrontEndSocket {
    let socket = try FrontEndSocket(path: "\(folder)/qmp")
    try socket.send(Array("{'execute':'qmp_capabilities'}{'execute':'\(name)'}".utf8))
    return socket
  }

  private var guest: VhostGuest {
    VhostGuest(socket: "\(folder)/vm", mac: "52:54:00:00:00:10", folder: folder)
  }

  private var log: String { guest.log }

  @Test(
    "a guest boots, talks, moves bulk TCP, is reset, and outlives our own restart",
    arguments: ["", ",mrg_rxbuf=off", ",indirect_desc=off,event_idx=off,csum=off"])
  func talks(device: String) throws {
    let settings = VhostUserSettings(name: "vm", path: "\(folder)/vm")
    let tap = TapAttachment(try TapDevice.open(name: "tap0", namespace: namespace))
    defer { try? NetworkNamespace.delete(named: Self.name) }
    #expect(
      try outside("ip link set lo up; ip addr add 10.99.0.1/24 dev tap0; ip link set tap0 up")
        .ending.isSuccess)
    var port: VhostUserAttachment? = try service.open(settings)
    var network: TestSwitch? = try TestSwitch([try #require(port), tap])
    var process = try guest.boot(image, device: device)
    defer { _ = process.terminate() }
    let isUp = becomesTrue(seconds: 60) {
      pings("-c 1") || process.wait(timeoutNanoseconds: 0) != nil
    }
    try #require(
      isUp && process.wait(timeoutNanoseconds: 0) == nil,
      "\(String(describing: process.wait(timeoutNanoseconds: 0))) \(log) \(port?.state as Any)")
    #expect(pings("-c 100 -i 0.005 -s 1400"), "\(log)")
    #expect(pings("-c 5 -i 0.05 -s 20000"))
    let fetch = "curl -sf http://10.99.0.10/file | sha256sum"
    let expected = "yes 0123456789abcdefghijklmnopqrstuvwxyz | head -c 8388608 | sha256sum"
    let sum = try outside(expected).output
    #expect(try outside(fetch).output == sum)
    let counters = try #require(port).offloadCounters
    if device.isEmpty {
      #expect(counters.segmentationReceived > 50, "the guest sends large frames as they are")
      #expect(counters.checksumPassed > 0)
    }
    #expect(try #require(network).sleepCount > 0)
    // The guest starts anew; the same front end comes with other rings.
    let monitor = try command("system_reset")
    defer { withExtendedLifetime(monitor) {} }
    #expect(becomesTrue(seconds: 10) { !(port?.isLinkUp ?? true) }, "\(port?.state as Any)")
    #expect(becomesTrue(seconds: 60) { pings("-c 1") }, "\(log) \(port?.state as Any)")
    // We start anew, and QEMU connects again.
    network?.stop()
    network = nil
    port = nil
    let again = try service.open(settings)
    let second = try TestSwitch([again, tap])
    defer { second.stop() }
    #expect(becomesTrue(seconds: 30) { pings("-c 1") }, "\(log) \(again.state)")
    #expect(try outside(fetch).output == sum)
    #expect(again.state.cutOffs == 0)
  }
}
