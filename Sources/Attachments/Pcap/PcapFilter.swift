// A filter expression of tcpdump (pcap-filter(7)), compiled once and asked for each frame.
//
// libpcap compiles for Ethernet as it is on a wire, tag and all; a frame here has its tag beside it,
// so a tagged frame is put together in a scratch first. An untagged one is looked at where it is.

public import Base
internal import CPcap
internal import Glibc
public import Wire

/// Says which frames somebody wants to see.
///
/// - Thread: one at a time. Cost: a hundred nanoseconds or so, no allocation; a tagged frame is copied.
@safe
public struct PcapFilter: ~Copyable {
  /// The longest expression that is taken.
  public static let expressionBytesMax = 4096
  /// The longest frame: a segment of 64 KiB with its headers and tag.
  private static let frameBytesMax = 1 << 17

  public let expression: String
  private let program: UnsafeMutablePointer<bpf_program>
  private let scratch: UnsafeMutableRawBufferPointer

  /// Compiles an expression; the empty one wants every frame.
  ///
  /// A host name in it is looked up, which may wait for a name server: use addresses, or a thread that
  /// may wait.
  /// - Errors: what is wrong with it, in libpcap's words.
  public init(_ expression: String) throws(Failure) {
    let what = "cannot use the filter \"\(expression)\""
    guard expression.utf8.count <= Self.expressionBytesMax, !expression.utf8.contains(0) else {
      throw Failure(
        what, why: "it has more than \(Self.expressionBytesMax) bytes, or a null",
        remedy: "write a shorter one (man 7 pcap-filter)")
    }
    // SAFETY: makes a handle without a device, for this function alone; it is closed below.
    guard let handle = unsafe pcap_open_dead(DLT_EN10MB, Int32(Self.frameBytesMax)) else {
      throw Failure(what, why: "out of memory", remedy: "free some memory")
    }
    defer { unsafe pcap_close(handle) }
    // SAFETY: room for one program, freed in `deinit` or below; the expression is a C string.
    let program = UnsafeMutablePointer<bpf_program>.allocate(capacity: 1)
    unsafe program.initialize(to: bpf_program())
    let unknownMask = UInt32.max  // PCAP_NETMASK_UNKNOWN
    guard unsafe pcap_compile(handle, program, expression, 1, unknownMask) == 0 else {
      let why = unsafe String(cString: pcap_geterr(handle))
      unsafe program.deallocate()
      throw Failure(what, why: why, remedy: "write it as for tcpdump (man 7 pcap-filter)")
    }
    self.expression = expression
    unsafe self.program = program
    // SAFETY: freed in `deinit`.
    unsafe scratch = .allocate(byteCount: Self.frameBytesMax, alignment: 16)
  }

  deinit {
    // SAFETY: compiled and allocated by `init`, given back only here.
    unsafe pcap_freecode(program)
    unsafe program.deallocate()
    unsafe scratch.deallocate()
  }

  /// Whether a frame is wanted, seen as it would be on a wire.
  ///
  /// - Shape: `frame` is the frame without its tag, or the start of it; `frameBytes` is how long all
  ///   of it is.
  public func accepts(_ frame: RawSpan, tag: VLANTag = .none, frameBytes: Int? = nil) -> Bool {
    var header = pcap_pkthdr()
    guard tag.isPresent, frame.byteCount >= 12,
      frame.byteCount + VLANTag.byteCount <= Self.frameBytesMax
    else {
      header.caplen = UInt32(frame.byteCount)
      header.len = UInt32(max(frameBytes ?? 0, frame.byteCount))
      // SAFETY: the program reads only the `caplen` bytes that the span lends.
      return unsafe frame.withUnsafeBytes { bytes in
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return unsafe pcap_offline_filter(program, &header, start) != 0
      }
    }
    let byteCount = frame.byteCount + VLANTag.byteCount
    header.caplen = UInt32(byteCount)
    header.len = UInt32(max(frameBytes ?? 0, frame.byteCount) + VLANTag.byteCount)
    let control = tag.controlInformation
    // SAFETY: the scratch has room for the frame and its tag, checked above, and is this value's own.
    return unsafe frame.withUnsafeBytes { bytes in
      unsafe scratch.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<12]))
      unsafe scratch[12] = 0x81
      unsafe scratch[13] = 0x00
      unsafe scratch[14] = UInt8(control >> 8)
      unsafe scratch[15] = UInt8(control & 0xFF)
      unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[16...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[12...]))
      let start = unsafe scratch.assumingMemoryBound(to: UInt8.self).baseAddress
      return unsafe pcap_offline_filter(program, &header, start) != 0
    }
  }
}

// SAFETY: the filter owns its program and its scratch alone.
extension PcapFilter: @unchecked Sendable {}
