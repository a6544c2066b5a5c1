// The running kernel's version, for the one thing that can only be known by it: whether a packet
// socket takes UDP segmentation (VIRTIO_NET_HDR_GSO_UDP_L4, Linux 6.2). A TAP can be asked;
// packet(7) cannot.

internal import Glibc

/// A kernel version, compared by its first two numbers.
package struct KernelRelease: Hashable {
  var major = 0
  var minor = 0

  /// Reads "6.1.0-18-amd64"; what cannot be read counts as 0.
  package init(_ text: String) {
    let numbers = text.split { !$0.isNumber }.prefix(2).map { Int($0) ?? 0 }
    if numbers.count == 2 { (major, minor) = (numbers[0], numbers[1]) }
  }

  package var takesSegmentedUDP: Bool { (major, minor) >= (6, 2) }

  /// The kernel that this process runs on.
  static var current: KernelRelease {
    var names = utsname()
    // SAFETY: the call fills the structure with zero-terminated strings.
    guard unsafe uname(&names) == 0 else { return KernelRelease("") }
    let release = unsafe withUnsafeBytes(of: &names.release) { unsafe [UInt8]($0) }
    return KernelRelease(String(decoding: release.prefix { $0 != 0 }, as: UTF8.self))
  }
}
