// Batches: slots, bounds, and the tag that is taken out of the bytes.

internal import Base
internal import FrameMemory
internal import Testing
internal import Wire

@Suite struct FrameBatchTests {
  static let frame: [UInt8] = (0..<64).map { UInt8($0) }

  @Test func framesKeepToThemselves() {
    var batch = FrameBatch(capacity: 3, frameCapacityBytes: 100)
    for number in 0..<3 {
      let bytes = [UInt8](repeating: UInt8(number + 1), count: 100 - number)
      batch.append(copying: bytes.rawSpan, ingress: PortIndex(number), tag: .none)
    }
    let (count, isFull, free) = (batch.count, batch.isFull, batch.freeCapacity)
    #expect(count == 3 && isFull && free == 0)
    for number in 0..<3 {
      let contents = contents(of: number, in: batch)
      #expect(contents == [UInt8](repeating: UInt8(number + 1), count: 100 - number))
      let frame = batch[number]
      #expect(frame.ingress == PortIndex(number) && !frame.tag.isPresent)
    }
    batch.removeAll()
    let emptied = batch.count
    #expect(emptied == 0)
  }

  @Test func bytesChangeInPlace() {
    var batch = FrameBatch(capacity: 1, frameCapacityBytes: 100)
    batch.append(copying: Self.frame.rawSpan, ingress: .none)
    var bytes = batch.mutableBytes(of: 0)
    bytes.setBig16(0xFFFF, at: 62)
    let contents = contents(of: 0, in: batch)
    #expect(contents == Array(Self.frame[..<62]) + [0xFF, 0xFF])
  }

  @Test func lentMemoryIsTheFramesUntilTheBatchIsEmptied() {
    var batch = FrameBatch(capacity: 2, frameCapacityBytes: 100)
    // SAFETY: 200 bytes, written before they are lent, freed when the batch is no longer used.
    let lent = UnsafeMutableRawPointer.allocate(byteCount: 200, alignment: 8)
    defer { unsafe lent.deallocate() }
    unsafe lent.initializeMemory(as: UInt8.self, repeating: 7, count: 200)
    for _ in 0..<2 {
      batch.append(copying: Self.frame.rawSpan, ingress: PortIndex(1))
      unsafe batch.appendLent(
        Frame(offset: 20, byteCount: 180, ingress: PortIndex(2)), at: lent, cellBytes: 200)
      let (own, other) = (contents(of: 0, in: batch), contents(of: 1, in: batch))
      let isLent = unsafe batch.cellAddress(1) == lent && batch.cellAddress(0) != lent
      #expect(own == Self.frame && other == [UInt8](repeating: 7, count: 180) && isLent)
      batch.removeAll()
      batch.append(copying: Self.frame.rawSpan, ingress: .none)
      batch.append(copying: Self.frame.rawSpan, ingress: .none)
      let again = contents(of: 1, in: batch)
      #expect(again == Self.frame)
      let untouched = unsafe lent.load(fromByteOffset: 20, as: UInt8.self)
      #expect(untouched == 7)
      batch.removeAll()
    }
  }

  @Test func aFrameOutsideItsLentMemoryTraps() async {
    await #expect(processExitsWith: .failure) {
      var batch = FrameBatch(capacity: 1, frameCapacityBytes: 1_000)
      // SAFETY: 100 bytes, which nobody reads.
      let lent = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8)
      unsafe batch.appendLent(
        Frame(offset: 41, byteCount: 60, ingress: .none), at: lent, cellBytes: 100)
    }
  }

  @Test func aTagIsTakenOut() {
    let tagged = Self.tagged(Self.frame, type: 0x8100, 0xA064)
    var batch = FrameBatch(capacity: 1, frameCapacityBytes: 100)
    let offload = Offload(flags: 1, headerBytes: 58, checksumStart: 38, checksumOffset: 16)
    batch.append(copying: tagged.rawSpan, ingress: PortIndex(7), offload: offload)
    batch.takeOutTag(of: 0)
    let frame = batch[0]
    let contents = contents(of: 0, in: batch)
    #expect(contents == Self.frame)
    #expect(frame.tag == VLANTag(vlan: 100, priority: 5) && frame.ingress == PortIndex(7))
    #expect(frame.offload.checksumStart == 34 && frame.offload.headerBytes == 54)
    #expect(frame.offload.checksumOffset == 16 && frame.offload.needsChecksum)
  }

  @Test func onlyTheOutermostTagIsTakenOut() {
    let inner = Self.tagged(Self.frame, type: 0x8100, 10)
    let outer = Self.tagged(inner, type: 0x8100, 200)
    var batch = FrameBatch(capacity: 1, frameCapacityBytes: 100)
    batch.append(copying: outer.rawSpan, ingress: .none)
    batch.takeOutTag(of: 0)
    batch.takeOutTag(of: 0)
    let tag = batch[0].tag
    let contents = contents(of: 0, in: batch)
    #expect(tag == VLANTag(vlan: 200) && contents == inner)
  }

  @Test func otherFramesAreLeftAlone() {
    let service = Self.tagged(Self.frame, type: 0x88A8, 10)
    let short = Array(Self.tagged(Self.frame, type: 0x8100, 10)[..<17])
    for bytes in [Self.frame, service, short, Array(Self.frame[..<14]), []] {
      var batch = FrameBatch(capacity: 1, frameCapacityBytes: 100)
      batch.append(copying: bytes.rawSpan, ingress: .none)
      batch.takeOutTag(of: 0)
      let contents = contents(of: 0, in: batch)
      let isTagged = batch[0].tag.isPresent
      #expect(contents == bytes && !isTagged)
    }
  }

  @Test func theSmallestTaggedFrameIsAHeader() {
    let bytes = Array(Self.tagged(Self.frame, type: 0x8100, 10)[..<18])
    var batch = FrameBatch(capacity: 1, frameCapacityBytes: 100)
    batch.append(copying: bytes.rawSpan, ingress: .none)
    batch.takeOutTag(of: 0)
    let contents = contents(of: 0, in: batch)
    #expect(contents == Array(Self.frame[..<14]))
  }

  @Test func slotsAreAnOddNumberOfCacheLinesApart() {
    for capacityBytes in [60, 64, 1514, 2048, FrameBatch.largestFrameBytes] {
      let batch = FrameBatch(capacity: 2, frameCapacityBytes: capacityBytes)
      // SAFETY: only the addresses are compared.
      let lines = unsafe (batch.slotAddress(1) - batch.slotAddress(0)) / 64
      #expect(lines % 2 == 1)
      #expect(lines * 64 >= FrameBatch.headroomBytes + capacityBytes)
    }
  }

  @Test func whatDoesNotFitTraps() async {
    await #expect(processExitsWith: .failure) {
      var batch = FrameBatch(capacity: 1, frameCapacityBytes: 60)
      batch.append(copying: FrameBatchTests.frame.rawSpan, ingress: .none)
    }
    await #expect(processExitsWith: .failure) {
      var batch = FrameBatch(capacity: 1, frameCapacityBytes: 64)
      batch.append(copying: FrameBatchTests.frame.rawSpan, ingress: .none)
      batch.append(copying: FrameBatchTests.frame.rawSpan, ingress: .none)
    }
    await #expect(processExitsWith: .failure) {
      var batch = FrameBatch(capacity: 2, frameCapacityBytes: 64)
      batch.append(Frame(offset: 64, byteCount: 65_536, ingress: .none))
    }
    await #expect(processExitsWith: .failure) {
      let batch = FrameBatch(capacity: 2, frameCapacityBytes: 64)
      _ = batch.bytes(of: 0).byteCount
    }
    await #expect(processExitsWith: .failure) { _ = FrameBatch(capacity: 0) }
  }

  private func contents(of index: Int, in batch: borrowing FrameBatch) -> [UInt8] {
    let bytes = batch.bytes(of: index)
    return (0..<bytes.byteCount).map { bytes.byte($0) }
  }

  private static func tagged(_ frame: [UInt8], type: UInt16, _ information: UInt16) -> [UInt8] {
    let tag = [type >> 8, type & 0xFF, information >> 8, information & 0xFF].map { UInt8($0) }
    return Array(frame[..<12]) + tag + frame[12...]
  }
}
