// Looking: links, their statistics, and what a bridge has learned.

public import Base
internal import CNetlink
internal import Glibc
internal import Linux
public import Wire

/// What a device has counted since it was made.
public struct LinkStatistics: Hashable, Sendable {
  public var receivedFrames: UInt64
  public var receivedBytes: UInt64
  public var receivedDropped: UInt64
  public var receivedErrors: UInt64
  public var sentFrames: UInt64
  public var sentBytes: UInt64
  public var sentDropped: UInt64
  public var sentErrors: UInt64
}

/// One row of a bridge's forwarding table.
public struct BridgeEntry: Hashable, Sendable {
  public var macAddress: MACAddress
  /// The bridge port behind which the address is, or the bridge itself.
  public var portIndex: Int32
  /// `nil` on a bridge that does not look at VLANs.
  public var vlan: UInt16?
  /// An address of the port or the bridge itself, or one that somebody set; not learned.
  public var isPermanent: Bool
}

extension NetlinkSocket {
  /// All links of the namespace, by index.
  public borrowing func links() throws(Failure) -> [Link] {
    do throws(KernelError) {
      let request = Request(Int(RTM_GETLINK), flags: NLM_F_DUMP, link: ifinfomsg(index: 0))
      request.add(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
      return try rows(request) { Link($0) }.sorted { $0.index < $1.index }
    } catch { throw error.failure("cannot list the links") }
  }

  /// One link; `nil` when there is none. Makes the kernel announce a carrier that it held back.
  public borrowing func link(_ key: LinkKey) throws(Failure) -> Link? {
    do throws(KernelError) { return try find(key) } catch {
      throw error.failure("cannot look at link \(key)")
    }
  }

  /// What a device has counted; `nil` when there is no such device.
  public borrowing func statistics(_ key: LinkKey) throws(Failure) -> LinkStatistics? {
    var counted: rtnl_link_stats64?
    do throws(KernelError) {
      try perform(request(about: key, Int(RTM_GETLINK))) { reply in
        counted = reply.attributes(after: ifinfomsg.self).value(IFLA_STATS64)
      }
    } catch {
      if error.isMissingLink { return nil }
      throw error.failure("cannot read the statistics of link \(key)")
    }
    return counted.map {
      LinkStatistics(
        receivedFrames: $0.rx_packets, receivedBytes: $0.rx_bytes, receivedDropped: $0.rx_dropped,
        receivedErrors: $0.rx_errors, sentFrames: $0.tx_packets, sentBytes: $0.tx_bytes,
        sentDropped: $0.tx_dropped, sentErrors: $0.tx_errors)
    }
  }

  /// Where a bridge has each address, in no order. Empty for a link that is no bridge.
  public borrowing func bridgeEntries(_ bridge: LinkKey) throws(Failure) -> [BridgeEntry] {
    let what = "cannot read the forwarding table of bridge \(bridge)"
    do throws(KernelError) {
      let index = try indexOf(bridge)
      let header = ifinfomsg(index: 0, family: AF_BRIDGE)
      let request = Request(Int(RTM_GETNEIGH), flags: NLM_F_DUMP, link: header)
      request.add(IFLA_MASTER, UInt32(index))
      return try rows(request) { BridgeEntry($0, bridge: index) }
    } catch { throw error.failure(what) }
  }

  /// The links whose received frames go through tc first: it may hand them to another device.
  borrowing func linksWithIngressQdisc() throws(Failure) -> Set<Int32> {
    do throws(KernelError) {
      let request = Request(Int(RTM_GETQDISC), flags: NLM_F_DUMP, qdisc: tcmsg())
      return Set(
        try rows(request) { reply in
          guard reply.type == RTM_NEWQDISC, let body = reply.body(tcmsg.self),
            body.tcm_parent == ingressParent
          else { return nil }
          return body.tcm_ifindex
        })
    } catch { throw error.failure("cannot list the queueing disciplines") }
  }

  borrowing func find(_ key: LinkKey) throws(KernelError) -> Link? {
    var found: Link?
    do throws(KernelError) {
      let request = request(about: key, Int(RTM_GETLINK))
      request.add(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
      try perform(request) { found = Link($0) ?? found }
    } catch {
      if error.isMissingLink { return nil }
      throw error
    }
    return found
  }

  /// The index of a link that must be there.
  borrowing func indexOf(_ key: LinkKey) throws(KernelError) -> Int32 {
    if case .index(let index) = key { return index }
    guard let link = try find(key) else { throw KernelError(number: .noDevice) }
    return link.index
  }

  /// A request whose header or first attribute says which link it is about.
  borrowing func request(about key: LinkKey, _ type: Int) -> Request {
    switch key {
    case .index(let index): return Request(type, link: ifinfomsg(index: index))
    case .name(let name):
      let request = Request(type, link: ifinfomsg(index: 0))
      request.add(IFLA_IFNAME, name)
      return request
    }
  }
}

/// TC_H_INGRESS: the parent of `ingress` and `clsact`.
private let ingressParent: UInt32 = 0xFFFF_FFF1

extension KernelError {
  /// There is no link of that name or index, or there cannot be.
  var isMissingLink: Bool { number == .noDevice || number.rawValue == ERANGE }
}

extension BridgeEntry {
  /// Reads a row of the bridge itself; `nil` for rows of a port's own address filter.
  init?(_ reply: Reply, bridge: Int32) {
    guard reply.type == RTM_NEWNEIGH, let body = reply.body(ndmsg.self) else { return nil }
    let attributes = reply.attributes(after: ndmsg.self)
    guard let address = attributes.macAddress(Int(NDA_LLADDR)),
      attributes.value(Int(NDA_MASTER)) == bridge || body.ndm_ifindex == bridge
    else { return nil }
    macAddress = address
    portIndex = body.ndm_ifindex
    vlan = attributes.value(Int(NDA_VLAN))
    isPermanent = Int32(body.ndm_state) & NUD_PERMANENT != 0
  }
}
