// What the agent asks of network devices: address, size, up, carrier.

internal import Base
internal import Linux
internal import Netlink
internal import Wire

/// Device settings through netlink.
enum DeviceControl {
  /// Gives a vNIC its size, and an address if it is to have one, and sets it up if so wanted. What is
  /// right already is not touched.
  static func configure(
    _ device: String, in namespace: NetworkNamespace, mac: MACAddress?, mtu: Int, setsUp: Bool
  ) throws(Failure) {
    let socket = try NetlinkSocket(in: namespace)
    let link = try socket.link(.name(device))
    var change = LinkChange(isUp: setsUp ? true : nil)
    if let mac, link?.macAddress != mac { change.macAddress = mac }
    if link?.mtuBytes != mtu { change.mtuBytes = mtu }
    try socket.change(.name(device), change)
  }

  static func exists(_ device: String, in namespace: NetworkNamespace) throws(Failure) -> Bool {
    try NetlinkSocket(in: namespace).link(.name(device)) != nil
  }

  /// Removes a device if it is there.
  static func delete(_ device: String, in namespace: NetworkNamespace) throws(Failure) {
    _ = try NetlinkSocket(in: namespace).delete(.name(device))
  }

  /// Sets a nic of the host up, with room for frames of the switch's size.
  static func prepareUplink(_ nic: String, mtu: Int) throws(Failure) {
    let socket = try NetlinkSocket()
    var change = LinkChange(isUp: true)
    if let link = try socket.link(.name(nic)), link.mtuBytes < mtu { change.mtuBytes = mtu }
    try socket.change(.name(nic), change)
  }

  /// Whether a nic of the host is up and has a carrier; false when it is not there.
  static func hasLink(_ nic: String) throws(Failure) -> Bool {
    try NetlinkSocket().link(.name(nic))?.isLinkUp ?? false
  }

  /// The speed that a nic of the host claims; nil when its driver knows none.
  static func speedMbps(_ nic: String) -> Int? {
    do throws(Errno) { return try LinkQuery().speedMbps(nic) } catch { return nil }
  }
}
