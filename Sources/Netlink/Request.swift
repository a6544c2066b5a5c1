// A message to the kernel, put together by libnl (rtnetlink(7)).
//
// Invariant: `message` is freed once. A message has one page of room, far more than any request
// here needs, so running out of it is a mistake in this module and a trap.

internal import CNetlink
internal import Linux
internal import Wire

/// One request: a header, then attributes in the order in which they are added.
@safe
struct Request: ~Copyable {
  let message: OpaquePointer

  /// An empty request of an RTM_ type. Acknowledgement is asked for when it is sent.
  private init(type: Int, flags: Int32) {
    // SAFETY: a new message of one page, which is this value's from here on.
    guard let message = unsafe nlmsg_alloc_simple(Int32(type), flags) else {
      preconditionFailure("there is memory for a page")
    }
    unsafe self.message = message
  }

  /// Takes over a message that libnl built.
  // SAFETY: the caller gives up the message: it is freed here and nowhere else.
  init(owning message: OpaquePointer) { unsafe self.message = message }

  /// A request about a link; index 0 means "by name".
  init(_ type: Int, flags: Int32 = 0, link header: ifinfomsg) {
    self.init(type: type, flags: flags)
    append(header)
  }

  /// A request about the queueing disciplines of all links.
  init(_ type: Int, flags: Int32 = 0, qdisc header: tcmsg) {
    self.init(type: type, flags: flags)
    append(header)
  }

  // SAFETY: the message is this value's alone, and the value cannot be copied.
  deinit { unsafe nlmsg_free(message) }

  /// The sequence number that `nl_send_auto` gave it.
  // SAFETY: the header is the first part of a message that lives as long as this value.
  var sequence: UInt32 { unsafe nlmsg_hdr(message).pointee.nlmsg_seq }

  private borrowing func append<Header: BitwiseCopyable>(_ header: Header) {
    var header = header
    // SAFETY: the bytes are copied during the call.
    let result = unsafe nlmsg_append(message, &header, MemoryLayout<Header>.size, 4)
    precondition(result == 0, "no room in a netlink message")
  }

  /// A second header inside a nest: the peer of a veth pair.
  borrowing func addHeader(_ header: ifinfomsg) { append(header) }

  borrowing func add(_ attribute: Int, _ value: UInt8) {
    // SAFETY: the message is alive, and libnl checks that the attribute fits in it.
    check(unsafe nla_put_u8(message, Int32(attribute), value))
  }

  borrowing func add(_ attribute: Int, _ value: UInt16) {
    // SAFETY: the message is alive, and libnl checks that the attribute fits in it.
    check(unsafe nla_put_u16(message, Int32(attribute), value))
  }

  borrowing func add(_ attribute: Int, _ value: UInt32) {
    // SAFETY: the message is alive, and libnl checks that the attribute fits in it.
    check(unsafe nla_put_u32(message, Int32(attribute), value))
  }

  borrowing func add(_ attribute: Int, _ value: String) {
    // SAFETY: Swift ends the text with a null, and libnl copies it into the message during the call.
    check(unsafe nla_put_string(message, Int32(attribute), value))
  }

  borrowing func add(_ attribute: Int, _ value: MACAddress) {
    let octets = (0..<6).map { value.octet($0) }
    // SAFETY: the count is that of the array, which is copied into the message during the call.
    check(unsafe nla_put(message, Int32(attribute), Int32(octets.count), octets))
  }

  /// Attributes inside an attribute.
  borrowing func nest(_ attribute: Int, _ body: () -> Void) {
    // SAFETY: `start` is a place in this message, which never moves.
    guard let start = unsafe nla_nest_start(message, Int32(attribute)) else {
      preconditionFailure("no room in a netlink message")
    }
    body()
    _ = unsafe nla_nest_end(message, start)
  }

  private borrowing func check(_ result: Int32) {
    precondition(result == 0, "no room in a netlink message")
  }
}

extension ifinfomsg {
  /// A header for the link with this index; 0 leaves the choice to a name or to the kernel.
  init(index: Int32, family: Int32 = 0) {
    self.init()
    ifi_index = index
    ifi_family = UInt8(family)
  }
}
