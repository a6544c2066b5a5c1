// Uplinks: a packet socket on a nic of the host.

internal import Attachments
internal import Base
internal import Linux

/// Opens the nics of a host.
enum UplinkPorts {
  /// The attachment of an uplink; its nic is up and takes frames of the switch's size.
  static func open(_ nic: String, mtu: Int) throws(Failure) -> PacketAttachment {
    try DeviceControl.prepareUplink(nic, mtu: mtu)
    return PacketAttachment(try PacketSocket(device: nic))
  }
}
