// Addresses and routes of a link (rtnetlink(7)): RTM_NEWADDR and RTM_NEWROUTE, put together by
// libnl-route.

public import Base
internal import CNetlink
internal import Glibc
internal import Linux
public import Wire

extension NetlinkSocket {
  /// Gives a link an address and the route to its network.
  ///
  /// An IPv6 address is usable at once: duplicate address detection, which takes a second or two
  /// and needs a carrier, is left out unless asked for.
  public borrowing func addAddress(
    _ prefix: IPPrefix, to key: LinkKey, detectsDuplicates: Bool = false
  ) throws(Failure) {
    do throws(KernelError) {
      let nodad = UInt32(detectsDuplicates ? 0 : IFA_F_NODAD)
      let address = try AddressObject.make(prefix, link: try indexOf(key), flags: nodad)
      try perform(address.addRequest())
    } catch {
      throw error.failure("cannot add address \(prefix) to link \(key)", device: key.description)
    }
  }

  /// Takes an address away. False when the link did not have it.
  @discardableResult
  public borrowing func deleteAddress(_ prefix: IPPrefix, from key: LinkKey) throws(Failure)
    -> Bool
  {
    do throws(KernelError) {
      let address = try AddressObject.make(prefix, link: try indexOf(key), flags: 0)
      try perform(address.deleteRequest())
      return true
    } catch {
      if error.number.rawValue == EADDRNOTAVAIL { return false }
      throw error.failure("cannot delete address \(prefix) from link \(key)")
    }
  }

  /// Sends what has no better route to a gateway.
  public borrowing func addDefaultRoute(via gateway: IPAddress) throws(Failure) {
    do throws(KernelError) { try perform(defaultRoute(via: gateway)) } catch {
      throw error.failure("cannot add a default route via \(gateway)")
    }
  }
}

/// libnl's object for an address on a link.
@safe
private struct AddressObject: ~Copyable {
  private let object: OpaquePointer

  // SAFETY: the caller gives up its reference: it is given back in `deinit`.
  private init(owning object: OpaquePointer) { unsafe self.object = object }

  static func make(_ prefix: IPPrefix, link index: Int32, flags: UInt32) throws(KernelError)
    -> AddressObject
  {
    // SAFETY: `made` frees the object, also when this throws; `rtnl_addr_set_local` takes a reference
    // of its own to the address, and ours is given back.
    guard let object = unsafe rtnl_addr_alloc() else { throw KernelError(number: .noBufferSpace) }
    let made = unsafe AddressObject(owning: object)
    unsafe rtnl_addr_set_ifindex(object, index)
    if flags != 0, case .v6 = prefix.address { unsafe rtnl_addr_set_flags(object, flags) }
    let local = unsafe addressObject(prefix.address, length: prefix.length)
    let result = unsafe rtnl_addr_set_local(object, local)
    unsafe nl_addr_put(local)
    guard result == 0 else { throw KernelError(number: .invalid) }
    return made
  }

  // SAFETY: the object is this value's alone, and the value cannot be copied.
  deinit { unsafe rtnl_addr_put(object) }

  borrowing func addRequest() throws(KernelError) -> Request {
    var message: OpaquePointer?
    // SAFETY: the message is this call's, and goes to the request.
    let result = unsafe rtnl_addr_build_add_request(object, NLM_F_CREATE | NLM_F_EXCL, &message)
    guard result == 0, let message = unsafe message else { throw KernelError(number: .invalid) }
    return unsafe Request(owning: message)
  }

  borrowing func deleteRequest() throws(KernelError) -> Request {
    var message: OpaquePointer?
    // SAFETY: the message is this call's, and goes to the request.
    let result = unsafe rtnl_addr_build_delete_request(object, 0, &message)
    guard result == 0, let message = unsafe message else { throw KernelError(number: .invalid) }
    return unsafe Request(owning: message)
  }
}

private func defaultRoute(via gateway: IPAddress) throws(KernelError) -> Request {
  guard let route = unsafe rtnl_route_alloc(), let hop = unsafe rtnl_route_nh_alloc() else {
    throw KernelError(number: .noBufferSpace)
  }
  defer { unsafe rtnl_route_put(route) }
  let anywhere: IPAddress
  switch gateway {
  case .v4: anywhere = .v4(.unspecified)
  case .v6: anywhere = .v6(.unspecified)
  }
  // SAFETY: the route owns its next hop; both copy the addresses, which are given back.
  let destination = unsafe addressObject(anywhere, length: 0)
  let next = unsafe addressObject(gateway, length: gateway.bitCount)
  unsafe rtnl_route_set_dst(route, destination)
  unsafe rtnl_route_nh_set_gateway(hop, next)
  unsafe rtnl_route_add_nexthop(route, hop)
  unsafe nl_addr_put(destination)
  unsafe nl_addr_put(next)
  var message: OpaquePointer?
  let result = unsafe rtnl_route_build_add_request(route, NLM_F_CREATE | NLM_F_EXCL, &message)
  guard result == 0, let message = unsafe message else { throw KernelError(number: .invalid) }
  return unsafe Request(owning: message)
}

/// libnl's object for an address; given back with `nl_addr_put`.
private func addressObject(_ address: IPAddress, length: Int) -> OpaquePointer? {
  let octets: [UInt8]
  let family: Int32
  switch address {
  case .v4(let address):
    family = AF_INET
    octets = (0..<4).map { UInt8(truncatingIfNeeded: address.rawValue >> (24 - 8 * UInt32($0))) }
  case .v6(let address):
    family = AF_INET6
    octets = (0..<16).map { index in
      let half = index < 8 ? address.high : address.low
      return UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64(index % 8)))
    }
  }
  // SAFETY: the octets are copied during the call.
  let object = unsafe nl_addr_build(family, octets, octets.count)
  unsafe nl_addr_set_prefixlen(object, Int32(length))
  return unsafe object
}
