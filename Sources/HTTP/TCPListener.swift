// A listening TCP socket (tcp(7), getaddrinfo(3)).

internal import Base
internal import Glibc
internal import Linux

/// A numeric address and a port, as `127.0.0.1:8443` or `[::1]:8443`.
public struct HTTPAddress: Hashable, Sendable, CustomStringConvertible {
  public var host: String
  public var port: UInt16

  /// `nil` when it is not of that form. Whether `host` is an address is found out when it is used.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty else { return nil }
    self.host = host
    self.port = port
  }

  /// Nobody else can reach it (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3).
  var isLoopback: Bool { host == "::1" || host.hasPrefix("127.") }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A bound and listening socket.
struct TCPListener: ~Copyable {
  /// The address, with the port that was given.
  let place: String
  private var socket: Descriptor?

  init(_ address: HTTPAddress, backlog: Int32) throws(Failure) {
    var hints = unsafe addrinfo()
    var found: UnsafeMutablePointer<addrinfo>?
    // SAFETY: strings and hints outlive the call; what is found is freed once, here.
    unsafe hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    let code = unsafe getaddrinfo(address.host, "\(address.port)", &hints, &found)
    guard code == 0, let found = unsafe found else {
      throw Failure(
        "cannot listen on \(address)", why: "\(address.host) is not an address",
        remedy: "give a numeric address, as 192.0.2.1:8443 or [2001:db8::1]:8443")
    }
    defer { unsafe freeaddrinfo(found) }
    let number = unsafe Glibc.socket(
      found.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw Errno.current.failure("cannot listen on \(address)") }
    let socket = Descriptor(owning: number)
    var yes: Int32 = 1
    // SAFETY: the value and the address outlive the calls, with their sizes.
    _ = unsafe setsockopt(
      number, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard unsafe bind(number, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0,
      listen(number, backlog) == 0
    else {
      let error = Errno.current
      let remedy =
        error.rawValue == EADDRINUSE ? "end who listens there, or choose another port" : nil
      throw error.failure("cannot listen on \(address)", remedy: remedy)
    }
    var bound = address
    bound.port = Self.port(of: number) ?? address.port
    place = "\(bound)"
    self.socket = consume socket
  }

  /// Gives the socket up. Traps the second time.
  mutating func releaseSocket() -> Int32 {
    guard let socket = socket.take() else { preconditionFailure("the socket was given up before") }
    return socket.release()
  }

  private static func port(of socket: Int32) -> UInt16? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: the storage has room for every address, and may be seen as the one that it holds; the port
    // is at the same place in both families (ip(7), ipv6(7)).
    return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      let isKnown = unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(socket, $0, &size) == 0
      }
      guard isKnown else { return nil }
      return unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe UInt16(bigEndian: $0.pointee.sin_port)
      }
    }
  }
}
