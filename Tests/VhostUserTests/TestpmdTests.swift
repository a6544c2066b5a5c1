// Another implementation at the other end: virtio-user of DPDK (dpdk-testpmd), without huge pages.

import Attachments
import Base
import FrameMemory
import Glibc
import Linux
import Testing
import VhostUser

private let hasTestpmd: Bool = {
  // SAFETY: a C string for the call.
  unsafe access("/usr/bin/dpdk-testpmd", X_OK) == 0 && geteuid() == 0
}()

private let needsTestpmd: Comment = "needs root and dpdk-testpmd (apt: dpdk)"

@Suite(
  "vhost-user with DPDK",
  .enabled(if: hasTestpmd, needsTestpmd), .serialized)
struct TestpmdTests {
  private let home: TemporaryFolder
  private var folder: String { home.path }
  private let service: VhostUserService

  init() throws {
    home = try TemporaryFolder()
    service = try VhostUserService()
  }

  private func becomesTrue(seconds: UInt64 = 20, _ condition: () -> Bool) -> Bool {
    MonotonicClock.wait(atMostNanoseconds: seconds * 1_000_000_000, until: condition)
  }

  /// Two ports whose frames go round through `testpmd`.
  private func start(_ mode: VhostUserSettings.Mode, options: String) throws -> ChildProcess {
    // Whoever of the two does not listen connects; DPDK gives up when nobody is there.
    let server = mode == .client ? ",server=1" : ""
    let devices = (0...1).map {
      "--vdev=net_virtio_user\($0),path=\(folder)/p\($0),queues=1,mac=02:00:00:00:01:0\($0)\(server)\(options)"
    }
    var command = ChildProcess.Command(
      [
        "dpdk-testpmd", "--lcores=0@(0,1),1@(0,1)", "--no-pci", "--no-huge", "-m", "256",
        "--no-telemetry", "--file-prefix=\(folder.suffix(6))",
      ] + devices + [
        "--", "--no-lsc-interrupt", "--forward-mode=io", "--stats-period=1", "--tx-first",
        "--total-num-mbufs=8192",
      ])
    command.output = .file("\(folder)/testpmd.log")
    command.errors = .append("\(folder)/testpmd.log")
    command.diesWithParent = true
    return try ChildProcess(command)
  }

  private var log: String {
    String(
      decoding: ((try? readFile("\(folder)/testpmd.log", limitBytes: 1 << 20)) ?? []).prefix(3_000),
      as: UTF8.self)
  }

  @Test(
    "frames go round, and the ports survive the end and the return of the guests",
    arguments: VhostUserSettings.Mode.allCases, ["", ",mrg_rxbuf=0,in_order=0"])
  func goesRound(mode: VhostUserSettings.Mode, options: String) throws {
    let ports = try (0...1).map {
      try service.open(VhostUserSettings(name: "p\($0)", path: "\(folder)/p\($0)", mode: mode))
    }
    let network = try TestSwitch(ports)
    defer { network.stop() }
    for round in 1...2 {
      var guests = try start(mode, options: options)
      defer { _ = guests.terminate() }
      try #require(
        becomesTrue {
          ports.allSatisfy { $0.state.receiveQueues == 1 && $0.state.transmitQueues == 1 }
        },
        "\(ports.map(\.state)) \(log)")
      let before = network.movedCount
      try #require(becomesTrue { network.movedCount > before + 20_000 }, "round \(round): \(log)")
      guests.send(.kill)
      #expect(becomesTrue { ports.allSatisfy { !$0.isLinkUp && !$0.state.isConnected } })
      // What was killed leaves its sockets behind, and does not take them over.
      if mode == .client { for port in ports { try removeFile(port.settings.path) } }
    }
    #expect(ports.allSatisfy { $0.state.connections >= 2 && $0.state.cutOffs == 0 })
  }
}
