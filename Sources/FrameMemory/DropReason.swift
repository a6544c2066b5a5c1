// Why a frame went no further. One enum makes the counters, the JSON keys, the command line's words
// and, later, the metrics; there is no drop without one of these.

/// The reason of a drop. The names are a public surface: cases are added, never renamed.
public enum DropReason: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  /// The port has no attachment, or its attachment is gone.
  case portDown
  /// The port or its port group is blocked by the administrator.
  case portBlocked
  /// The port waits for the policy revision that it was attached with.
  case portFenced
  /// Not a frame: a multicast source address, or offload metadata that contradicts the bytes.
  case malformed
  /// Shorter than an Ethernet header.
  case runt
  /// Larger than the MTU of the switch; a GSO frame is judged by its segments.
  case oversize
  /// A VLAN that the port does not carry.
  case vlanMismatch
  /// Private VLAN: the two ports may not talk.
  case pvlanIsolation
  /// The guest changed its MAC address where the policy rejects that.
  case macChange
  /// The source address is not the one that the port may send from.
  case forgedTransmit
  /// A new source address beyond the port's MAC learning limit.
  case macLimit
  /// A spanning-tree frame that is filtered.
  case bpduFiltered
  case ingressFilter
  case egressFilter
  case ingressShaper
  case egressShaper
  /// No port owns the destination address and there is no uplink to ask.
  case unknownUnicast
  /// A group that the port has not joined.
  case multicastNotMember
  /// A broadcast or multicast frame on an uplink that no receiver's team uses for it.
  case reversePath
  /// A frame from an uplink whose source address belongs to a local port: our own, reflected.
  case sourceIsLocal
  /// The port group's team has no uplink on this host.
  case noUplink
  /// Every uplink of the port group's team is down.
  case uplinkDown
  /// A queue of the switch is full.
  case queueFull
  /// The attachment's queue is full: the guest or the device does not keep up.
  case attachmentFull
  /// A checksum or segmentation that was asked for cannot be made from these bytes.
  case checksum
  /// No memory was left to hold the frame: the kernel's buffer of an uplink was full.
  case noBuffer
  /// The destination is the port that the frame came from.
  case hairpin
  /// 01-80-C2-00-00-00 to -0F from an uplink: for the switch itself, never for a guest. From a guest MAC
  /// control (pause), which is for the wire alone.
  case reservedAddress
  /// A beacon of an uplink: it has done its work when it came in. From a guest: a forged one.
  case beacon

  /// The stable name: a JSON key, a word on the command line.
  public var name: String { String(describing: self) }

  public init?(name: some StringProtocol) {
    guard let reason = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = reason
  }
}
