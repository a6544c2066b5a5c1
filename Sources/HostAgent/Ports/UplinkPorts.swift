// Uplinks: a nic of the host, by a packet socket or by AF_XDP.

internal import Attachments
internal import Base
internal import Linux
internal import Model
internal import XDP

/// An uplink's attachment, and what to tell about it.
struct OpenedUplink {
  let attachment: any Attachment
  let note: UplinkNote
}

/// How an uplink is attached, and why so.
struct UplinkNote: Hashable, Sendable {
  /// `packet` or `xdp`.
  var kind: UplinkAttachment
  var reason: String
}

/// Opens the nics of a host.
struct UplinkPorts: ~Copyable {
  /// What AF_XDP uplinks share, for as long as there are any; the second for a larger MTU than cells of 2 KiB
  /// hold.
  private weak var memory: XDPMemory?
  private weak var largeMemory: XDPMemory?

  /// The attachment of an uplink; its nic is up and takes frames of the switch's size.
  ///
  /// - Errors: the nic is missing or refuses; and for `xdp`, that it cannot be had: nothing takes its place.
  mutating func open(_ nic: String, mtu: Int, choice: UplinkAttachment) throws(Failure)
    -> OpenedUplink
  {
    try DeviceControl.prepareUplink(nic, mtu: mtu)
    switch choice {
    case .packet: return try openSocket(nic, because: "asked for")
    case .xdp: return try openXDP(nic, mtu, XDPDevice.Options(), because: "asked for")
    case .auto:
      if let reason = try XDPAdvice.reasonAgainst(nic) {
        return try openSocket(nic, because: "auto: \(reason)")
      }
      var options = XDPDevice.Options()
      options.modes = [.zeroCopy]
      do throws(Failure) {
        return try openXDP(
          nic, mtu, options, because: "auto: the offloads of the nic are off anyway")
      } catch { return try openSocket(nic, because: "auto: \(error.why)") }
    }
  }

  private func openSocket(_ nic: String, because reason: String) throws(Failure) -> OpenedUplink {
    OpenedUplink(
      attachment: PacketAttachment(try PacketSocket(device: nic)),
      note: UplinkNote(kind: .packet, reason: reason))
  }

  private mutating func openXDP(
    _ nic: String, _ mtu: Int, _ options: XDPDevice.Options, because reason: String
  ) throws(Failure) -> OpenedUplink {
    let device = try XDPDevice(nic, memory: try memory(forMTU: mtu), options: options)
    let explanation = device.explanation
    return OpenedUplink(
      attachment: XDPAttachment(device),
      note: UplinkNote(kind: .xdp, reason: "\(reason); \(explanation)"))
  }

  private mutating func memory(forMTU mtu: Int) throws(Failure) -> XDPMemory {
    var limits = XDPMemory.Limits()
    if mtu <= limits.largestMTU {
      if let memory { return memory }
      let fresh = try XDPMemory(limits: limits)
      memory = fresh
      return fresh
    }
    if let largeMemory { return largeMemory }
    limits.cellBytes = 4_096
    let fresh = try XDPMemory(limits: limits)
    largeMemory = fresh
    return fresh
  }
}
