// Nics take VLAN tags out of frames and hand them over beside them, where AF_XDP does not see them. So that is
// switched off for as long as a device is used (`ethtool -K DEVICE rxvlan off`).

internal import Base
internal import CLinux
internal import Glibc
internal import Linux

/// Tags stay in the frames of a device, as long as this value lives.
struct TagStripping: ~Copyable, Sendable {
  private let device: String
  /// A socket of the device's namespace.
  private let socket: Descriptor
  private let isUndone: Bool

  /// For a device of the calling thread's namespace.
  init(switchedOffOn device: String) throws(Failure) {
    let number = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
    guard number >= 0 else { throw Errno.current.failure("cannot ask device \(device)") }
    let socket = Descriptor(owning: number)
    // SAFETY: the name is a C string for each call.
    let strips = unsafe clinux_device_strips_tags(number, device) != 0
    let keeps = strips ? unsafe clinux_device_strip_tags(number, device, 0) == 0 : true
    guard keeps else {
      throw Failure(
        "cannot attach to device \(device) by AF_XDP",
        why: "it takes VLAN tags out of frames, and does not stop (\(Errno.current))",
        remedy: "use `attachment: packet`")
    }
    self.device = device
    self.socket = socket
    isUndone = strips
  }

  deinit {
    // SAFETY: as in `init`.
    if isUndone { _ = unsafe clinux_device_strip_tags(socket.number, device, 1) }
  }
}
