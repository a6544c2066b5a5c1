// What the driver of a guest told its virtual nic to receive: QEMU's answer to `query-rx-filter`
// (qapi/net.json, RxFilterInfo).
//
// What QEMU says before a driver has said anything: a virtio nic is promiscuous then. And what it
// says wrongly: `broadcast-allowed` of a virtio nic is the reverse of the truth (hw/net/virtio-net.c
// reports `nobcast`), so nothing should hang on it.

internal import Base
public import Wire

/// The receive filter of one nic of a QEMU guest.
public struct RxFilter: Hashable, Sendable {
  /// How much of a kind of frames the guest takes.
  public enum Mode: String, Hashable, Sendable, Decodable {
    case none
    /// Those in the table.
    case normal
    case all
  }

  /// Addresses beyond these are not kept, and told as an overflow. QEMU's own virtio table has 64.
  public static let addressesMax = 64

  /// The nic by its `id` on QEMU's command line.
  public var name: String
  /// The effective address.
  public var mainMAC: MACAddress
  public var isPromiscuous: Bool
  /// As QEMU says; reversed for virtio (see above).
  public var broadcastAllowed: Bool
  public var multicast: Mode
  public var multicastAddresses: [MACAddress]
  /// The table does not have them all: the nic has to get every multicast frame.
  public var multicastOverflow: Bool
  public var unicast: Mode
  /// Further addresses of its own, such as those of macvlan devices in the guest.
  public var unicastAddresses: [MACAddress]
  public var unicastOverflow: Bool
}

extension RxFilter: Decodable {
  private enum Key: String, CodingKey {
    case name, promiscuous, multicast, unicast
    case mainMAC = "main-mac"
    case broadcastAllowed = "broadcast-allowed"
    case multicastTable = "multicast-table"
    case multicastOverflow = "multicast-overflow"
    case unicastTable = "unicast-table"
    case unicastOverflow = "unicast-overflow"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    name = try values.decode(String.self, forKey: .name)
    mainMAC = try values.decode(MACAddress.self, forKey: .mainMAC)
    isPromiscuous = try values.decode(Bool.self, forKey: .promiscuous)
    broadcastAllowed = try values.decode(Bool.self, forKey: .broadcastAllowed)
    multicast = try values.decode(Mode.self, forKey: .multicast)
    unicast = try values.decode(Mode.self, forKey: .unicast)
    let groups = try values.decode([MACAddress].self, forKey: .multicastTable)
    let own = try values.decode([MACAddress].self, forKey: .unicastTable)
    multicastAddresses = Array(Set(groups).sorted().prefix(Self.addressesMax))
    unicastAddresses = Array(Set(own).sorted().prefix(Self.addressesMax))
    multicastOverflow =
      try values.decode(Bool.self, forKey: .multicastOverflow) || groups.count > Self.addressesMax
    unicastOverflow =
      try values.decode(Bool.self, forKey: .unicastOverflow) || own.count > Self.addressesMax
  }
}
