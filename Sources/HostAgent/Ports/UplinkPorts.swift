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
  /// What the AF_XDP uplinks of a worker share, for as long as there are any; the second for a larger MTU than
  /// cells of 2 KiB hold.
  private struct Shared {
    weak var memory: XDPMemory?
    weak var largeMemory: XDPMemory?
  }

  private var shared: [Shared]

  init(workers: Int) { shared = Array(repeating: Shared(), count: workers) }

  /// The attachment of an uplink; its nic is up and takes frames of the switch's size.
  ///
  /// - Parameter worker: which one will receive from it.
  /// - Errors: the nic is missing or refuses; and for `xdp`, that it cannot be had: nothing takes its place.
  mutating func open(_ nic: String, mtu: Int, choice: UplinkAttachment, worker: Int)
    throws(Failure) -> OpenedUplink
  {
    try DeviceControl.prepareUplink(nic, mtu: mtu)
    switch choice {
    case .packet: return try openSocket(nic, because: "asked for")
    case .xdp: return try openXDP(nic, mtu, XDPDevice.Options(), worker, because: "asked for")
    case .auto:
      if let reason = try XDPAdvice.reasonAgainst(nic) {
        return try openSocket(nic, because: "auto: \(reason)")
      }
      var options = XDPDevice.Options()
      options.modes = [.zeroCopy]
      do throws(Failure) {
        return try openXDP(
          nic, mtu, options, worker, because: "auto: the offloads of the nic are off anyway")
      } catch { return try openSocket(nic, because: "auto: \(error.why)") }
    }
  }

  private func openSocket(_ nic: String, because reason: String) throws(Failure) -> OpenedUplink {
    OpenedUplink(
      attachment: PacketAttachment(try PacketSocket(device: nic)),
      note: UplinkNote(kind: .packet, reason: reason))
  }

  private mutating func openXDP(
    _ nic: String, _ mtu: Int, _ options: XDPDevice.Options, _ worker: Int,
    because reason: String
  ) throws(Failure) -> OpenedUplink {
    let memory = try memory(forMTU: mtu, of: worker)
    let device = try XDPDevice(nic, memory: memory, options: options)
    let explanation = device.explanation
    return OpenedUplink(
      attachment: XDPAttachment(device),
      note: UplinkNote(kind: .xdp, reason: "\(reason); \(explanation)"))
  }

  private mutating func memory(forMTU mtu: Int, of worker: Int) throws(Failure) -> XDPMemory {
    var limits = XDPMemory.Limits()
    if mtu <= limits.largestMTU {
      if let memory = shared[worker].memory { return memory }
      let fresh = try XDPMemory(limits: limits)
      shared[worker].memory = fresh
      return fresh
    }
    if let memory = shared[worker].largeMemory { return memory }
    limits.cellBytes = 4_096
    let fresh = try XDPMemory(limits: limits)
    shared[worker].largeMemory = fresh
    return fresh
  }
}
