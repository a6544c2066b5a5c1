// Addresses as text, against inet_pton(3).

internal import Base
internal import Glibc
internal import Wire

func exerciseText(_ bytes: RawSpan) {
  // The C library's string ends at a zero.
  let text = String(decoding: copy(of: bytes).filter { $0 != 0 }, as: UTF8.self)
  let v4 = IPv4Address(text)
  let v6 = IPv6Address(text)
  precondition(v4 == reference4(text), "not what inet_pton makes of an IPv4 address")
  precondition(v6 == reference6(text), "not what inet_pton makes of an IPv6 address")
  if let v4 { checkText(v4) }
  if let v6 { checkText(v6) }
  if let address = IPAddress(text) { checkText(address) }
  if let mac = MACAddress(text) { checkText(mac) }
  if let prefix = IPPrefix(text) {
    checkText(prefix)
    checkText(prefix.network)
    precondition(prefix.contains(prefix.address), "an address outside its own network")
    precondition(prefix.network.isNetwork, "a network with a host part")
  }
}

private func checkText<Value: LosslessStringConvertible & Equatable>(_ value: Value) {
  precondition(Value(value.description) == value, "a value changed on its way through text")
}

private func reference4(_ text: String) -> IPv4Address? {
  var address = in_addr()
  // SAFETY: `inet_pton` writes four bytes, the size of `in_addr`.
  guard unsafe inet_pton(AF_INET, text, &address) == 1 else { return nil }
  return IPv4Address(rawValue: UInt32(bigEndian: address.s_addr))
}

private func reference6(_ text: String) -> IPv6Address? {
  var octets = [UInt8](repeating: 0, count: 16)
  // SAFETY: `inet_pton` writes sixteen bytes, the size of the array.
  guard unsafe inet_pton(AF_INET6, text, &octets) == 1 else { return nil }
  return octets.rawSpan.ipv6Address(at: 0)
}
