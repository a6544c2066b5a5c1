// Making links: veth pairs between namespaces, and bridges (veth(4), if_link.h).

public import Base
internal import CNetlink
internal import Glibc
public import Linux
public import Wire

/// One end of a veth pair.
public struct VethEnd: Sendable {
  public var name: String
  public var namespace: NetworkNamespace
  /// `nil` lets the kernel choose a random one.
  public var macAddress: MACAddress?
  public var mtuBytes: Int?
  public var isUp: Bool
  /// A wanted index; both ends have one or neither.
  public var index: Int32?

  public init(
    _ name: String, in namespace: NetworkNamespace, macAddress: MACAddress? = nil,
    mtuBytes: Int? = nil, isUp: Bool = false, index: Int32? = nil
  ) {
    self.name = name
    self.namespace = namespace
    self.macAddress = macAddress
    self.mtuBytes = mtuBytes
    self.isUp = isUp
    self.index = index
  }
}

/// How a bridge works. The defaults make a plain learning switch that forwards at once.
public struct BridgeOptions: Sendable {
  public var macAddress: MACAddress?
  public var mtuBytes: Int?
  public var isUp = true
  /// How long a learned address lasts; 0 floods everything.
  public var ageingSeconds = 300
  /// Send multicast only where IGMP and MLD asked for it.
  public var snoopsMulticast = false

  public init() {}
}

extension NetlinkSocket {
  /// Makes a veth pair with each end in its namespace under its name at once.
  ///
  /// The ends never get the same index: a pair whose ends have the same one in two namespaces looks
  /// to the kernel like a device on its own, and the loss of its carrier is then announced up to a
  /// second late (`linkwatch_urgent_event`, net/core/link_watch.c).
  /// - Returns: the index of each end in its namespace.
  /// - Errors: a name or an index is taken; then nothing was made.
  @discardableResult
  public static func createVethPair(_ first: VethEnd, _ second: VethEnd) throws(Failure)
    -> (first: Int32, second: Int32)
  {
    precondition((first.index == nil) == (second.index == nil), "both ends have an index or none")
    // In the first end's namespace, where kernels before 6.15 look whether the index is free.
    let socket = try NetlinkSocket(in: first.namespace)
    try socket.checkName(first.name)
    try socket.checkName(second.name)
    let made: (first: Int32, second: Int32)
    do throws(KernelError) { made = try socket.createDistinctVeth(first, second) } catch {
      throw error.failure(
        "cannot create veth pair \(first.name) and \(second.name)", device: first.name)
    }
    // The driver cannot open the second end of a pair that is still being made.
    if second.isUp {
      do throws(Failure) {
        try NetlinkSocket(in: second.namespace).setUp(.index(made.second))
      } catch {
        try socket.delete(.index(made.first))
        throw error
      }
    }
    return made
  }

  /// Makes a pair; where the kernel chose equal indices, makes it again with others near by.
  private borrowing func createDistinctVeth(_ first: VethEnd, _ second: VethEnd)
    throws(KernelError) -> (first: Int32, second: Int32)
  {
    var made = try createVeth(first, second)
    for offset in 1...256 as ClosedRange<Int32> where made.first == made.second {
      var (left, right) = (first, second)
      left.index = made.first
      right.index = made.first + offset
      try perform(request(about: .index(made.first), Int(RTM_DELLINK)))
      do throws(KernelError) { made = try createVeth(left, right) } catch {
        // The index is taken.
        guard error.number == .exists || error.number == .busy else { throw error }
        made = try createVeth(first, second)
      }
    }
    guard made.first != made.second else {
      try perform(request(about: .index(made.first), Int(RTM_DELLINK)))
      throw KernelError(number: .exists, message: "no index is free in both namespaces")
    }
    return made
  }

  /// One end in this socket's namespace, the other in its own.
  private borrowing func createVeth(_ first: VethEnd, _ second: VethEnd) throws(KernelError)
    -> (first: Int32, second: Int32)
  {
    var header = ifinfomsg(index: first.index ?? 0)
    header.setUp(first.isUp)
    let request = Request(Int(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL, link: header)
    request.add(first)
    request.nest(IFLA_LINKINFO) {
      request.add(IFLA_INFO_KIND, "veth")
      request.nest(IFLA_INFO_DATA) {
        request.nest(VETH_INFO_PEER) {
          request.addHeader(ifinfomsg(index: second.index ?? 0))
          request.add(second)
          request.add(IFLA_NET_NS_FD, UInt32(second.namespace.descriptor))
        }
      }
    }
    try perform(request)
    guard let made = try find(.name(first.name)), let peer = made.peerIndex else {
      throw KernelError(number: .noDevice, message: "it was removed as soon as it was made")
    }
    return (made.index, peer)
  }

  /// Makes a bridge without spanning tree: a port forwards as soon as it is up.
  ///
  /// - Returns: its index.
  @discardableResult
  public borrowing func createBridge(
    _ name: String, _ options: BridgeOptions = BridgeOptions()
  ) throws(Failure) -> Int32 {
    try checkName(name)
    do throws(KernelError) {
      var header = ifinfomsg(index: 0)
      header.setUp(options.isUp)
      let request = Request(Int(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL, link: header)
      request.add(IFLA_IFNAME, name)
      if let address = options.macAddress { request.add(IFLA_ADDRESS, address) }
      if let bytes = options.mtuBytes { request.add(IFLA_MTU, UInt32(bytes)) }
      request.nest(IFLA_LINKINFO) {
        request.add(IFLA_INFO_KIND, "bridge")
        request.nest(IFLA_INFO_DATA) {
          request.add(IFLA_BR_STP_STATE, UInt32(0))
          request.add(IFLA_BR_FORWARD_DELAY, UInt32(0))
          // Times of a bridge are in hundredths of a second.
          request.add(IFLA_BR_AGEING_TIME, UInt32(options.ageingSeconds * 100))
          request.add(IFLA_BR_MCAST_SNOOPING, UInt8(options.snoopsMulticast ? 1 : 0))
        }
      }
      try perform(request)
      return try indexOf(.name(name))
    } catch { throw error.failure("cannot create bridge \(name)", device: name) }
  }
}

extension Request {
  fileprivate borrowing func add(_ end: VethEnd) {
    add(IFLA_IFNAME, end.name)
    if let address = end.macAddress { add(IFLA_ADDRESS, address) }
    if let bytes = end.mtuBytes { add(IFLA_MTU, UInt32(bytes)) }
  }
}
