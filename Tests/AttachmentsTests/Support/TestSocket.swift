// Sockets of the kernel's own stack inside a namespace: the judge of what arrives.

import Base
import Glibc
import Linux

/// An address and port of one of the test's networks.
struct TestAddress: Sendable {
  var isIPv6: Bool
  /// The last byte: 10.9.8.N, fd00:9::N.
  var host: UInt8
  var port: UInt16

  func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if isIPv6 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      // SAFETY: sixteen bytes of a plain structure.
      unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
        unsafe bytes.copyBytes(from: [0xFD, 0, 0, 9] + [UInt8](repeating: 0, count: 11) + [host])
      }
      return unsafe withUnsafeBytes(of: &address) {
        // SAFETY: the kernel reads as many bytes as it is told of.
        unsafe body($0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
      }
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = (0x0A09_0800 | UInt32(host)).bigEndian
    return unsafe withUnsafeBytes(of: &address) {
      // SAFETY: as above.
      unsafe body($0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
    }
  }
}

/// A blocking socket whose every call ends within seconds.
final class TestSocket: Sendable {
  let descriptor: Descriptor

  private init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  /// Opens, limits the time of its calls, and does one more step.
  private static func open(
    _ isStream: Bool, _ isIPv6: Bool, in namespace: NetworkNamespace,
    _ step: @escaping @Sendable (Int32) -> Int32
  ) throws(Failure) -> TestSocket {
    TestSocket(
      try namespace.run { () throws(Failure) in
        let type = isStream ? SOCK_STREAM : SOCK_DGRAM
        let number = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(type.rawValue), 0)
        guard number >= 0 else { throw Errno.current.failure("cannot open a socket") }
        let descriptor = Descriptor(owning: number)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        var one: Int32 = 1
        // SAFETY: values that live for the calls.
        unsafe setsockopt(
          number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout.size(ofValue: limit)))
        unsafe setsockopt(
          number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout.size(ofValue: limit)))
        unsafe setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        guard step(number) == 0 else { throw Errno.current.failure("cannot use a socket") }
        return descriptor
      })
  }

  static func listen(_ address: TestAddress, in namespace: NetworkNamespace) throws -> TestSocket {
    try open(true, address.isIPv6, in: namespace) { number in
      // SAFETY: the address lives for the call.
      guard unsafe address.withAddress({ unsafe bind(number, $0, $1) }) == 0 else { return -1 }
      return Glibc.listen(number, 1)
    }
  }

  static func connect(
    _ address: TestAddress, isStream: Bool = true, in namespace: NetworkNamespace
  ) throws(Failure) -> TestSocket {
    try open(isStream, address.isIPv6, in: namespace) { number in
      // SAFETY: the address lives for the call.
      unsafe address.withAddress { unsafe Glibc.connect(number, $0, $1) }
    }
  }

  static func receiver(_ address: TestAddress, in namespace: NetworkNamespace) throws -> TestSocket
  {
    try open(false, address.isIPv6, in: namespace) { number in
      // SAFETY: the address lives for the call.
      unsafe address.withAddress { unsafe bind(number, $0, $1) }
    }
  }

  func accept() throws -> TestSocket {
    let number = Glibc.accept(descriptor.number, nil, nil)
    guard number >= 0 else { throw Errno.current.failure("cannot accept") }
    return TestSocket(Descriptor(owning: number))
  }

  /// Sends datagrams larger than this as several (UDP_SEGMENT).
  func segmentDatagrams(bytes: Int32) -> Bool {
    var value = bytes
    // SAFETY: a value that lives for the call.
    return unsafe setsockopt(descriptor.number, 17, 103, &value, 4) == 0
  }

  /// Sends all of it; false when the other end does not take it in time.
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      // SAFETY: the slice is alive during the call.
      let count = unsafe bytes[sent...].withUnsafeBytes {
        unsafe Glibc.send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      sent += count
    }
    return true
  }

  /// What waits, up to `limitBytes`; empty at the end of a stream or when the time is up.
  func receive(limitBytes: Int) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: limitBytes) { buffer, count in
      // SAFETY: the kernel writes at most the buffer's length.
      count = max(0, unsafe recv(descriptor.number, buffer.baseAddress, buffer.count, 0))
    }
  }
}
