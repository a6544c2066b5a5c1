// What is known about the nic of a guest, and from whom.
//
// A device in a namespace tells all by netlink, QEMU tells it by QMP. A device that is a port of a bridge, or
// whose frames tc hands to another device, says nothing about those behind it, and without either there is
// nobody to ask: then the switch goes by what the guest sends.

internal import Dataplane
internal import Model
internal import Netlink
internal import Planner
internal import QMP
internal import Wire

/// The nic of a guest as the switch is told about it.
struct GuestView: Equatable, Sendable {
  var observed: PortObservation
  var nic: Dataplane.GuestNIC
  /// What the nic listens to; empty where nobody can tell.
  var multicastAddresses: [MACAddress] = []
  /// The guest has set its device down: it takes no frame.
  var isSetDown = false

  /// Nobody can look at the nic.
  init(inferredFrom declared: MACAddress) {
    observed = .inferred
    nic = Dataplane.GuestNIC(assumed: declared)
  }

  /// A device in the namespace of the VM; nil when it is not there.
  init(_ device: Netlink.GuestNIC?, declared: MACAddress) {
    self.init(inferredFrom: declared)
    isSetDown = device.map { !$0.isUp } ?? false
    guard let device, !device.hasMaster, !device.hasIngressQdisc, let address = device.address
    else { return }
    observed = .netlink
    nic = Dataplane.GuestNIC(
      observed: address, isPromiscuous: device.isPromiscuous,
      isAllMulticast: device.isAllMulticast || device.hasMoreMulticastAddresses)
    multicastAddresses = device.multicastAddresses
  }

  /// What the driver in a QEMU guest told its nic.
  init(_ filter: RxFilter) {
    observed = .qmp
    nic = Dataplane.GuestNIC(
      observed: filter.mainMAC, isPromiscuous: filter.isPromiscuous || filter.unicast == .all,
      isAllMulticast: filter.multicast == .all || filter.multicastOverflow)
    multicastAddresses = filter.multicast == .normal ? filter.multicastAddresses : []
  }
}

/// Who can be asked about a nic.
struct GuestSource: Hashable, Sendable {
  /// The address that the file declares.
  var declared: MACAddress
  /// The QMP socket of the guest.
  var qmp: String?
  /// The nic's id there; nil for the only one.
  var qmpNic: String?

  init(_ port: PlannedPort) {
    declared = port.mac
    qmp = port.qmp
    qmpNic = port.qmpNic
  }
}
