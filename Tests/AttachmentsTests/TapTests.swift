// A TAP's life: made, adopted, shut, deleted; and what the frames in it meet on the way.

import Attachments
import Base
import FrameMemory
import Linux
import Rig
import Testing

@Suite("TAP", .enabled(if: canMakeDevices, needsDevices), .serialized) struct TapTests {
  private let space: TestNamespace

  init() throws { space = try TestNamespace() }

  private func far() throws -> PacketAttachment {
    PacketAttachment(try PacketSocket(device: "tap0", namespace: space.handle))
  }

  /// Puts plain frames with payloads of these sizes into the device.
  private func inject(_ payloads: [Int], _ far: PacketAttachment) {
    let memory = MemoryAttachment(capacity: payloads.count)
    for (index, count) in payloads.enumerated() {
      let frame = FrameShape().frame(
        identity: UInt16(index), payload: [UInt8](repeating: UInt8(index), count: count))
      memory.inject(frame.bytes)
    }
    var transfer = Transfer()
    transfer.move(from: memory, to: far)
    #expect(transfer.failures == [])
  }

  private func openedTap(isPersistent: Bool = false) throws -> TapAttachment {
    let tap = TapAttachment(
      try TapDevice.open(name: "tap0", namespace: space.handle, isPersistent: isPersistent))
    try space.run("ip link set tap0 up")
    return tap
  }

  private func exists() throws -> Bool {
    try space.run("ip -o link show").contains("tap0")
  }

  @Test("it takes every offload that this kernel has, and goes with its descriptor")
  func opens() throws {
    do {
      let device = try TapDevice.open(name: "tap0", namespace: space.handle)
      #expect(device.name == "tap0")
      #expect(device.receivedOffloads.isSuperset(of: [.checksum, .tcp4, .tcp6]))
      #expect(try exists())
    }
    #expect(try becomesTrue { try !exists() })
  }

  @Test("a persistent device stays, and is the same one when opened again")
  func persists() throws {
    let address = "ip -o link show tap0 | sed 's/.*ether \\(\\S*\\).*/\\1/'"
    _ = try TapDevice.open(name: "tap0", namespace: space.handle, isPersistent: true)
    let before = try space.run(address)
    let isReopened = try becomesTrue {
      do {
        let device = try TapDevice.open(name: "tap0", namespace: space.handle, isPersistent: true)
        #expect(try space.run(address) == before)
        try device.setPersistent(false)
        return true
      } catch let failure as Failure where failure.why == "another process is attached to it" {
        return false
      }
    }
    #expect(isReopened)
    #expect(try becomesTrue { try !exists() })
  }

  @Test("an adopted descriptor: the guest sees no change of its link, and no frame is lost")
  func adopts() throws {
    let changes = "cat /sys/class/net/tap0/carrier_changes /sys/class/net/tap0/carrier"
    let device = try TapDevice.open(name: "tap0", namespace: space.handle)
    try space.run("ip link set tap0 up")
    let before = try space.run(changes)
    let kept = try device.descriptor.duplicate()
    let far = try far()
    _ = consume device
    inject([10, 20], far)
    let tap = TapAttachment(try TapDevice(adopting: kept), label: "web1:eth0")
    #expect(tap.name == "tap web1:eth0")
    #expect(try space.run(changes) == before)
    var transfer = Transfer()
    let memory = MemoryAttachment()
    #expect(transfer.move(from: tap, to: memory) == .frames(2))
    #expect(transfer.move(from: memory, to: tap) == .idle)
  }

  @Test("a descriptor that is no TAP is refused")
  func refusesForeign() throws {
    let socket = try PacketSocket(device: "lo", namespace: space.handle)
    let failure = #expect(throws: Failure.self) {
      _ = try TapDevice(adopting: try socket.descriptor.duplicate())
    }
    #expect(failure?.why.contains("no TAP") == true)
  }

  @Test("names that cannot be had say why")
  func refusesNames() throws {
    let first = try TapDevice.open(name: "tap0", namespace: space.handle)
    let busy = #expect(throws: Failure.self) {
      _ = try TapDevice.open(name: "tap0", namespace: space.handle)
    }
    #expect(busy?.why == "another process is attached to it")
    let long = #expect(throws: Failure.self) {
      _ = try TapDevice.open(name: "a-name-of-sixteen", namespace: space.handle)
    }
    #expect(long?.why == "a device name has at most 15 characters")
    try space.run("ip link add veth0 type veth peer name veth1")
    let taken = #expect(throws: Failure.self) {
      _ = try TapDevice.open(name: "veth0", namespace: space.handle)
    }
    #expect(taken?.why == "a device of that name exists and is no TAP of this kind")
    #expect(taken?.remedy.contains("ip link delete veth0") == true)
    _ = consume first
  }

  @Test("several queues: attached to more than once")
  func multiQueue() throws {
    let first = try TapDevice.open(
      name: "tap0", namespace: space.handle, isMultiQueue: true)
    let second = try TapDevice.open(
      name: "tap0", namespace: space.handle, isMultiQueue: true)
    #expect(first.descriptor.number != second.descriptor.number)
    #expect(first.name == second.name)
  }

  @Test("no more frames than asked for, then the rest, then none")
  func limits() throws {
    let tap = try openedTap()
    inject([1, 2, 3, 4, 5], try far())
    var batch = FrameBatch(capacity: 8)
    #expect(tap.receive(into: &batch, port: PortIndex(3), limit: 3) == .frames(3))
    #expect(tap.receive(into: &batch, port: PortIndex(3), limit: 8) == .frames(2))
    #expect(tap.receive(into: &batch, port: PortIndex(3), limit: 8) == .idle)
    #expect((0..<5).map { Int(batch[$0].byteCount) } == [55, 56, 57, 58, 59])
    #expect(batch[4].ingress == PortIndex(3))
    batch.removeAll()
    #expect(tap.receive(into: &batch, port: PortIndex(3), limit: 0) == .idle)
  }

  @Test("a frame larger than a slot is counted, and the next one arrives")
  func oversize() throws {
    let tap = try openedTap()
    inject([1400, 1, 1400], try far())
    var batch = FrameBatch(capacity: 8, frameCapacityBytes: 512)
    #expect(tap.receive(into: &batch, port: PortIndex(0), limit: 8) == .frames(1))
    #expect(batch[0].byteCount == 55)
    #expect(tap.receiveDrops.oversize == 2)
  }

  @Test("a device that is down refuses; it takes frames when it is up again")
  func down() throws {
    let tap = try openedTap()
    let frame = FrameShape().frame(identity: 1, payload: [1])
    let memory = MemoryAttachment()
    var transfer = Transfer()
    try space.run("ip link set tap0 down")
    memory.inject(frame.bytes)
    transfer.move(from: memory, to: tap)
    #expect(transfer.lastTransmit == TransmitResult(failures: 1))
    #expect(transfer.failures == [.portDown])
    #expect(transfer.move(from: tap, to: memory) == .idle)
    try space.run("ip link set tap0 up")
    memory.inject(frame.bytes)
    transfer.move(from: memory, to: tap)
    #expect(transfer.lastTransmit == TransmitResult())
  }

  @Test("metadata that the kernel does not take is acted on here")
  func repeatsInSoftware() throws {
    let tap = try openedTap()
    let far = try far()
    let memory = MemoryAttachment()
    var transfer = Transfer()
    memory.inject(WireFrame.shortChecksum.bytes, offload: WireFrame.shortChecksum.offload)
    transfer.move(from: memory, to: tap)
    #expect(transfer.failures == [])
    #expect(tap.offloadCounters.checksumDone + tap.offloadCounters.checksumPassed == 1)
    #expect(transfer.move(from: far, to: memory) == .frames(1))
    let arrived = memory.takeAllSent().map(SlowModel.completed)
    #expect(arrived == [SlowModel.completed(.shortChecksum)])
  }

  @Test("a deleted device is gone, in both directions, without a word more to the kernel")
  func deleted() throws {
    let tap = try openedTap(isPersistent: true)
    try space.run("ip link delete tap0")
    let memory = MemoryAttachment()
    var transfer = Transfer()
    #expect(transfer.move(from: tap, to: memory) == .gone)
    for index in 0..<3 {
      memory.inject(FrameShape().frame(identity: UInt16(index), payload: [1]).bytes)
    }
    transfer.move(from: memory, to: tap)
    #expect(transfer.lastTransmit == TransmitResult(failures: 3, isGone: true))
    #expect(transfer.failures == [.portDown, .portDown, .portDown])
  }
}
