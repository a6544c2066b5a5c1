// What the host agent tells about multicast groups: one object of `martlet group list -o json`.

public import Wire

/// A port in a multicast group, on a switch that snoops.
public struct GroupMemberStatus: Hashable, Codable, Sendable {
  /// Which senders `sources` names.
  public enum Mode: String, CaseIterable, Hashable, Codable, Sendable {
    /// Those that the port wants.
    case include
    /// Those that it does not want.
    case exclude
  }

  public var host: String
  public var `switch`: String
  /// 0 for frames without a tag; of a private VLAN the primary.
  public var vlan: UInt16
  public var group: IPAddress
  /// The port id, or the name of the uplink.
  public var port: String
  public var vm: String?
  /// The nic's device in the VM: eth0.
  public var device: String?
  public var mode: Mode
  public var sources: [IPAddress]
  /// Since the port joined.
  public var ageSeconds: Int?
  /// Until the membership ends, unless it is told again.
  public var expiresInSeconds: Int?

  public init(
    host: String, switch: String, vlan: UInt16, group: IPAddress, port: String,
    vm: String? = nil, device: String? = nil, mode: Mode, sources: [IPAddress] = [],
    ageSeconds: Int? = nil, expiresInSeconds: Int? = nil
  ) {
    self.host = host
    self.switch = `switch`
    self.vlan = vlan
    self.group = group
    self.port = port
    self.vm = vm
    self.device = device
    self.mode = mode
    self.sources = sources
    self.ageSeconds = ageSeconds
    self.expiresInSeconds = expiresInSeconds
  }
}
