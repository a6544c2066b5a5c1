// Frames through the rings of fake guests: whatever was negotiated and however buffers are cut, they come
// out byte for byte.

import Attachments
import Base
import FrameMemory
import Linux
import Testing
import VhostUser
import Wire

/// A guest that is connected, without a socket.
struct ConnectedGuest {
  let guest: FakeGuest
  let attachment: VhostUserAttachment
  let session: FrontEndSession

  init(_ shape: GuestShape = GuestShape(), name: String = "web1:eth0") throws {
    let settings = VhostUserSettings(name: name, path: "/nowhere")
    (attachment, session) = try VhostUserAttachment.unconnected(settings)
    guest = FakeGuest(shape, FrontEnd.direct(session))
    try guest.connect()
  }
}

@Suite("vhost-user frames") struct FrameTests {
  /// All combinations of what changes the way of a frame.
  static let shapes: [GuestShape] = {
    var result: [GuestShape] = []
    for bits in 0..<32 {
      var features: VirtioFeatures = [.checksum, .guestChecksum]
      if bits & 1 != 0 { features.insert(.version1) }
      if bits & 2 != 0 { features.insert(.mergeableBuffers) }
      if bits & 4 != 0 { features.insert(.indirect) }
      if bits & 8 != 0 { features.insert(.eventIndex) }
      if bits & 16 != 0 { features.insert(.protocolFeatures) }
      result.append(
        GuestShape(
          features: features, ringSize: [16, 32, 64, 256][bits / 2 % 4],
          startIndex: bits % 3 == 0 ? 65_530 : 0))
    }
    return result
  }()

  @Test("random frames in random buffers survive byte for byte", arguments: shapes.indices)
  func survive(_ index: Int) throws {
    let shape = Self.shapes[index]
    let seed = UInt64(index) + 1
    var random = SeededRandom(seed: seed)
    let from = try ConnectedGuest(shape)
    let to = try ConnectedGuest(shape)
    let relay = Relay()
    let isIndirect = shape.features.contains(.indirect)
    for round in 0..<30 {
      // Room first: buffers of one frame, or small ones to be merged.
      while true {
        let merges = shape.features.contains(.mergeableBuffers)
        let size = merges ? Int.random(in: 600...4_000, using: &random) : 10_000
        let first = Int.random(in: 1..<size, using: &random)
        let indirect = isIndirect && Bool.random(using: &random)
        if Bool.random(using: &random), to.guest.post([first, size - first], indirect: indirect) {
          continue
        }
        guard to.guest.post([size], indirect: indirect) else { break }
      }
      var sent: [GuestFrame] = []
      for _ in 0..<Int.random(in: 1...2, using: &random) {
        let count = Int.random(in: 14...(shape.ringSize < 64 ? 1_500 : 9_000), using: &random)
        // No EtherType of a tag, which would be taken out and put in again.
        var bytes = (0..<count).map { _ in UInt8.random(in: 0...127, using: &random) }
        bytes[12] = 0x08
        let frame = GuestFrame(
          header: [UInt8](repeating: 0, count: shape.headerBytes), bytes: bytes)
        let cuts = (0..<Int.random(in: 0...3, using: &random)).map { _ in
          Int.random(in: 1...count, using: &random)
        }
        let indirect = isIndirect && Bool.random(using: &random)
        if from.guest.send(frame, cuts: cuts, indirect: indirect) { sent.append(frame) }
      }
      relay.move(from: from.attachment, to: to.attachment)
      #expect(relay.failures == [], "seed \(seed), round \(round)")
      let arrived = to.guest.receive()
      #expect(arrived.map(\.bytes) == sent.map(\.bytes), "seed \(seed), round \(round)")
      for frame in arrived {
        #expect(frame.header.prefix(10).allSatisfy { $0 == 0 }, "seed \(seed), round \(round)")
      }
      _ = from.guest.rings[1].takeUsed()
      #expect(from.guest.rings[1].freeCount == shape.ringSize, "all buffers come back")
    }
    #expect(from.attachment.receiveDrops.total == 0)
  }

  @Test("a frame that crosses from one memory region into the next")
  func crosses() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest()
    let bytes = (0..<2_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let edge = FakeGuest.buffersGuest + UInt64(FakeGuest.split)
    let piece = DriverRing.Piece(address: edge - 1_000, count: 12 + bytes.count)
    from.guest.write([UInt8](repeating: 0, count: 12) + bytes, to: [piece])
    from.guest.rings[1].offer([piece], writable: false)
    to.guest.rings[0].offer([piece], writable: true)
    Relay().move(from: from.attachment, to: to.attachment)
    #expect(to.guest.rings[0].takeUsed().map(\.length) == [12 + bytes.count])
    #expect(to.guest.read([piece], count: 12 + bytes.count).dropFirst(12).elementsEqual(bytes))
  }

  @Test("a full ring refuses, and takes again when there is room")
  func fills() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest()
    let relay = Relay()
    let frame = GuestFrame(header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](1...60))
    for _ in 0..<3 { from.guest.send(frame) }
    to.guest.post([2_000])
    relay.move(from: from.attachment, to: to.attachment)
    #expect(relay.failures == [.attachmentFull, .attachmentFull])
    #expect(to.guest.receive().map(\.bytes) == [frame.bytes])
    to.guest.post([2_000])
    from.guest.send(frame)
    relay.move(from: from.attachment, to: to.attachment)
    #expect(to.guest.receive().map(\.bytes) == [frame.bytes])
  }

  @Test("several queues: every frame arrives, those of a flow by one queue and in order")
  func queues() throws {
    let pairs = 4
    var shape = GuestShape()
    shape.pairs = pairs
    shape.features.insert(.multiQueue)
    let from = try ConnectedGuest(shape)
    let to = try ConnectedGuest(shape)
    let relay = Relay()
    for queue in 0..<pairs { while to.guest.post([2_000], ring: 2 * queue) {} }
    // Sixteen flows by address, four frames each, from all queues.
    for number in UInt8(0)..<4 {
      for flow in UInt8(0)..<16 {
        var bytes = [UInt8](repeating: 0, count: 60)
        bytes[11] = flow
        bytes[30] = number
        from.guest.send(
          GuestFrame(header: [UInt8](repeating: 0, count: 12), bytes: bytes),
          ring: 2 * Int(flow % 4) + 1)
      }
    }
    relay.move(from: from.attachment, to: to.attachment)
    relay.move(from: from.attachment, to: to.attachment)
    let arrived = (0..<pairs).map { to.guest.receive(ring: 2 * $0).map(\.bytes) }
    #expect(arrived.map(\.count).reduce(0, +) == 64)
    #expect(arrived.allSatisfy { !$0.isEmpty })
    for flow in UInt8(0)..<16 {
      let numbers = arrived.map { $0.filter { $0[11] == flow }.map { $0[30] } }
      #expect(numbers.filter { !$0.isEmpty } == [[0, 1, 2, 3]], "flow \(flow)")
    }
  }

  @Test("a tag is taken out of the bytes and put in again")
  func tags() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest()
    var bytes = [UInt8](repeating: 1, count: 64)
    bytes.replaceSubrange(12..<16, with: [0x81, 0x00, 0x20, 0x07])
    from.guest.send(GuestFrame(header: [UInt8](repeating: 0, count: 12), bytes: bytes))
    to.guest.post([2_000])
    Relay().move(from: from.attachment, to: to.attachment)
    #expect(to.guest.receive().map(\.bytes) == [bytes])
  }

  @Test("a frame that is too large for its buffer is not sent where buffers are not merged")
  func oversize() throws {
    var shape = GuestShape()
    shape.features.remove(.mergeableBuffers)
    let from = try ConnectedGuest(shape)
    let to = try ConnectedGuest(shape)
    let relay = Relay()
    from.guest.send(
      GuestFrame(header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](repeating: 3, count: 900))
    )
    to.guest.post([800])
    to.guest.post([800])
    relay.move(from: from.attachment, to: to.attachment)
    #expect(relay.failures == [.oversize])
    #expect(to.guest.rings[0].takeUsed().isEmpty)
  }
}
