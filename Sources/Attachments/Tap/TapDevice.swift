// A TAP: an Ethernet device of the kernel whose wire is a file descriptor
// (Documentation/networking/tuntap.rst; linux/if_tun.h). The switch owns the descriptor, the
// guest has the device.
//
// Every frame carries a 12-byte virtio-net header, in both directions. The device belongs to the
// namespace in which /dev/net/tun was opened, and may be moved afterwards.
//
// A persistent device outlives its descriptor, without carrier; the guest sees no change only when
// the descriptor itself is kept open elsewhere and adopted.

public import Base
internal import CLinux
internal import Glibc
public import Linux

/// An attached TAP and its descriptor.
public struct TapDevice: ~Copyable, Sendable {
  public let descriptor: Descriptor
  /// Its name when it was opened.
  public let name: String
  /// What the kernel may leave undone in frames that we read.
  public let receivedOffloads: OffloadSet

  /// Makes a device, or attaches to the one of that name that nobody has attached to.
  ///
  /// - `namespace`: where the device is, nil for the namespace of the calling thread.
  /// - `isPersistent`: whether the device stays when its descriptor closes.
  /// - `isMultiQueue`: whether it may be attached to more than once; must agree with what exists.
  /// - Source: tuntap.rst, 3.1.
  public static func open(
    name: String, namespace: NetworkNamespace? = nil, isPersistent: Bool = false,
    isMultiQueue: Bool = false
  ) throws(Failure) -> TapDevice {
    let descriptor = try NetworkNamespace.run(in: namespace) { () throws(Failure) in
      let number = clinux_tun_open()
      guard number >= 0 else {
        throw Failure(
          "cannot open /dev/net/tun for \(name)", why: "\(Errno.current)",
          remedy: "load the tun module (`modprobe tun`) and run as root")
      }
      return Descriptor(owning: number)
    }
    let number = descriptor.number
    // SAFETY: a C string for the time of the call.
    guard unsafe clinux_tap_attach(number, name, isMultiQueue ? 1 : 0) == 0 else {
      throw refusal(of: name, .current)
    }
    guard clinux_tap_set_persist(number, isPersistent ? 1 : 0) == 0 else {
      throw Failure(
        "cannot make TAP \(name) \(isPersistent ? "persistent" : "temporary")",
        why: "\(Errno.current)", remedy: "run as root, and check that the device was not deleted")
    }
    return try TapDevice(adopting: descriptor)
  }

  /// Takes over a descriptor that is attached already: kept by a descriptor store over a restart.
  public init(adopting descriptor: consuming Descriptor) throws(Failure) {
    let number = descriptor.number
    let name = try Self.identify(number)
    guard clinux_set_nonblocking(number) == 0,
      clinux_tap_set_header(number, Int32(VirtioHeader.byteCountWithBuffers)) == 0
    else {
      throw Failure(
        "cannot prepare TAP \(name)", why: "\(Errno.current)",
        remedy: "check that the device was not deleted")
    }
    receivedOffloads = Self.takeOffloads(number)
    self.name = name
    self.descriptor = descriptor
  }

  /// Whether the device stays when its descriptor closes.
  public func setPersistent(_ isPersistent: Bool) throws(Errno) {
    guard clinux_tap_set_persist(descriptor.number, isPersistent ? 1 : 0) == 0 else {
      throw .current
    }
  }

  private static func identify(_ number: Int32) throws(Failure) -> String {
    var bytes = [CChar](repeating: 0, count: Int(CLINUX_DEVICE_NAME_BYTES))
    // SAFETY: the array has the bytes that the call may write, the last of them zero.
    guard unsafe clinux_tap_identify(number, &bytes) == 0 else {
      throw Failure(
        "cannot adopt descriptor \(number)",
        why: "it is no TAP with a virtio-net header (\(Errno.current))",
        remedy: "open the device with `TapDevice.open` instead")
    }
    return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Asks for everything, then for less, until the kernel agrees: USO came with Linux 6.2.
  private static func takeOffloads(_ number: Int32) -> OffloadSet {
    let tcp = CLINUX_TAP_CHECKSUM.rawValue | CLINUX_TAP_TSO4.rawValue | CLINUX_TAP_TSO6.rawValue
    let ecn = CLINUX_TAP_TSO_ECN.rawValue
    let udp = CLINUX_TAP_USO4.rawValue | CLINUX_TAP_USO6.rawValue
    if clinux_tap_set_offload(number, tcp | ecn | udp) == 0 { return .all }
    for flags in [tcp | ecn, tcp] where clinux_tap_set_offload(number, flags) == 0 {
      return [.checksum, .tcp4, .tcp6]
    }
    if clinux_tap_set_offload(number, CLINUX_TAP_CHECKSUM.rawValue) == 0 { return [.checksum] }
    _ = clinux_tap_set_offload(number, 0)
    return []
  }

  private static func refusal(of name: String, _ error: Errno) -> Failure {
    let (why, remedy) =
      switch error {
      case .busy:
        ("another process is attached to it", "stop that process, or choose another name")
      case .invalid, .exists:
        (
          "a device of that name exists and is no TAP of this kind",
          "delete it (`ip link delete \(name)`), or choose another name"
        )
      case .notPermitted: ("\(error)", "run as root")
      case Errno(rawValue: ENAMETOOLONG):
        ("a device name has at most 15 characters", "choose a shorter name")
      default: ("\(error)", "choose another name, or run as root")
      }
    return Failure("cannot make TAP \(name)", why: why, remedy: remedy)
  }
}
