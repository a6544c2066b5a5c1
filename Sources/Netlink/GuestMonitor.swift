// Watches what the nics of one VM ask for, from outside its namespace.
//
// What comes as an event, and what does not:
//   address, up or down, carrier, bridge, promiscuous    RTNLGRP_LINK, at once (within a millisecond)
//   all multicast, set by somebody (`ip link`)           RTNLGRP_LINK
//   all multicast, asked for by a router or a socket     none: `refresh`
//   an IP group joined or left                           RTNLGRP_IPV4_MCADDR, _IPV6_MCADDR: Linux 6.14
//   a group of another protocol (packet sockets)         none: `pollMulticast`
//   tc put in front of a device                          RTNLGRP_TC
// An event about groups only says where to look: the list comes from `MulticastFile`.
//
// Invariant: a nic is the device that had the name when it was first seen, whatever the guest calls it
// later; when it is gone, the next device with that name takes its place.

public import Base
internal import CNetlink
internal import Glibc
public import Linux

/// Tells what the nics of a namespace ask for, and each change of it.
///
/// - Thread: one at a time, any. It holds three descriptors, and with them the namespace.
public struct GuestMonitor: ~Copyable, Sendable {
  /// How many nics one monitor watches.
  public static let nicsMax = 64

  /// What changed about a nic.
  public struct Change: Hashable, Sendable {
    /// The name that it is watched by.
    public var device: String
    /// As it is now; `nil` when it is gone.
    public var nic: GuestNIC?
  }

  private struct Watched {
    var device: String
    var nic: GuestNIC?
    /// What the caller was told last.
    var told: GuestNIC?
  }

  private struct Opened: ~Copyable, Sendable {
    let events: Channel
    let requests: NetlinkSocket
    let multicast: MulticastFile
    let hearsMulticast: Bool

    /// For the calling thread's namespace.
    static func here(receiveBufferBytes: Int) throws(Failure) -> Opened {
      let requests = try NetlinkSocket()
      let multicast = try telling { () throws(Errno) in try MulticastFile() }
      let events = try telling { () throws(Errno) in try listen(receiveBufferBytes) }
      // Kernels that do not know a group refuse it.
      let joined = multicastGroups.count { (try? events.join($0)) != nil }
      return Opened(
        events: events, requests: requests, multicast: multicast,
        hearsMulticast: joined == multicastGroups.count)
    }

    private static func listen(_ receiveBufferBytes: Int) throws(Errno) -> Channel {
      let channel = try Channel()
      // Root may go over net.core.rmem_max; others get as much as that.
      channel.setOption(SOL_SOCKET, SO_RCVBUF, Int32(clamping: receiveBufferBytes))
      channel.setOption(SOL_SOCKET, SO_RCVBUFFORCE, Int32(clamping: receiveBufferBytes))
      try channel.join(Int32(RTNLGRP_LINK.rawValue))
      try channel.join(Int32(RTNLGRP_TC.rawValue))
      return channel
    }

    private static func telling<Value: ~Copyable>(
      _ body: () throws(Errno) -> Value
    ) throws(Failure) -> Value {
      do throws(Errno) { return try body() } catch {
        throw error.failure("cannot watch the nics of a namespace")
      }
    }
  }

  private let open: Opened
  private var watched: [Watched] = []
  private var multicastText: [UInt8] = []
  private var multicastTable = MulticastTable([])

  /// Opens the sockets and files in the namespace, once. An event takes about 2 KiB of the buffer.
  public init(in namespace: NetworkNamespace, receiveBufferBytes: Int = 256 << 10) throws(Failure) {
    open = try namespace.run { () throws(Failure) in
      try Opened.here(receiveBufferBytes: receiveBufferBytes)
    }
  }

  /// Readable when there is news.
  public var descriptor: Int32 { open.events.descriptor }

  /// The kernel tells of IP groups, so that polling is left for groups of other protocols.
  public var hearsMulticast: Bool { open.hearsMulticast }

  /// Watches a device from now on; `nil` when there is none of that name yet.
  ///
  /// - Errors: too many are watched, or the kernel does not answer.
  public mutating func watch(_ device: String) throws(Failure) -> GuestNIC? {
    forget(device)
    guard watched.count < Self.nicsMax else {
      throw Failure(
        "cannot watch nic \(device)", why: "\(Self.nicsMax) of this VM are watched already",
        remedy: "give the VM fewer nics")
    }
    let link = try open.requests.link(.name(device))
    try readMulticast()
    var row = Watched(device: device, nic: link.map { GuestNIC($0) })
    row.nic?.setMulticast(multicastTable)
    watched.append(row)
    try readQdiscs()
    watched[watched.count - 1].told = watched[watched.count - 1].nic
    return watched[watched.count - 1].nic
  }

  public mutating func forget(_ device: String) { watched.removeAll { $0.device == device } }

  /// What changed since the caller was told, as far as the kernel has sent news; never blocks.
  ///
  /// - Parameter limit: how many datagrams to read at most; the rest keeps the descriptor readable.
  public mutating func readChanges(limit: Int = 256) throws(Failure) -> [Change] {
    var mustList = false
    var mustReadMulticast = false
    var mustReadQdiscs = false
    for _ in 0..<limit {
      var links: [(link: Link, isGone: Bool)] = []
      do throws(Errno) {
        try open.events.receive(waiting: false) { reply in
          if let link = Link(reply) {
            links.append((link, reply.type == RTM_DELLINK))
          } else if multicastTypes.contains(reply.type) {
            mustReadMulticast = true
          } else if reply.type == RTM_NEWQDISC || reply.type == RTM_DELQDISC {
            mustReadQdiscs = true
          }
        }
      } catch .again { break } catch .noBufferSpace { mustList = true } catch {
        throw error.failure("cannot read link events")
      }
      for (link, isGone) in links where apply(link, isGone: isGone) { mustReadMulticast = true }
    }
    if mustList { return try refresh() }
    if mustReadMulticast { try readMulticast() }
    if mustReadQdiscs { try readQdiscs() }
    return changes()
  }

  /// Looks at the multicast addresses only, which not every change announces.
  ///
  /// - Cost: one read of a file, about seven microseconds, no lock; nothing more when it is unchanged.
  public mutating func pollMulticast() throws(Failure) -> [Change] {
    try readMulticast()
    return changes()
  }

  /// Looks at everything anew, also at what no event tells.
  ///
  /// - Cost: one request a nic, about 20 microseconds, and it waits for the kernel's rtnl lock.
  public mutating func refresh() throws(Failure) -> [Change] {
    for place in watched.indices {
      let key = watched[place].nic.map { LinkKey.index($0.index) }
      var link: Link?
      if let key { link = try open.requests.link(key) }
      if link == nil { link = try open.requests.link(.name(watched[place].device)) }
      guard let link else {
        watched[place].nic = nil
        continue
      }
      watched[place].nic = GuestNIC(link)
      watched[place].nic?.setMulticast(multicastTable)
    }
    try readMulticast()
    try readQdiscs()
    return changes()
  }

  // MARK: State

  /// True when the event is about a nic that is watched.
  private mutating func apply(_ link: Link, isGone: Bool) -> Bool {
    if let place = watched.firstIndex(where: { $0.nic?.index == link.index }) {
      if isGone {
        watched[place].nic = nil
      } else {
        watched[place].nic?.update(link)
      }
      return true
    }
    guard !isGone,
      let place = watched.firstIndex(where: { $0.nic == nil && $0.device == link.name })
    else { return false }
    watched[place].nic = GuestNIC(link)
    watched[place].nic?.setMulticast(multicastTable)
    return true
  }

  private mutating func readMulticast() throws(Failure) {
    do throws(Errno) {
      let text = try open.multicast.read()
      guard text != multicastText else { return }
      multicastText = text
      multicastTable = MulticastTable(text)
    } catch { throw error.failure("cannot read the multicast addresses of a namespace") }
    for place in watched.indices { watched[place].nic?.setMulticast(multicastTable) }
  }

  private mutating func readQdiscs() throws(Failure) {
    let links = try open.requests.linksWithIngressQdisc()
    for place in watched.indices {
      guard let index = watched[place].nic?.index else { continue }
      watched[place].nic?.hasIngressQdisc = links.contains(index)
    }
  }

  private mutating func changes() -> [Change] {
    var changes: [Change] = []
    for place in watched.indices where watched[place].nic != watched[place].told {
      watched[place].told = watched[place].nic
      changes.append(Change(device: watched[place].device, nic: watched[place].nic))
    }
    return changes
  }
}

/// RTNLGRP_IPV4_MCADDR and RTNLGRP_IPV6_MCADDR, which the headers of Debian 12 do not have.
private let multicastGroups: [Int32] = [37, 38]

/// RTM_NEWMULTICAST and RTM_DELMULTICAST.
private let multicastTypes = 56...57
