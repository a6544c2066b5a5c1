// A device's life under AF_XDP: opened, down, without a carrier, deleted, left behind; and what it
// refuses.

import Attachments
import Base
import FrameMemory
import Glibc
import Linux
import Rig
import Testing
import Wire
import XDP

@Suite(
  "AF_XDP device", .enabled(if: canMakeDevices, needsDevices),
  .enabled(if: hasXDPSockets, needsXDPSockets), .serialized)
struct LifeTests {
  private let space: TestNamespace
  private let memory: XDPMemory
  private let network = TestSwitch()

  init() throws {
    space = try TestNamespace()
    try space.pair("a")
    memory = try XDPMemory()
  }

  private func open(_ name: String = "a", _ modes: Set<XDPMode> = Set(XDPMode.allCases)) throws
    -> XDPAttachment
  {
    var options = XDPDevice.Options()
    options.modes = modes
    options.losesTags = modes == [.generic]
    let attachment = XDPAttachment(
      try XDPDevice(name, namespace: space.handle, memory: memory, options: options))
    #expect(attachment.prepareToSleep())
    return attachment
  }

  private func far(_ name: String = "a") throws -> PacketAttachment {
    PacketAttachment(try PacketSocket(device: name + "p", namespace: space.handle))
  }

  private func expectFailures(_ count: Int, _ reason: DropReason) {
    let failures = network.takeFailures()
    #expect(failures.count == count)
    #expect(failures.allSatisfy { $0 == reason })
  }

  private func link(_ name: String = "a") throws -> String {
    try space.run("ip -d -o link show dev \(name)")
  }

  @Test("the best mode is taken, and why it is not a better one is said")
  func modes() throws {
    do {
      let best = try open()
      #expect(best.mode == .copy && best.reason.hasPrefix("the driver veth has no zero-copy ("))
      #expect(try link().contains("prog/xdp ") && link().contains("promiscuity 1"))
    }
    #expect(try becomesTrue { try !link().contains("prog/xdp") })
    do {
      let generic = try open("a", [.generic])
      #expect(generic.mode == .generic && generic.reason == "")
      #expect(try link().contains("xdpgeneric"))
    }
    let failure = #expect(throws: Failure.self) { _ = try open("a", [.zeroCopy]) }
    #expect(failure?.why.hasPrefix("the driver veth has no zero-copy (") == true)
  }

  @Test("what it leaves when it closes: nothing, and the device opens again")
  func closes() throws {
    for round in 0..<3 {
      do {
        let (a, far) = (try open(), try far())
        let frames = TestFrame.some(100, seed: UInt64(round))
        network.send(frames, by: far)
        #expect(network.collect(a, atLeast: 100) == frames)
        network.send(frames, by: a)
      }
      #expect(try becomesTrue { try !link().contains("xdp") && link().contains("promiscuity 0") })
    }
    // The cells of those that closed come back after a while.
    let last = try open()
    let isBack = becomesTrue {
      _ = last.prepareToSleep()
      return memory.freeCount == memory.limits.cellCount - memory.limits.ringEntries
    }
    #expect(isBack)
  }

  @Test("what a killed process leaves: nothing, and the device opens again")
  func killed() async throws {
    let name = space.name
    await #expect(processExitsWith: .signal(SIGKILL)) { [name = name as String] in
      let memory = try XDPMemory()
      let a = XDPAttachment(
        try XDPDevice("a", namespace: try NetworkNamespace.open(named: name), memory: memory))
      _ = a.prepareToSleep()
      kill(getpid(), SIGKILL)
    }
    #expect(try becomesTrue { try !link().contains("xdp") })
    let (a, far) = (try open(), try far())
    let frames = TestFrame.some(10)
    network.send(frames, by: far)
    #expect(network.collect(a, atLeast: 10) == frames)
  }

  @Test("a device that another program uses is refused, and says by whom")
  func refusesTaken() throws {
    let first = try open()
    let taken = #expect(throws: Failure.self) { _ = try open() }
    #expect(taken?.why == "it has an XDP program already (martlet_xsk)")
    withExtendedLifetime(first) {}
  }

  @Test("what cannot be: no such device, an MTU beyond a cell, too many queues")
  func refuses() throws {
    #expect(throws: Failure.self) { _ = try open("nowhere") }
    try space.run("ip link set dev a mtu 3000")
    let large = #expect(throws: Failure.self) { _ = try open() }
    #expect(large?.why.contains("a frame has 3018 bytes, and a cell holds 1792") == true)
    var limits = XDPMemory.Limits()
    limits.cellBytes = 4_096
    let jumbo = try XDPMemory(limits: limits)
    let device = try XDPDevice("a", namespace: space.handle, memory: jumbo)
    #expect(device.mode == .copy)
    try space.pair("q", queues: 2)
    limits.queues = 1
    let small = try XDPMemory(limits: limits)
    let many = #expect(throws: Failure.self) {
      _ = try XDPDevice("q", namespace: space.handle, memory: small)
    }
    #expect(many?.why == "it has 2 queues, and 1 can be open in all")
  }

  @Test("every queue of a device is served")
  func queues() throws {
    try space.pair("q", queues: 2)
    let (q, far) = (try open("q"), try far("q"))
    // A packet socket sends by the queue of the CPU it runs on, so both are used in time.
    try space.run(
      """
      ip address add 10.1.2.1/24 dev qp
      ip neighbor add 10.1.2.2 lladdr 02:00:00:00:00:02 dev qp
      """)
    for cpu in 0...1 {
      try space.run("for i in 1 2 3; do taskset -c \(cpu) ping -c1 -W0.01 10.1.2.2 || true; done")
    }
    #expect(network.collect(q, atLeast: 6).filter { $0.bytes.count == 98 }.count >= 6)
    let frames = TestFrame.some(50)
    network.send(frames, by: q)
    #expect(network.collect(far, atLeast: 50) == frames)
  }

  @Test("a device that is down refuses, sends nothing late, and works again when it is up")
  func down() throws {
    let (a, far) = (try open(), try far())
    try space.run("ip link set dev a down")
    network.send(TestFrame.some(100, seed: 1), by: a)
    expectFailures(100, .portDown)
    // More than the ring holds.
    for _ in 0..<50 { network.send(TestFrame.some(64, seed: 2), by: a) }
    expectFailures(3_200, .portDown)
    #expect(a.receive(into: &network.batch, port: PortIndex(0), limit: 1) == .idle)
    try space.run("ip link set dev a up")
    let frames = TestFrame.some(100, seed: 3)
    network.send(frames, by: a)
    #expect(network.takeFailures() == [])
    #expect(network.collect(far, atLeast: 100) == frames)
    // The other end takes a moment until it believes in its carrier.
    #expect(try becomesTrue { try link("ap").contains("state UP") })
    network.send(frames, by: far)
    #expect(network.collect(a, atLeast: 100) == frames)
  }

  @Test("a lost carrier shows at once, frame by frame")
  func carrier() throws {
    let a = try open()
    try space.run("ip link set dev ap down")
    network.send(TestFrame.some(100), by: a)
    expectFailures(100, .attachmentFull)
    try space.run("ip link set dev ap up")
    let far = try far()
    let frames = TestFrame.some(10)
    network.send(frames, by: a)
    #expect(network.takeFailures() == [] && network.collect(far, atLeast: 10) == frames)
  }

  @Test("a deleted device is gone, whoever asks", arguments: [true, false])
  func deleted(isReceiver: Bool) throws {
    let a = try open()
    var poller = try Poller()
    try poller.add(a.descriptor, token: 1)
    #expect(poller.wait(timeoutNanoseconds: 0) == 0)
    try space.run("ip link delete dev a")
    #expect(poller.wait(timeoutNanoseconds: 5_000_000_000) == 1)
    if isReceiver {
      #expect(a.receive(into: &network.batch, port: PortIndex(0), limit: 1) == .gone)
    } else {
      network.send(TestFrame.some(3), by: a)
      #expect(network.isGone && network.takeFailures() == [.portDown, .portDown, .portDown])
    }
    // Others go on.
    try space.pair("b")
    let (b, far) = (try open("b"), try far("b"))
    let frames = TestFrame.some(10)
    network.send(frames, by: far)
    #expect(network.collect(b, atLeast: 10) == frames)
  }

  @Test("its descriptor is readable as long as frames wait")
  func wakes() throws {
    let (a, far) = (try open(), try far())
    var poller = try Poller()
    try poller.add(a.descriptor, token: 1)
    #expect(poller.wait(timeoutNanoseconds: 0) == 0)
    network.send(TestFrame.some(3), by: far)
    #expect(poller.wait(timeoutNanoseconds: 5_000_000_000) == 1)
    #expect(becomesTrue { !a.prepareToSleep() })
    #expect(network.collect(a, atLeast: 3).count == 3)
    #expect(a.prepareToSleep() && poller.wait(timeoutNanoseconds: 0) == 0)
  }

  @Test("what comes too fast is dropped by the kernel and counted; nothing is lost unseen")
  func overflows() throws {
    let (a, far) = (try open(), try far())
    let sent = 3 * memory.limits.ringEntries
    var got = 0
    network.send(TestFrame.some(sent, byteCount: 64), by: far)
    let isConserved = becomesTrue {
      got += network.collect(a).count
      let inDevice = Int((try? space.run("cat /sys/class/net/a/statistics/rx_dropped")) ?? "") ?? 0
      return got + Int(a.kernelDrops) + inDevice >= sent
    }
    #expect(isConserved && a.kernelDrops > 0 && got >= memory.limits.ringEntries)
  }

  @Test("a frame larger than the device takes is marked; those around it leave")
  func oversize() throws {
    let (a, far) = (try open(), try far())
    var frames = TestFrame.some(5)
    frames[2] = TestFrame.some(1, byteCount: 1_515)[0]
    network.send(frames, by: a)
    #expect(network.takeFailures() == [.oversize])
    #expect(network.collect(far, atLeast: 4) == [0, 1, 3, 4].map { frames[$0] })
    try space.run("ip link set dev a mtu 1600; ip link set dev ap mtu 1600")
    #expect(a.kernelDrops == 0)
    network.send(frames, by: a)
    #expect(network.takeFailures() == [] && network.collect(far, atLeast: 5) == frames)
  }

  @Test("the written sum of the memory")
  func sums() {
    let limits = XDPMemory.Limits()
    #expect(limits.cellBytes * limits.cellCount == 32 << 20)
    #expect(
      XDPMemory.memoryBytes(queues: 2) == 16_384 * (2_048 + 6) + 2 * (16_384 + 2_048 * 48))
  }
}
