// Messages of a front end: what each changes, and each rule that one can break.

import Attachments
internal import CLinux
import FrameMemory
import Glibc
import Linux
import Testing
import VhostUser

@Suite("vhost-user messages") struct MessageTests {
  private func expect(
    _ reason: CutOffReason, _ guest: FakeGuest, _ request: VhostRequest, _ payload: [UInt8] = [],
    _ descriptors: [Int32] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let broken = #expect(throws: CutOffReason.self, sourceLocation: sourceLocation) {
      try guest.request(request, payload, descriptors)
    }
    #expect(broken == reason, sourceLocation: sourceLocation)
  }

  private func words(_ values: UInt32...) -> [UInt8] { PayloadWriter.words32(values) }
  private func longs(_ values: UInt64...) -> [UInt8] { PayloadWriter.words64(values) }

  private func file(_ byteCount: UInt64 = 1 << 20) -> Int32 {
    // SAFETY: a C string for the call.
    unsafe clinux_memory_create("test", byteCount)
  }

  @Test("rules of rings and features")
  func ringRules() throws {
    let guest = try ConnectedGuest().guest
    expect(.badQueue, guest, .setRingSize, words(16, 64))
    expect(.badQueue, guest, .getRingBase, words(99, 0))
    expect(.badQueue, guest, .setRingKick, longs(16), [WakeupBell().passed()])
    expect(.badRingSize, guest, .setRingSize, words(2, 3))
    expect(.badRingSize, guest, .setRingSize, words(2, 0))
    expect(.badRingSize, guest, .setRingSize, words(2, 65_536))
    expect(.badRingSize, guest, .setRingSize, words(0, 128))
    expect(.badRingSize, guest, .setRingBase, words(2, 65_536))
    expect(.badFeatures, guest, .setFeatures, longs(1 << 34))
    expect(.badFeatures, guest, .setProtocolFeatures, longs(1 << 9))
    expect(.badLength, guest, .setRingAddress, words(0, 0))
    expect(.badLength, guest, .setMemoryTable, words(2, 0), [])
    expect(.badRingAddress, guest, .setRingAddress, words(0, 0) + longs(1, 2, 3, 0))
  }

  @Test("rules of descriptors")
  func descriptorRules() throws {
    let guest = try ConnectedGuest().guest
    expect(.badEvent, guest, .setRingKick, longs(0x100))
    expect(.badEvent, guest, .setRingKick, longs(2), [file()])
    expect(.badEvent, guest, .setRingCall, longs(2), [file()])
    expect(.badDescriptors, guest, .setRingCall, longs(2))
    expect(.badDescriptors, guest, .setRingCall, longs(0x102), [WakeupBell().passed()])
    expect(.badDescriptors, guest, .setOwner, [], [file()])
    expect(.badDescriptors, guest, .setMemoryTable, words(1, 0) + longs(0, 4_096, 0, 0))
  }

  @Test("rules of memory")
  func memoryRules() throws {
    let guest = try ConnectedGuest().guest
    func table(_ regions: [[UInt64]]) -> [UInt8] {
      words(UInt32(regions.count), 0) + PayloadWriter.words64(regions.flatMap { $0 })
    }
    let one: [UInt64] = [0, 4_096, 0, 0]
    expect(.badMemoryTable, guest, .setMemoryTable, table([[0, 0, 0, 0]]), [file()])
    expect(.badMemoryTable, guest, .setMemoryTable, table([[.max, 4_096, 0, 0]]), [file()])
    expect(.badMemoryTable, guest, .setMemoryTable, table([[0, 4_096, .max, 0]]), [file()])
    expect(.badMemoryTable, guest, .setMemoryTable, table([[0, 4_096, 0, .max]]), [file()])
    expect(.badMemoryTable, guest, .setMemoryTable, table([one, one]), [file(), file()])
    expect(
      .badMemoryTable, guest, .setMemoryTable, table([UInt64](0..<9).map { [$0 << 20, 1, $0, 0] }))
    expect(.memoryTooSmall, guest, .setMemoryTable, table([[0, 8_192, 0, 0]]), [file(4_096)])
    let disk = unsafe open("/proc/self/exe", O_RDONLY)
    expect(.foreignMemory, guest, .setMemoryTable, table([one]), [disk])
    expect(.foreignMemory, guest, .setMemoryTable, table([one]), [WakeupBell().passed()])
    let readOnly = file()
    // SAFETY: a C string for the call.
    let opened = unsafe open("/proc/self/fd/\(readOnly)", O_RDONLY)
    expect(.mappingFailed, guest, .setMemoryTable, table([one]), [opened])
    close(readOnly)
    expect(.badMemoryTable, guest, .removeMemory, longs(0, 1, 2, 3, 0))
  }

  @Test("a wrong header, a wrong length and an unknown request")
  func headers() throws {
    let guest = try ConnectedGuest().guest
    func send(_ request: UInt32, flags: UInt32, claimed: UInt32 = 0) throws -> [UInt8]? {
      try guest.exchange(
        VhostMessage(
          header: MessageHeader(request: request, flags: flags, payloadBytes: claimed), payload: []),
        [])
    }
    #expect(throws: CutOffReason.badHeader) { try send(1, flags: 2) }
    #expect(throws: CutOffReason.badHeader) { try send(1, flags: 5) }
    #expect(throws: CutOffReason.badLength) { try send(1, flags: 1, claimed: 8) }
    #expect(throws: CutOffReason.unknownRequest) { try send(24, flags: 1) }
    #expect(try send(24, flags: 9) == longs(1), "who asks is told")
    #expect(try guest.request(.setOwner, wantsReply: true) == longs(0))
  }

  @Test("what is offered and answered")
  func answers() throws {
    var settings = VhostUserSettings(name: "web1:eth0", path: "/nowhere")
    settings.limits.queuePairs = 3
    settings.offloads = [.checksum, .tcp4]
    let (_, session) = try VhostUserAttachment.unconnected(settings)
    let guest = FakeGuest(GuestShape(), FrontEnd.direct(session))
    #expect(try guest.request(.getQueueCount) == longs(3))
    #expect(try guest.request(.getMemorySlots) == longs(32))
    var reader = PayloadReader(try guest.request(.getFeatures) ?? [])
    let offered = VirtioFeatures(rawValue: reader.word64())
    #expect(offered.isSuperset(of: [.checksum, .hostTSO4, .guestTSO4, .version1, .multiQueue]))
    #expect(offered.isDisjoint(with: [.hostTSO6, .guestTSO6, .hostUSO]))
    #expect(offered.rawValue & 1 << 34 == 0, "packed rings are not offered")
  }

  @Test(
    "a stopped ring says how far it came, and goes on from there, also for who has forgotten it",
    arguments: [2, 0, 65_535])
  func stops(base: UInt16) throws {
    let from = try ConnectedGuest(GuestShape(startIndex: 65_535))
    let to = try ConnectedGuest()
    let relay = Relay()
    let frame = GuestFrame(header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](1...60))
    for _ in 0..<5 { to.guest.post([2_000]) }
    for _ in 0..<3 { from.guest.send(frame) }
    relay.move(from: from.attachment, to: to.attachment)
    #expect(try from.guest.request(.getRingBase, words(1, 0)) == words(1, 2))
    from.guest.send(frame)
    #expect(relay.move(from: from.attachment, to: to.attachment) == .idle)
    #expect(from.attachment.isLinkUp, "the other ring still runs")
    _ = from.guest.rings[1].takeUsed()
    try from.guest.start(1, base: base)
    #expect(relay.move(from: from.attachment, to: to.attachment) == .frames(1))
    #expect(to.guest.receive().count == 4)
    #expect(try to.guest.request(.getRingBase, words(0, 0)) == words(0, 4))
    from.guest.send(frame)
    relay.move(from: from.attachment, to: to.attachment)
    #expect(relay.failures == [.portDown])
  }

  @Test("a ring that is disabled rests; RESET_OWNER ends all of them")
  func disables() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest()
    let relay = Relay()
    let frame = GuestFrame(header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](1...60))
    to.guest.post([2_000])
    from.guest.send(frame)
    try from.guest.request(.setRingEnable, words(1, 0))
    #expect(relay.move(from: from.attachment, to: to.attachment) == .idle)
    try from.guest.request(.setRingEnable, words(1, 1))
    #expect(relay.move(from: from.attachment, to: to.attachment) == .frames(1))
    try from.guest.request(.resetOwner)
    #expect(!from.attachment.isLinkUp)
    from.guest.send(frame)
    #expect(relay.move(from: from.attachment, to: to.attachment) == .idle)
    from.guest.makeRings(index: 0)
    try from.guest.connect()
    from.guest.send(frame)
    to.guest.post([2_000])
    #expect(relay.move(from: from.attachment, to: to.attachment) == .frames(1))
  }

  @Test("memory that is added, removed and replaced while frames flow")
  func changesMemory() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest()
    let relay = Relay()
    let frame = GuestFrame(header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](1...60))
    let extra: [UInt64] = [0x9000_0000, 1 << 20, 0x7200_0000_0000, 0]
    func move() -> ReceiveResult {
      to.guest.post([2_000])
      from.guest.send(frame)
      return relay.move(from: from.attachment, to: to.attachment)
    }
    #expect(move() == .frames(1))
    try from.guest.request(.addMemory, longs(0) + PayloadWriter.words64(extra), [file()])
    #expect(move() == .frames(1))
    let piece = DriverRing.Piece(address: 0x9000_0000, count: 76)
    from.guest.rings[1].offer([piece], writable: false)
    #expect(relay.move(from: from.attachment, to: to.attachment) == .frames(1))
    try from.guest.request(.removeMemory, longs(0) + PayloadWriter.words64(extra))
    #expect(move() == .frames(1))
    try from.guest.shareMemory()
    #expect(move() == .frames(1))
    try from.guest.shareMemory(Array(FakeGuest.regions.reversed()))
    #expect(move() == .frames(1))
    from.guest.rings[1].offer([piece], writable: false)
    relay.move(from: from.attachment, to: to.attachment)
    #expect(from.attachment.cutOffReason == .addressOutsideMemory)
  }

  @Test("an announcement is made for a guest that moved here")
  func announces() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest()
    to.guest.post([2_000])
    try from.guest.request(.sendRARP, [0x02, 0, 0, 0, 0xAB, 0xCD, 0, 0])
    #expect(!from.attachment.prepareToSleep())
    #expect(Relay().move(from: from.attachment, to: to.attachment) == .frames(1))
    let bytes = to.guest.receive().first?.bytes ?? []
    #expect(bytes.count == 60)
    #expect(bytes.prefix(14) == [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0xAB, 0xCD, 0x80, 0x35])
    #expect(from.attachment.prepareToSleep())
  }

  @Test("dirty pages are noted while a guest moves")
  func logs() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest(GuestShape(features: [.version1, .protocolFeatures]))
    let log = GuestFile(byteCount: 1 << 16)
    let relay = Relay()
    let frame = GuestFrame(header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](1...60))
    func pages() -> [Int] {
      let bits = log.bytes(at: 0, count: log.byteCount)
      return bits.indices.flatMap { byte in
        (0..<8).filter { bits[byte] >> $0 & 1 != 0 }.map { byte * 8 + $0 }
      }
    }
    #expect(try to.guest.request(.setLogBase, longs(1 << 16, 0), [log.passed()]) == [])
    to.guest.post([2_000])
    from.guest.send(frame)
    relay.move(from: from.attachment, to: to.attachment)
    #expect(pages() == [], "not before it is asked for")
    let features: VirtioFeatures = [.version1, .protocolFeatures, .logAll]
    try to.guest.request(.setFeatures, longs(features.rawValue))
    try to.guest.request(.setRingAddress, to.guest.addresses(of: 0, flags: 1, log: 0x5_0000))
    let buffer = to.guest.allocate(8_192)
    to.guest.rings[0].offer([buffer], writable: true)
    from.guest.send(frame)
    relay.move(from: from.attachment, to: to.attachment)
    #expect(pages() == [0x50, Int(buffer.address >> 12)])
  }
}
