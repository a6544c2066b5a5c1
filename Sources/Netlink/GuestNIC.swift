// What the nic of a VM asks for, as the kernel that runs the VM's namespace sees it.
//
// This is what a virtual switch of a hypervisor is told by the device that it emulates: the
// effective address, promiscuous mode and the multicast filter. For a VM in a namespace all of it is
// on the network device.

public import Wire

/// One network device of a VM, and what it wants to receive.
public struct GuestNIC: Hashable, Sendable {
  /// Addresses beyond these are not kept: then the nic has to get every multicast frame.
  public static let multicastAddressesMax = 64

  public var index: Int32
  /// As the device is called now, which the guest may change.
  public var name: String
  /// The effective address; `nil` when the device has no Ethernet address.
  public var address: MACAddress?
  /// It takes every frame, for whatever reason.
  public var isPromiscuous: Bool
  /// It takes every multicast frame (see `Link.isAllMulticast`).
  public var isAllMulticast: Bool
  /// It is a port of a bridge or the like: those who send are behind it, with their own addresses.
  public var hasMaster: Bool
  /// tc sees its frames first, and may hand them to another device, such as the TAP of a QEMU.
  public internal(set) var hasIngressQdisc = false
  public var isUp: Bool
  public var hasCarrier: Bool
  /// The groups that it takes, in order, without those beyond `multicastAddressesMax`.
  public internal(set) var multicastAddresses: [MACAddress] = []
  public internal(set) var hasMoreMulticastAddresses = false

  init(_ link: Link) {
    index = link.index
    name = link.name
    address = link.macAddress
    isPromiscuous = link.isPromiscuous
    isAllMulticast = link.isAllMulticast
    hasMaster = link.masterIndex != nil
    isUp = link.isUp
    hasCarrier = link.hasCarrier
  }

  /// Takes what a link event says; the multicast addresses stay.
  mutating func update(_ link: Link) {
    var new = GuestNIC(link)
    new.multicastAddresses = multicastAddresses
    new.hasMoreMulticastAddresses = hasMoreMulticastAddresses
    new.hasIngressQdisc = hasIngressQdisc
    self = new
  }

  mutating func setMulticast(_ table: MulticastTable) {
    let rows = table.addresses[index] ?? []
    hasMoreMulticastAddresses = table.isCut || rows.count > Self.multicastAddressesMax
    multicastAddresses = Array(rows.sorted().prefix(Self.multicastAddressesMax))
  }
}
