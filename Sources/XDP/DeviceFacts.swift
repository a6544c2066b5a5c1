// What a device says of itself before a socket is bound to it.

internal import Base
internal import CLinux
internal import Glibc
internal import Linux

/// A device of the calling thread's namespace.
struct DeviceFacts: Sendable {
  let index: Int32
  /// Queues that it receives by.
  let queueCount: Int
  let mtu: Int
  /// "veth", "ixgbe"; "unknown" when it does not say.
  let driver: String
  /// It makes or takes frames larger than one segment (TSO, GSO or GRO is on).
  let segments: Bool

  /// Its other end is memory of this machine.
  var isVeth: Bool { driver == "veth" }

  /// Asks the device.
  init(_ name: String) throws(Errno) {
    // SAFETY: the name is a C string for each call.
    let index = unsafe if_nametoindex(name)
    guard index > 0 else { throw .current }
    let number = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
    guard number >= 0 else { throw .current }
    let socket = Descriptor(owning: number)
    let mtu = unsafe clinux_device_mtu(socket.number, name)
    let queueCount = unsafe clinux_device_queues(socket.number, name)
    let segments = unsafe clinux_device_segments(socket.number, name)
    guard mtu >= 0, queueCount >= 0, segments >= 0 else { throw .current }
    self.index = Int32(bitPattern: index)
    self.mtu = Int(mtu)
    self.queueCount = Int(queueCount)
    self.segments = segments == 1
    driver = Self.driver(of: name, socket.number) ?? "unknown"
  }

  /// The same, with an error for people.
  static func asked(_ name: String) throws(Failure) -> DeviceFacts {
    do throws(Errno) { return try DeviceFacts(name) } catch {
      throw error.failure(
        "cannot attach to device \(name) by AF_XDP",
        remedy: "check its name with `ip link`, in the namespace of this host")
    }
  }

  private static func driver(of name: String, _ socket: Int32) -> String? {
    let capacity = Int(CLINUX_DRIVER_NAME_BYTES)
    // SAFETY: the call writes a zero-terminated name of at most `capacity` bytes.
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { driver in
      guard let start = driver.baseAddress,
        unsafe clinux_device_driver(socket, name, start) == 0
      else { return nil }
      return unsafe String(cString: start)
    }
  }
}
