// A packet socket's life, and the errors that only devices make.

import Attachments
import Base
import FrameMemory
import Linux
import Rig
import Testing
import Wire

@Suite("packet socket", .enabled(if: canMakeDevices, needsDevices), .serialized)
struct PacketTests {
  private let space: TestNamespace

  init() throws {
    space = try TestNamespace()
    try space.run(
      """
      ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up
      ip link add w0 type veth peer name w1; ip link set w0 up; ip link set w1 up
      """)
  }

  private func attach(_ device: String, _ change: (inout PacketSocket.Options) -> Void = { _ in })
    throws -> PacketAttachment
  {
    var options = PacketSocket.Options()
    change(&options)
    return PacketAttachment(
      try PacketSocket(device: device, namespace: space.handle, options: options))
  }

  private func send(_ frames: [WireFrame], to attachment: PacketAttachment) -> Transfer {
    let memory = MemoryAttachment(capacity: 64)
    for frame in frames { memory.inject(frame.bytes, offload: frame.offload) }
    var transfer = Transfer()
    transfer.move(from: memory, to: attachment)
    return transfer
  }

  private func plain(_ count: Int, payloadBytes: Int = 100) -> [WireFrame] {
    (0..<count).map {
      FrameShape().frame(
        identity: UInt16($0), payload: [UInt8](repeating: UInt8($0), count: payloadBytes))
    }
  }

  private func collect(_ attachment: PacketAttachment) -> [WireFrame] {
    let memory = MemoryAttachment()
    var transfer = Transfer()
    while case .frames = transfer.move(from: attachment, to: memory) {}
    return memory.takeAllSent()
  }

  @Test("it hears its own device's frames, not what it sent, and not other devices")
  func hears() throws {
    let (v0, v1, w0) = (try attach("v0"), try attach("v1"), try attach("w0"))
    let second = try attach("v0")
    let frames = plain(5)
    #expect(send(frames, to: v0).failures == [])
    #expect(collect(v1) == frames)
    #expect(collect(v0) == [] && collect(w0) == [])
    // What others send through the device goes out; only what comes in is heard.
    #expect(collect(second) == [])
    #expect(v1.name == "packet v1")
  }

  @Test(
    "large frames go beside the ring; all stay in order, and keep their bytes",
    arguments: [0, 2_048])
  func keepsOrderBesideTheRing(ringFrames: Int) throws {
    let v0 = try attach("v0")
    let v1 = try attach("v1") { $0.ringFrames = ringFrames }
    let large = FrameShape(work: .segmented)
    for round in 0..<3 {
      let frames = (0..<40).map { number in
        number % 3 == round
          ? large.frame(
            identity: UInt16(number), payload: (0..<20_000).map { UInt8(truncatingIfNeeded: $0) })
          : plain(40)[number]
      }
      #expect(send(frames, to: v0).failures == [])
      #expect(collect(v1).map(SlowModel.finished) == frames.map(SlowModel.finished))
    }
    #expect(v1.offloadCounters.segmentationReceived == 40)
  }

  @Test("nothing is written before a frame in lent memory", arguments: [true, false])
  func leavesLentMemoryAlone(isTap: Bool) throws {
    let far = try attach("v1")
    var near: any Attachments.Attachment = try attach("v0")
    if isTap { near = TapAttachment(try TapDevice.open(name: "tap0", namespace: space.handle)) }
    if isTap { try space.run("ip link set tap0 up") }
    let heard = isTap ? try attach("tap0") : far
    let frame = plain(1)[0]
    var batch = FrameBatch(capacity: 2)
    var deliveries = DeliveryList(capacity: 2, portCapacity: 1)
    // SAFETY: 64 bytes and the frame, freed when the batch is no longer used.
    let lent = UnsafeMutableRawPointer.allocate(byteCount: 64 + frame.bytes.count, alignment: 8)
    defer { unsafe lent.deallocate() }
    unsafe lent.initializeMemory(as: UInt8.self, repeating: 0xEE, count: 64)
    unsafe (lent + 64).copyMemory(from: frame.bytes, byteCount: frame.bytes.count)
    let length = UInt32(frame.bytes.count)
    unsafe batch.appendLent(
      Frame(offset: 64, byteCount: length, ingress: .none), at: lent, cellBytes: 64 + Int(length))
    deliveries.append(frame: 0, to: PortIndex(0), tag: .none)
    #expect(near.transmit(batch, &deliveries, port: PortIndex(0)) == TransmitResult())
    #expect(collect(heard) == [frame])
    let before = (0..<64).map { unsafe lent.load(fromByteOffset: $0, as: UInt8.self) }
    #expect(before == [UInt8](repeating: 0xEE, count: 64))
  }

  @Test("the ring goes round and round")
  func ringWraps() throws {
    let v0 = try attach("v0")
    let v1 = try attach("v1") { $0.ringFrames = 64 }
    for round in 0..<20 {
      let frames = Array(plain(64, payloadBytes: 60 + round)[..<(30 + round)])
      #expect(send(frames, to: v0).failures == [])
      #expect(collect(v1) == frames, "round \(round)")
    }
    #expect(v1.kernelDrops == 0)
  }

  @Test("a large frame for which the socket has no room is the kernel's drop, not a short frame")
  func cutFrames() throws {
    let v0 = try attach("v0")
    let v1 = try attach("v1") { $0.receiveBufferBytes = 16_384 }
    let frames = (0..<4).map {
      FrameShape(work: .segmented).frame(
        identity: $0, payload: [UInt8](repeating: UInt8($0), count: 30_000))
    }
    #expect(send(frames + plain(1), to: v0).failures == [])
    let arrived = collect(v1)
    #expect(arrived.count < 5 && arrived.last == plain(1)[0])
    #expect(arrived.dropLast().allSatisfy { $0.bytes.count > 30_000 })
    #expect(v1.kernelDrops == UInt64(5 - arrived.count))
  }

  @Test("before it sleeps, a port says whether frames wait", arguments: [32, 2_048])
  func preparesToSleep(ringFrames: Int) throws {
    let v0 = try attach("v0")
    let v1 = try attach("v1") { $0.ringFrames = ringFrames }
    var poller = try Poller(capacity: 1)
    try poller.add(v1.descriptor, token: 7)
    for _ in 0..<3 {
      #expect(v1.prepareToSleep())
      #expect(poller.wait(timeoutNanoseconds: 0) == 0)
      #expect(send(plain(2), to: v0).failures == [])
      #expect(poller.wait(timeoutNanoseconds: 1_000_000_000) == 1)
      #expect(!v1.prepareToSleep())
      #expect(collect(v1).count == 2)
    }
    try space.run("ip link delete v0")
    #expect(poller.wait(timeoutNanoseconds: 1_000_000_000) == 1)
    var batch = FrameBatch(capacity: 2)
    #expect(v1.prepareToSleep())
    #expect(v1.receive(into: &batch, port: PortIndex(0), limit: 2) == .gone)
  }

  @Test("more frames than one call moves")
  func batches() throws {
    let (v0, v1) = (try attach("v0"), try attach("v1"))
    var batch = FrameBatch(capacity: 200, frameCapacityBytes: 2_048)
    var deliveries = DeliveryList(capacity: 200, portCapacity: 1)
    for (index, frame) in plain(200).enumerated() {
      // SAFETY: octets; the span is used only during the call.
      unsafe batch.append(copying: frame.bytes.span.bytes, ingress: PortIndex(0))
      deliveries.append(frame: UInt16(index), to: PortIndex(0), tag: .none)
    }
    #expect(v0.transmit(batch, &deliveries, port: PortIndex(0)) == TransmitResult())
    batch.removeAll()
    #expect(v1.receive(into: &batch, port: PortIndex(0), limit: 150) == .frames(150))
    #expect(v1.receive(into: &batch, port: PortIndex(0), limit: 150) == .frames(50))
    #expect(batch.count == 200)
  }

  @Test("promiscuous when asked for, for as long as it lives")
  func promiscuous() throws {
    func count() throws -> String {
      try space.run("ip -d -o link show v0 | grep -o 'promiscuity .'")
    }
    do {
      let quiet = try attach("v0") { $0.isPromiscuous = false }
      #expect(try count() == "promiscuity 0\n")
      let loud = try attach("v0")
      #expect(try count() == "promiscuity 1\n")
      withExtendedLifetime((quiet, loud)) {}
    }
    #expect(try becomesTrue { try count() == "promiscuity 0\n" })
  }

  @Test("a frame too large for the device is marked; those before and after it are sent")
  func oversize() throws {
    let (v0, v1) = (try attach("v0"), try attach("v1"))
    var frames = plain(6)
    frames[2] = plain(1, payloadBytes: 3_000)[0]
    frames[5] = frames[2]
    let transfer = send(frames, to: v0)
    #expect(transfer.failures == [.oversize, .oversize])
    #expect(transfer.lastTransmit == TransmitResult(failures: 2))
    #expect(collect(v1) == [0, 1, 3, 4].map { frames[$0] })
  }

  @Test("a frame larger than a slot is counted; the next ones keep their bytes")
  func cutsNothing() throws {
    let (v0, v1) = (try attach("v0"), try attach("v1"))
    var frames = plain(5)
    frames[1] = plain(1, payloadBytes: 1_400)[0]
    frames[3] = frames[1]
    #expect(send(frames, to: v0).failures == [])
    let memory = MemoryAttachment()
    var transfer = Transfer()
    transfer.batch = FrameBatch(capacity: 8, frameCapacityBytes: 512)
    #expect(transfer.move(from: v1, to: memory) == .frames(3))
    #expect(memory.takeAllSent() == [0, 2, 4].map { frames[$0] })
    #expect(v1.receiveDrops.oversize == 2)
  }

  @Test("a service tag is put back into the bytes, a customer tag stays beside the frame")
  func serviceTags() throws {
    let (v0, v1) = (try attach("v0"), try attach("v1"))
    for work in FrameShape.Work.allCases {
      let frame = FrameShape(vlan: 7, work: work).frame(
        identity: 1, payload: [UInt8](repeating: 9, count: work == .segmented ? 20_000 : 500))
      for type in [[0x88, 0xA8], [0x81, 0x00]] as [[UInt8]] {
        var doubled = frame
        doubled.bytes.insert(contentsOf: type + [0, 99], at: 12)
        if work != .plain { doubled.offload.checksumStart += 4 }
        #expect(send([doubled], to: v0).failures == [])
        var batch = FrameBatch(capacity: 2)
        #expect(v1.receive(into: &batch, port: PortIndex(0), limit: 2) == .frames(1))
        let isCustomer = type[0] == 0x81
        #expect(batch[0].tag == (isCustomer ? VLANTag(vlan: 99) : .none))
        // SAFETY: the array copies the bytes while the buffer is valid.
        let bytes = unsafe batch.bytes(of: 0).withUnsafeBytes { unsafe [UInt8]($0) }
        let expected =
          isCustomer ? doubled.bytes[..<12] + doubled.bytes[16...] : doubled.bytes[...]
        let arrived = WireFrame(bytes: bytes, offload: batch[0].offload)
        var sent = doubled
        sent.bytes = Array(expected)
        if isCustomer && work != .plain { sent.offload.checksumStart -= 4 }
        #expect(SlowModel.finished(arrived) == SlowModel.finished(sent), "\(work) \(type)")
      }
    }
    #expect(v1.receiveDrops == ReceiveDrops())
  }

  @Test("a device that is down refuses, and works again when it is up")
  func down() throws {
    let (v0, v1) = (try attach("v0"), try attach("v1"))
    try space.run("ip link set v0 down")
    let transfer = send(plain(3), to: v0)
    #expect(transfer.lastTransmit == TransmitResult(failures: 3))
    #expect(transfer.failures == [.portDown, .portDown, .portDown])
    #expect(collect(v0) == [])
    try space.run("ip link set v0 up")
    #expect(send(plain(3), to: v0).failures == [])
    #expect(collect(v1).count == 3)
    #expect(send(plain(3), to: v1).failures == [])
    #expect(collect(v0).count == 3)
  }

  @Test("a cut frame of which no segment is taken counts once")
  func countsCutFramesOnce() throws {
    let v0 = try attach("v0")
    var frame = FrameShape(isTCP: false, work: .segmented).frame(
      identity: 3, payload: [UInt8](repeating: 0xAA, count: 10_000))
    frame.offload.flags = 0
    frame.bytes.replaceSubrange(40..<42, with: [0, 0])
    try space.run("ip link set v0 down")
    let transfer = send([frame, plain(1)[0]], to: v0)
    #expect(transfer.failures == [.portDown, .portDown])
    #expect(transfer.lastTransmit.failures == 2)
    #expect(v0.offloadCounters.segmentationDone == 0)
  }

  @Test("metadata that the kernel does not take is acted on here, in order with the rest")
  func repeatsInSoftware() throws {
    let (v0, v1) = (try attach("v0"), try attach("v1"))
    let frames = [plain(2)[0], WireFrame.shortChecksum, plain(2)[1]]
    #expect(send(frames, to: v0).failures == [])
    #expect(collect(v1).map(SlowModel.completed) == frames.map(SlowModel.completed))
    #expect(v0.offloadCounters.checksumDone + v0.offloadCounters.checksumPassed == 1)
  }

  @Test("past the queueing discipline, a lost carrier shows at once")
  func carrier() throws {
    let v0 = try attach("v0") { $0.bypassesQueueing = true }
    try space.run("ip link set v1 down")
    let transfer = send(plain(2), to: v0)
    #expect(transfer.failures == [.attachmentFull, .attachmentFull])
    #expect(transfer.lastTransmit == TransmitResult(failures: 2))
  }

  @Test("a deleted device is gone, in both directions")
  func deleted() throws {
    let v0 = try attach("v0")
    try space.run("ip link delete v0")
    let transfer = send(plain(3), to: v0)
    #expect(transfer.lastTransmit == TransmitResult(failures: 3, isGone: true))
    var batch = FrameBatch(capacity: 2)
    #expect(v0.receive(into: &batch, port: PortIndex(0), limit: 2) == .gone)
  }

  @Test("a device that goes down first and is deleted then is gone too")
  func downThenDeleted() throws {
    let v0 = try attach("v0")
    var batch = FrameBatch(capacity: 2)
    try space.run("ip link set v0 down")
    #expect(v0.receive(into: &batch, port: PortIndex(0), limit: 2) == .idle)
    #expect(v0.receive(into: &batch, port: PortIndex(0), limit: 2) == .idle)
    try space.run("ip link delete v0")
    #expect(v0.receive(into: &batch, port: PortIndex(0), limit: 2) == .gone)
  }

  @Test("a device that went to another namespace is gone")
  func moved() throws {
    let v0 = try attach("v0")
    let other = try TestNamespace()
    try space.run("ip link set v0 netns \(other.name)")
    var batch = FrameBatch(capacity: 2)
    #expect(v0.receive(into: &batch, port: PortIndex(0), limit: 2) == .gone)
  }

  @Test(
    "frames that the kernel dropped are counted, none is counted twice", arguments: [0, 32, 64])
  func kernelDrops(ringFrames: Int) throws {
    let v0 = try attach("v0")
    let v1 = try attach("v1") {
      $0.receiveBufferBytes = 16_384
      $0.ringFrames = ringFrames
    }
    for _ in 0..<4 { #expect(send(plain(60, payloadBytes: 1_000), to: v0).failures == []) }
    let received = collect(v1).count
    #expect(ringFrames == 0 ? received > 0 && received < 240 : received == ringFrames)
    #expect(v1.kernelDrops == UInt64(240 - received))
    #expect(v1.kernelDrops == UInt64(240 - received))
    // The ring goes on where it was.
    #expect(send(plain(5), to: v0).failures == [])
    #expect(collect(v1) == plain(5))
  }

  @Test("no such device: an error that says where to look")
  func missing() {
    let failure = #expect(throws: Failure.self) { try attach("nic9") }
    #expect(failure?.why == "No such device")
    #expect(failure?.remedy.contains("ip link") == true)
  }
}
