// Changing and removing links.

public import Base
internal import CNetlink
internal import Glibc
public import Linux
public import Wire

/// What to change about a link; `nil` leaves a thing as it is. All of it is one request.
public struct LinkChange: Sendable {
  public var name: String?
  public var macAddress: MACAddress?
  public var mtuBytes: Int?
  public var isUp: Bool?
  public var transmitQueueFrames: Int?
  /// The index of the new master; 0 for none.
  public var masterIndex: Int32?
  /// Where it moves to. It is down there unless `isUp` is true, and has its other new values.
  public var namespace: NetworkNamespace?

  public init(
    name: String? = nil, macAddress: MACAddress? = nil, mtuBytes: Int? = nil, isUp: Bool? = nil,
    transmitQueueFrames: Int? = nil, masterIndex: Int32? = nil, namespace: NetworkNamespace? = nil
  ) {
    self.name = name
    self.macAddress = macAddress
    self.mtuBytes = mtuBytes
    self.isUp = isUp
    self.transmitQueueFrames = transmitQueueFrames
    self.masterIndex = masterIndex
    self.namespace = namespace
  }
}

extension NetlinkSocket {
  /// Changes a link. When the kernel refuses one thing, those before it may have been done.
  public borrowing func change(_ key: LinkKey, _ change: LinkChange) throws(Failure) {
    let what = "cannot change link \(key)"
    if let name = change.name { try checkName(name) }
    do throws(KernelError) {
      var header = ifinfomsg(index: try indexOf(key))
      header.setUp(change.isUp)
      let request = Request(Int(RTM_NEWLINK), link: header)
      if let name = change.name { request.add(IFLA_IFNAME, name) }
      if let address = change.macAddress { request.add(IFLA_ADDRESS, address) }
      if let bytes = change.mtuBytes { request.add(IFLA_MTU, UInt32(bytes)) }
      if let frames = change.transmitQueueFrames { request.add(IFLA_TXQLEN, UInt32(frames)) }
      if let master = change.masterIndex { request.add(IFLA_MASTER, UInt32(master)) }
      if let namespace = change.namespace {
        request.add(IFLA_NET_NS_FD, UInt32(namespace.descriptor))
      }
      try perform(request)
    } catch { throw error.failure(what, device: key.description) }
  }

  public borrowing func setUp(_ key: LinkKey) throws(Failure) {
    try change(key, LinkChange(isUp: true))
  }

  public borrowing func setDown(_ key: LinkKey) throws(Failure) {
    try change(key, LinkChange(isUp: false))
  }

  public borrowing func setMACAddress(_ address: MACAddress, of key: LinkKey) throws(Failure) {
    try change(key, LinkChange(macAddress: address))
  }

  public borrowing func setMTU(bytes: Int, of key: LinkKey) throws(Failure) {
    try change(key, LinkChange(mtuBytes: bytes))
  }

  public borrowing func rename(_ key: LinkKey, to name: String) throws(Failure) {
    try change(key, LinkChange(name: name))
  }

  /// Moves a link to another namespace. Its index may change on the way.
  public borrowing func move(_ key: LinkKey, to namespace: NetworkNamespace) throws(Failure) {
    try change(key, LinkChange(namespace: namespace))
  }

  /// Makes a link a port of a bridge; `nil` takes it away from the one that it is in.
  public borrowing func setMaster(_ master: LinkKey?, of key: LinkKey) throws(Failure) {
    var index: Int32 = 0
    if let master {
      do throws(KernelError) { index = try indexOf(master) } catch {
        throw error.failure("cannot make link \(key) a port of \(master)")
      }
    }
    try change(key, LinkChange(masterIndex: index))
  }

  /// Removes a link, with its other end if it is a veth. False when there was none.
  @discardableResult
  public borrowing func delete(_ key: LinkKey) throws(Failure) -> Bool {
    do throws(KernelError) {
      try perform(request(about: key, Int(RTM_DELLINK)))
      return true
    } catch {
      if error.isMissingLink { return false }
      throw error.failure("cannot delete link \(key)", device: key.description)
    }
  }

  /// Refuses what the kernel would refuse, or would take as a pattern (`eth%d`).
  borrowing func checkName(_ name: String) throws(Failure) {
    let forbidden: Set<Character> = ["/", ":", "%", " ", "\t", "\n"]
    guard (1...15).contains(name.utf8.count), name != ".", name != "..",
      !name.contains(where: { forbidden.contains($0) })
    else {
      throw Failure(
        "cannot name a link \"\(name)\"",
        why: "a link's name has 1 to 15 bytes, without space, slash, colon and percent sign",
        remedy: "choose another name")
    }
  }
}

extension ifinfomsg {
  /// Asks for up or down; `nil` leaves it.
  mutating func setUp(_ isUp: Bool?) {
    guard let isUp else { return }
    ifi_change |= 1  // IFF_UP
    ifi_flags = isUp ? ifi_flags | 1 : ifi_flags & ~1
  }
}
