// How a switch decides which ports get a multicast frame (vSphere: multicast filtering mode).

/// Basic filtering, or snooping.
public enum MulticastFiltering: UInt8, Sendable, BitwiseCopyable {
  /// By the destination addresses that the guest's nic asks for (vSphere: legacyFiltering).
  case basic
  /// By IGMP and MLD messages (RFC 4541).
  case snooping
}
