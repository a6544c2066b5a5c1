// A port whose wire is a capture file: it gets what a wire would carry.
//
// A file has no offload metadata, so everything is done in software first: tags are in the bytes,
// checksums whole, large frames cut. The format is pcap with nanoseconds (magic 0xA1B23C4D).
//
// Bound: `limitBytes` of file; at it the port is full (`attachmentFull`) and the file stays whole.

public import Base
internal import CPcap
public import FrameMemory
internal import Wire

/// Writes frames into a capture file.
///
/// - Thread: one worker. Each `transmit` ends with a write: between two rounds the file is whole.
@safe
public final class PcapWriter: Attachment {
  private static let fileHeaderBytes: UInt64 = 24
  private static let recordHeaderBytes: UInt64 = 16

  public let name: String
  public let path: String
  public let limitBytes: UInt64
  /// The size of the file.
  public private(set) var byteCount = fileHeaderBytes
  public private(set) var offloadCounters = OffloadCounters()
  private let clock: () -> UInt64
  private let handle: OpaquePointer
  private let file: OpaquePointer
  private let slots = GatherSlots(count: 1, virtioBytes: 0)
  private let scratch: UnsafeMutableRawBufferPointer
  private var isBroken = false

  /// Makes the file, or empties it.
  ///
  /// - `clock`: the time to write down, in nanoseconds since 1970; asked once per `transmit`.
  public init(path: String, limitBytes: UInt64 = .max, clock: @escaping () -> UInt64)
    throws(Failure)
  {
    let largestBytes = FrameBatch.largestFrameBytes + VLANTag.byteCount
    // SAFETY: makes a handle without a device; it is closed in `deinit`, or below.
    let made = unsafe pcap_open_dead_with_tstamp_precision(
      DLT_EN10MB, Int32(largestBytes), UInt32(PCAP_TSTAMP_PRECISION_NANO))
    guard let handle = unsafe made else {
      throw Failure(
        "cannot write capture file \(path)", why: "out of memory", remedy: "free some memory")
    }
    // SAFETY: an open handle and a C string.
    guard let file = unsafe pcap_dump_open(handle, path) else {
      let why = unsafe String(cString: pcap_geterr(handle))
      unsafe pcap_close(handle)
      throw Failure(
        "cannot write capture file \(path)", why: why,
        remedy: "choose a folder that exists and that you may write to")
    }
    unsafe self.handle = handle
    unsafe self.file = file
    // SAFETY: freed in `deinit`.
    unsafe scratch = .allocate(byteCount: largestBytes, alignment: 16)
    self.path = path
    self.limitBytes = limitBytes
    self.clock = clock
    name = "pcap \(path)"
  }

  deinit {
    // SAFETY: opened by `init`, closed only here; closing writes what is left.
    unsafe pcap_dump_close(file)
    unsafe pcap_close(handle)
    unsafe scratch.deallocate()
  }

  public var descriptor: Int32 { -1 }

  public var offloads: OffloadSet { [] }

  public var receiveDrops: ReceiveDrops { ReceiveDrops() }

  public var kernelDrops: UInt64 { 0 }

  /// Nothing ever comes in.
  public func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult {
    isBroken ? .gone : .idle
  }

  public func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port: PortIndex
  ) -> TransmitResult {
    var result = TransmitResult()
    let now = clock()
    var entry = deliveries.first(of: port)
    while let current = entry {
      let plan = EgressPlan(batch, deliveries[current], [])
      if let failure = isBroken ? .portDown : store(plan, batch, now) {
        result.fail(current, failure, &deliveries)
      }
      entry = deliveries.next(after: current)
    }
    // SAFETY: an open file.
    if !isBroken, unsafe pcap_dump_flush(file) != 0 {
      // The disk is full or gone: nothing of this round is safe.
      isBroken = true
      result.failAll(of: port, .portDown, &deliveries)
    }
    result.isGone = isBroken
    return result
  }

  private func store(
    _ plan: EgressPlan, _ batch: borrowing FrameBatch, _ now: UInt64
  ) -> DropReason? {
    if case .refuse(let reason) = plan.work { return reason }
    for segment in 0..<plan.frameCount {
      let pieceCount = slots.fill(0, plan, segment: segment, from: batch)
      // SAFETY: the scratch is the writer's own.
      guard let frameBytes = unsafe slots.gather(0, pieceCount: pieceCount, into: scratch) else {
        return .oversize
      }
      let recordBytes = Self.recordHeaderBytes + UInt64(frameBytes)
      guard byteCount + recordBytes <= limitBytes else { return .attachmentFull }
      write(frameBytes, now)
      byteCount += recordBytes
    }
    offloadCounters.count(plan.tally)
    return nil
  }

  private func write(_ frameBytes: Int, _ now: UInt64) {
    var header = pcap_pkthdr()
    // With nanosecond precision this field holds nanoseconds (pcap-savefile(5)).
    header.ts.tv_sec = Int(now / 1_000_000_000)
    header.ts.tv_usec = Int(now % 1_000_000_000)
    header.caplen = UInt32(frameBytes)
    header.len = UInt32(frameBytes)
    // SAFETY: libpcap's own calling convention for a dumper; the scratch holds `frameBytes`.
    unsafe pcap_dump(
      UnsafeMutablePointer(file), &header, scratch.assumingMemoryBound(to: UInt8.self).baseAddress)
  }
}
