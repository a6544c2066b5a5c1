// What the kernel answers when it refuses a request (netlink(7), NLMSG_ERROR and extended acks).

internal import Base
internal import Glibc
internal import Linux

/// A refusal: the error number, and the kernel's own words when it has some.
struct KernelError: Error {
  var number: Errno
  var message: String?

  /// For a person. `device` is the one that the request was about.
  func failure(_ what: String, device: String = "") -> Failure {
    let why = message.map { "\(number): \($0)" } ?? number.description
    let remedy: String
    switch number.rawValue {
    case EEXIST: remedy = "remove what is there (see `ip addr show \(device)`), or choose another"
    case ENODEV, ENXIO: remedy = "see `ip link` for the devices that there are"
    case EADDRNOTAVAIL, ESRCH: remedy = "see `ip addr` and `ip route` for what there is"
    case EOPNOTSUPP: remedy = "load the kernel module for it (`modprobe veth`, `modprobe bridge`)"
    case ENETUNREACH, ENETDOWN: remedy = "set the device up and give it an address first"
    case EBUSY: remedy = "take the device from its bridge, or set it down, first"
    case ETIMEDOUT: remedy = "see whether the kernel hangs (dmesg), and try again"
    case EINVAL, ERANGE: remedy = "check the values that were asked for"
    default: return Failure(what, why: why, remedy: number.failure(what).remedy)
    }
    return Failure(what, why: why, remedy: remedy)
  }
}
