// What the host agent tells about multicast groups: one object of `GET /v1/groups`.

public import Wire

/// A port in a multicast group that a switch has snooped.
public struct GroupMemberStatus: Hashable, Codable, Sendable {
  /// 0 for frames without a tag; of a private VLAN the primary.
  public var vlan: UInt16
  public var group: IPAddress
  /// The port id, or the name of the uplink.
  public var port: String
  public var vm: String?
  /// The nic's device in the VM: eth0.
  public var device: String?
  /// The only senders that the port wants; with none named, it wants all.
  public var sources: [IPAddress]
  /// Until the membership ends, unless it is told again.
  public var expiresInSeconds: Int?
  public var host: String
  public var `switch`: String

  public init(
    _ group: GroupStatus, port: String, vm: String? = nil, device: String? = nil, host: String,
    switch: String
  ) {
    vlan = group.vlan
    self.group = group.group
    sources = group.sources
    expiresInSeconds = group.expiresInSeconds
    self.port = port
    self.vm = vm
    self.device = device
    self.host = host
    self.switch = `switch`
  }
}
