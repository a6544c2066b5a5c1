// The multicast addresses that network devices take: /proc/net/dev_mcast (packet(7) and the IP
// layers put them there).
//
// Why a text file: rtnetlink tells of IP groups only (RTM_GETMULTICAST: IPv6, and IPv4 since Linux
// 6.15), not of what a packet socket or a bridge asks for, and no ioctl lists any. The file has been
// the same since Linux 2.4. An open file belongs to the namespace of the thread that opened it, so
// it is opened once and read from any thread. No lock of the kernel is waited for (RCU).
//
//   index  name  users  global users  address
//   4      eth0  1      0             01005e000001

internal import Glibc
internal import Linux
internal import Wire

/// An open /proc/net/dev_mcast of one namespace.
struct MulticastFile: ~Copyable, Sendable {
  private let file: Descriptor
  /// Three thousand addresses: a guest that joins more must not hold up those who read.
  static let limitBytes = 128 << 10

  /// For the calling thread's namespace.
  init() throws(Errno) {
    // SAFETY: a C string for the call.
    let number = unsafe open("/proc/thread-self/net/dev_mcast", O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw .current }
    file = Descriptor(owning: number)
  }

  /// All of it, now, or at least `limitBytes` of it. Cost: a few microseconds for a namespace with a few devices.
  borrowing func read() throws(Errno) -> [UInt8] {
    var text: [UInt8] = []
    while text.count < Self.limitBytes {
      let offset = text.count
      let number = file.number
      var failure: Errno?
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
        // SAFETY: the buffer has the room that is said.
        let result = unsafe pread(number, buffer.baseAddress, buffer.count, off_t(offset))
        if result < 0 { failure = .current }
        count = max(0, result)
      }
      if let failure, failure != .interrupted { throw failure }
      if failure == nil, piece.isEmpty { break }
      text += piece
    }
    return text
  }
}

/// The addresses of each device, by its index.
struct MulticastTable {
  var addresses: [Int32: [MACAddress]] = [:]
  /// There are more than were read, of whichever device.
  var isCut: Bool

  /// Reads rows; what is no row, or no Ethernet address, is passed over.
  init(_ text: [UInt8]) {
    isCut = text.count >= MulticastFile.limitBytes
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "))
      guard fields.count == 5, fields[4].count == 12,
        let index = Int32(String(decoding: fields[0], as: UTF8.self)),
        let address = UInt64(String(decoding: fields[4], as: UTF8.self), radix: 16)
      else { continue }
      addresses[index, default: []].append(MACAddress(rawValue: address))
    }
  }
}
