// How often a device gained or lost its carrier (sysfs-class-net, carrier_changes).
//
// The kernel counts in the driver's call that takes the carrier away, and reading the count takes
// no lock. Everything else that tells about the carrier (netlink, ethtool, /sys/.../carrier) waits
// for the rtnl lock, which a namespace that is deleted may hold for many milliseconds.

internal import CLinux
internal import Glibc

/// Reads the carrier changes of one device: one system call of about a microsecond.
///
/// - Thread: any.
public struct CarrierCounter: ~Copyable, Sendable {
  private let file: Descriptor

  /// Opens the counter of a device in the calling thread's namespace. Needs root.
  public init(device: String) throws(Errno) {
    // SAFETY: both are C strings for the call.
    let number = unsafe clinux_open_device_file(device, "carrier_changes")
    guard number >= 0 else { throw .current }
    file = Descriptor(owning: number)
  }

  /// Changes since the device was made; `nil` when it is gone.
  public borrowing func read() -> UInt64? {
    var text: (UInt64, UInt64, UInt64) = (0, 0, 0)
    return unsafe withUnsafeMutableBytes(of: &text) { buffer in
      // SAFETY: the buffer is as long as it says; a count has at most 20 digits.
      let count = unsafe pread(file.number, buffer.baseAddress, buffer.count, 0)
      guard count > 0 else { return nil }
      var value: UInt64 = 0
      for index in 0..<count {
        let digit = unsafe buffer[index] &- UInt8(ascii: "0")
        if digit > 9 { break }
        value = value &* 10 &+ UInt64(digit)
      }
      return value
    }
  }
}
