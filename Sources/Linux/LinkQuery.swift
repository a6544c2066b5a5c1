// Questions to a device's driver (ethtool(7), SIOCETHTOOL).

internal import CLinux
internal import Glibc

/// Asks drivers directly, by device name, in the namespace in which it was made.
///
/// - Thread: any. Each question takes the kernel's rtnl lock, and may wait for it.
public struct LinkQuery: ~Copyable, Sendable {
  private let socket: Descriptor

  /// Asks in the calling thread's namespace.
  public init() throws(Errno) {
    let number = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
    guard number >= 0 else { throw .current }
    socket = Descriptor(owning: number)
  }

  /// The device is up and has a carrier, now. Makes the kernel announce a change that it held back.
  public borrowing func isLinkUp(_ device: String) throws(Errno) -> Bool {
    // SAFETY: a C string for the call.
    let state = unsafe clinux_link_state(socket.number, device)
    guard state >= 0 else { throw .current }
    return state == 1
  }

  /// Megabits per second; `nil` when the device does not say. A veth says 10,000.
  public borrowing func speedMbps(_ device: String) throws(Errno) -> Int? {
    // SAFETY: a C string for the call.
    let speed = unsafe clinux_link_speed(socket.number, device)
    guard speed >= 0 else { throw .current }
    return speed == 0 ? nil : Int(speed)
  }
}
