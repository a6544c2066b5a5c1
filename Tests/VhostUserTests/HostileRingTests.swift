// A guest that breaks the rules of a ring: each is cut off with the rule's name, and nothing else happens.

import Attachments
import FrameMemory
import Linux
import Testing
import VhostUser

@Suite("vhost-user: hostile rings") struct HostileRingTests {
  /// One broken rule.
  struct Attack: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var reason: CutOffReason
    var features: VirtioFeatures = [.version1, .mergeableBuffers, .indirect, .protocolFeatures]
    var run: @Sendable (FakeGuest, DriverRing) -> Void
  }

  private static func offer(
    _ guest: FakeGuest, _ ring: DriverRing, flags: UInt16, address: UInt64? = nil,
    length: UInt32 = 100, next: UInt16 = 0
  ) {
    ring.setDescriptor(
      0, address: address ?? guest.allocate(4_096).address, length: length, flags: flags, next: next
    )
    ring.publish(0)
  }

  /// Those of the ring that the guest sends by; the flag for writing belongs to the other direction.
  static func attacks(writable: Bool) -> [Attack] {
    let flag: UInt16 = writable ? 2 : 0
    let far: UInt64 = 0xFFFF_FFFF_FFFF_F000
    return [
      Attack(testDescription: "more buffers than the ring has", reason: .indexJump) {
        $1.file.store($1.availableIndex &+ UInt16($1.size) &+ 1, at: $1.available + 2)
      },
      Attack(testDescription: "a head outside the table", reason: .headOutOfRange) {
        $1.publish(UInt16($1.size))
      },
      Attack(testDescription: "a chain that leaves the table", reason: .nextOutOfRange) {
        offer($0, $1, flags: 1 | flag, next: UInt16($1.size))
      },
      Attack(testDescription: "a chain in a circle", reason: .chainTooLong) {
        offer($0, $1, flags: 1 | flag, length: 0, next: 0)
      },
      Attack(testDescription: "a chain in a circle, with bytes", reason: .chainTooLong) {
        offer($0, $1, flags: 1 | flag, length: 4, next: 0)
      },
      Attack(testDescription: "an address outside", reason: .addressOutsideMemory) {
        offer($0, $1, flags: flag, address: 0x1000)
      },
      Attack(testDescription: "an address that wraps around", reason: .addressOutsideMemory) {
        offer($0, $1, flags: flag, address: far, length: 0x2000)
      },
      Attack(testDescription: "a buffer beyond the end", reason: .addressOutsideMemory) {
        let end = FakeGuest.buffersGuest + UInt64(FakeGuest.buffersBytes)
        offer($0, $1, flags: flag, address: end - 50)
      },
      Attack(testDescription: "the longest buffer there can be", reason: .addressOutsideMemory) {
        offer($0, $1, flags: flag, length: .max)
      },
      Attack(testDescription: "the wrong direction", reason: .wrongDirection) {
        offer($0, $1, flags: 2 - flag)
      },
      Attack(testDescription: "no room for a header", reason: .missingHeader) {
        offer($0, $1, flags: flag, length: 11)
      },
    ] + tableAttacks(flag)
  }

  /// Those with a table of descriptors.
  private static func tableAttacks(_ flag: UInt16) -> [Attack] {
    [
      Attack(
        testDescription: "a table that was not negotiated", reason: .badIndirectTable,
        features: [.version1, .mergeableBuffers, .protocolFeatures]
      ) {
        offer($0, $1, flags: 4, address: $0.allocateTable(1).address, length: 16)
      },
      Attack(testDescription: "an empty table", reason: .badIndirectTable) {
        offer($0, $1, flags: 4, address: $0.allocateTable(1).address, length: 0)
      },
      Attack(testDescription: "a table of a strange length", reason: .badIndirectTable) {
        offer($0, $1, flags: 4, address: $0.allocateTable(2).address, length: 17)
      },
      Attack(testDescription: "a table that is too long", reason: .badIndirectTable) {
        offer($0, $1, flags: 4, address: $0.allocateTable(1).address, length: 1_025 * 16)
      },
      Attack(testDescription: "a table outside", reason: .addressOutsideMemory) {
        offer($0, $1, flags: 4, address: 0x10, length: 16)
      },
      Attack(testDescription: "a table in a table", reason: .badIndirectTable) {
        let table = $0.allocateTable(1)
        DriverRing.write($0.file, table.offset, table.address, 16, 4, 0)
        offer($0, $1, flags: 4, address: table.address, length: 16)
      },
      Attack(testDescription: "a chain in a table that leaves it", reason: .nextOutOfRange) {
        let table = $0.allocateTable(1)
        DriverRing.write($0.file, table.offset, $0.allocate(100).address, 100, 1 | flag, 1)
        offer($0, $1, flags: 4, address: table.address, length: 16)
      },
      Attack(testDescription: "a table in a circle", reason: .chainTooLong) {
        let table = $0.allocateTable(1)
        DriverRing.write($0.file, table.offset, $0.allocate(100).address, 1, 1 | flag, 0)
        offer($0, $1, flags: 4, address: table.address, length: 16)
      },
      Attack(testDescription: "a table that goes on in the ring", reason: .badIndirectTable) {
        offer($0, $1, flags: 5, address: $0.allocateTable(1).address, length: 16, next: 1)
      },
    ]
  }

  @Test("sending", arguments: attacks(writable: false))
  func sending(_ attack: Attack) throws {
    let victim = try ConnectedGuest(GuestShape(features: attack.features))
    let other = try ConnectedGuest()
    other.guest.post([2_000])
    attack.run(victim.guest, victim.guest.rings[1])
    let relay = Relay()
    relay.move(from: victim.attachment, to: other.attachment)
    #expect(victim.attachment.cutOffReason == attack.reason)
    #expect(relay.move(from: victim.attachment, to: other.attachment) == .idle)
    #expect(other.guest.receive().isEmpty)
    #expect(other.attachment.cutOffReason == nil)
  }

  @Test("receiving", arguments: attacks(writable: true))
  func receiving(_ attack: Attack) throws {
    let victim = try ConnectedGuest(GuestShape(features: attack.features))
    let other = try ConnectedGuest()
    // 2,000 bytes are more than any buffer of an attack, so they have to be looked at step by step.
    let frame = GuestFrame(
      header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](repeating: 1, count: 2_000))
    other.guest.send(frame)
    attack.run(victim.guest, victim.guest.rings[0])
    let relay = Relay()
    relay.move(from: other.attachment, to: victim.attachment)
    #expect(victim.attachment.cutOffReason == attack.reason)
    #expect(relay.failures == [.portDown])
    other.guest.send(frame)
    relay.move(from: other.attachment, to: victim.attachment)
    #expect(relay.failures == [.portDown, .portDown])
    #expect(other.attachment.cutOffReason == nil)
  }

  @Test("buffers of nothing, to be merged for ever, end")
  func endless() throws {
    let victim = try ConnectedGuest(GuestShape(ringSize: 1_024))
    let other = try ConnectedGuest()
    while victim.guest.post([12]) {}
    other.guest.send(
      GuestFrame(
        header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](repeating: 1, count: 60_000)))
    let relay = Relay()
    relay.move(from: other.attachment, to: victim.attachment)
    #expect(relay.failures == [.oversize])
    #expect(victim.attachment.cutOffReason == nil)
  }

  @Test("frames that are none, or contradict their headers, are counted and given back")
  func malformed() throws {
    let shape = GuestShape(features: [.version1, .checksum, .hostTSO4, .protocolFeatures])
    let victim = try ConnectedGuest(shape)
    let other = try ConnectedGuest()
    let plain = [UInt8](repeating: 0, count: 12)
    var csum = plain
    csum.replaceSubrange(0..<10, with: [1, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0])
    var segments = plain
    segments[1] = 1
    var strange = plain
    strange[1] = 77
    let bytes = [UInt8](repeating: 1, count: 60)
    for header in [csum, segments, strange] {
      victim.guest.send(GuestFrame(header: header, bytes: bytes))
    }
    victim.guest.send(GuestFrame(header: plain, bytes: []))
    victim.guest.send(GuestFrame(header: plain, bytes: [UInt8](repeating: 2, count: 70_000)))
    let relay = Relay()
    #expect(relay.move(from: victim.attachment, to: other.attachment) == .frames(0))
    #expect(victim.attachment.receiveDrops.malformed == 4)
    #expect(victim.attachment.receiveDrops.oversize == 1)
    #expect(victim.guest.rings[1].takeUsed().count == 5)
    #expect(victim.attachment.cutOffReason == nil)
  }
}
