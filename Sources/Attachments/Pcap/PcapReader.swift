// A capture file as a port: its frames come in, in order, as fast as they are asked for.
//
// libpcap reads both formats (pcap, pcapng) and turns every time stamp into nanoseconds. Only
// Ethernet files are taken. A record that was cut when it was captured is not a frame any more and
// is counted.

public import Base
internal import CPcap
public import FrameMemory

/// Frames of a capture file.
///
/// - Thread: one worker.
@safe
public final class PcapReader: Attachment {
  public let name: String
  public let path: String
  public private(set) var offloadCounters = OffloadCounters()
  public private(set) var receiveDrops = ReceiveDrops()
  /// Records whose capture was cut short (`tcpdump -s`); part of `receiveDrops.malformed`.
  public private(set) var truncatedFrames: UInt64 = 0
  /// Why reading stopped, when it was not the end of the file.
  public private(set) var readError: String?
  private let handle: OpaquePointer
  private var timestamps: FixedArray<UInt64>
  private var isAtEnd = false

  /// Opens a file. `timestampCapacity` is the size of the largest batch that it will fill.
  ///
  /// - Errors: no such file, no capture file, or one of another link type.
  public init(path: String, timestampCapacity: Int = 256) throws(Failure) {
    var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
    // SAFETY: libpcap writes at most PCAP_ERRBUF_SIZE bytes, the last of them zero.
    let opened = unsafe pcap_open_offline_with_tstamp_precision(
      path, UInt32(PCAP_TSTAMP_PRECISION_NANO), &message)
    guard let handle = unsafe opened else {
      throw Failure(
        "cannot read capture file \(path)", why: String(pcapMessage: message),
        remedy: "give a file written by `martlet capture`, tcpdump or Wireshark")
    }
    // SAFETY: an open handle.
    let type = unsafe pcap_datalink(handle)
    guard type == DLT_EN10MB else {
      // SAFETY: the handle is open, and closed once; the description is a static string or null.
      let description = unsafe pcap_datalink_val_to_description(type).map {
        unsafe String(cString: $0)
      }
      unsafe pcap_close(handle)
      throw Failure(
        "cannot read frames from \(path)",
        why: "its link type is \(description ?? "number \(type)"), not Ethernet",
        remedy: "capture on one device instead of `any`")
    }
    unsafe self.handle = handle
    self.path = path
    name = "pcap \(path)"
    timestamps = FixedArray(repeating: 0, count: timestampCapacity)
  }

  // SAFETY: opened by `init`, closed only here.
  deinit { unsafe pcap_close(handle) }

  public var descriptor: Int32 { -1 }

  public var offloads: OffloadSet { [] }

  public var kernelDrops: UInt64 { 0 }

  /// When the `index`-th frame of the last `receive` was captured: nanoseconds since 1970.
  public func timestampNanoseconds(_ index: Int) -> UInt64 { timestamps[index] }

  /// - Returns: `.gone` at the end of the file, or where it is damaged (`readError`).
  public func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult {
    let room = min(limit, batch.freeCapacity, timestamps.count)
    let before = batch.count
    var taken = 0
    while taken < room, !isAtEnd {
      var header: UnsafeMutablePointer<pcap_pkthdr>?
      var data: UnsafePointer<UInt8>?
      // SAFETY: an open handle; on 1 it sets both pointers, valid until the next call.
      let outcome = unsafe pcap_next_ex(handle, &header, &data)
      guard outcome == 1, let record = unsafe header?.pointee, let data = unsafe data else {
        isAtEnd = true
        if outcome == PCAP_ERROR { readError = unsafe String(cString: pcap_geterr(handle)) }
        break
      }
      taken += 1
      // SAFETY: `caplen` bytes are readable at `data` until the next call.
      let bytes = unsafe RawSpan(_unsafeStart: data, byteCount: Int(record.caplen))
      accept(bytes, record, into: &batch, port, first: before)
    }
    if taken == 0 { return isAtEnd ? .gone : .idle }
    return .frames(batch.count - before)
  }

  private func accept(
    _ bytes: RawSpan, _ record: pcap_pkthdr, into batch: inout FrameBatch, _ port: PortIndex,
    first: Int
  ) {
    guard record.caplen == record.len, record.len > 0 else {
      truncatedFrames += 1
      receiveDrops.malformed += 1
      return
    }
    guard bytes.byteCount <= batch.frameCapacityBytes else {
      receiveDrops.oversize += 1
      return
    }
    let slot = batch.count
    batch.append(copying: bytes, ingress: port)
    batch.takeOutTag(of: slot)
    timestamps[slot - first] =
      UInt64(clamping: record.ts.tv_sec) * 1_000_000_000 + UInt64(clamping: record.ts.tv_usec)
  }

  /// Nothing can be sent into a file that is read.
  public func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port: PortIndex
  ) -> TransmitResult {
    var result = TransmitResult()
    result.failAll(of: port, .portDown, &deliveries)
    return result
  }
}

extension String {
  /// libpcap's words from its error buffer.
  init(pcapMessage bytes: [CChar]) {
    self = String(
      decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
