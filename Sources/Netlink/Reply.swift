// A message from the kernel, and its attributes, looked up by libnl.
//
// Only the attributes that are used are looked at, each checked for its length: a device of a kind
// that the library cannot read whole (`rtnl_link` refuses such a message) must not hide the others.

internal import CNetlink
internal import Linux
internal import Wire

/// One received message.
///
/// - Thread: valid only inside the call that it is given to.
@safe
struct Reply {
  private let header: UnsafeMutablePointer<nlmsghdr>

  // SAFETY: the caller checked with `nlmsg_ok` that the whole message lies in its buffer, and keeps the
  // buffer for as long as this value is used.
  init(_ header: UnsafeMutablePointer<nlmsghdr>) { unsafe self.header = header }

  // SAFETY: of these three: a message that `nlmsg_ok` let pass has a whole header.
  var type: Int { Int(unsafe header.pointee.nlmsg_type) }
  var flags: Int32 { Int32(unsafe header.pointee.nlmsg_flags) }
  var sequence: UInt32 { unsafe header.pointee.nlmsg_seq }

  /// The fixed part; `nil` when the message is too short for it.
  func body<Body: BitwiseCopyable>(_ type: Body.Type) -> Body? {
    // SAFETY: long enough, and every bit pattern is valid for the C structs used here.
    let bytes = unsafe nlmsg_datalen(header)
    guard bytes >= MemoryLayout<Body>.size, let data = unsafe nlmsg_data(header) else {
      return nil
    }
    return unsafe data.loadUnaligned(as: Body.self)
  }

  /// What comes after a fixed part of this type.
  func attributes<Body>(after type: Body.Type) -> Attributes {
    let bytes = Int32(MemoryLayout<Body>.size)
    // SAFETY: the length is what the header leaves after the fixed part, 0 or less when there is none.
    return unsafe Attributes(
      first: nlmsg_attrdata(header, bytes), byteCount: nlmsg_attrlen(header, bytes))
  }

  /// The error of an NLMSG_ERROR message; `nil` for a plain acknowledgement.
  var error: KernelError? {
    guard let body = body(nlmsgerr.self) else { return KernelError(number: .invalid) }
    if body.error == 0 { return nil }
    // NETLINK_CAP_ACK: the request is not repeated, so the words come right after.
    let words = attributes(after: nlmsgerr.self).string(Int(NLMSGERR_ATTR_MSG.rawValue))
    return KernelError(number: Errno(rawValue: -body.error), message: words)
  }
}

/// A run of attributes, inside the message that it came from.
@safe
struct Attributes {
  private let first: UnsafeMutablePointer<nlattr>?
  private let byteCount: Int32

  init(first: UnsafeMutablePointer<nlattr>?, byteCount: Int32) {
    // SAFETY: the caller answers for `byteCount` bytes from `first`, alive while this value is used.
    unsafe self.first = first
    self.byteCount = byteCount
  }

  private func find(_ type: Int) -> UnsafeMutablePointer<nlattr>? {
    // SAFETY: libnl checks each length against `byteCount`.
    guard let first = unsafe first, byteCount > 0 else { return nil }
    return unsafe nla_find(first, byteCount, Int32(type))
  }

  /// A value with exactly the size of its type, or a longer struct of a newer kernel.
  func value<Value: BitwiseCopyable>(_ type: Int, as: Value.Type = Value.self) -> Value? {
    // SAFETY: long enough; netlink aligns to four bytes only.
    guard let found = unsafe find(type), unsafe nla_len(found) >= MemoryLayout<Value>.size else {
      return nil
    }
    return unsafe nla_data(found).loadUnaligned(as: Value.self)
  }

  /// Text without the null at its end.
  func string(_ type: Int) -> String? {
    guard let found = unsafe find(type) else { return nil }
    // SAFETY: the bytes are copied, and libnl checked the length.
    let bytes = unsafe UnsafeRawBufferPointer(start: nla_data(found), count: Int(nla_len(found)))
    return unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// An address of six octets; `nil` for devices that have another kind.
  func macAddress(_ type: Int) -> MACAddress? {
    guard let found = unsafe find(type), unsafe nla_len(found) == 6 else { return nil }
    // SAFETY: six bytes, checked.
    let bytes = unsafe UnsafeRawBufferPointer(start: nla_data(found), count: 6)
    return unsafe MACAddress(rawValue: bytes.reduce(0) { $0 << 8 | UInt64($1) })
  }

  /// Attributes inside an attribute; none when it is missing.
  func nested(_ type: Int) -> Attributes {
    guard let found = unsafe find(type) else { return unsafe Attributes(first: nil, byteCount: 0) }
    // SAFETY: libnl checked that the nest lies inside the message.
    return unsafe Attributes(
      first: nla_data(found).assumingMemoryBound(to: nlattr.self), byteCount: nla_len(found))
  }
}
