// How a host reaches the nics that fill its uplinks: a choice for each host of a switch.

/// A way into Linux for uplinks.
public enum UplinkAttachment: String, CaseIterable, Hashable, Codable, Sendable {
  /// AF_XDP where the driver has zero-copy and segments nothing anyway, the packet socket elsewhere.
  case auto
  /// A packet socket: frames of up to 64 KB pass as one (GSO), which is what bulk TCP needs.
  case packet
  /// AF_XDP: the least work for each frame, but no frame is larger than the MTU. The uplink is down when it
  /// cannot be had; nothing takes its place.
  case xdp

  /// The largest MTU of a switch whose uplinks are to use AF_XDP: a frame is in one page.
  public static let largestXDPMTU = 3_822
}
