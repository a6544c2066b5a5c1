// Private VLANs (vSphere: PVLAN; RFC 5517): one broadcast domain, the primary VLAN, cut into parts.
//
// Ports are promiscuous (tagged with the primary on uplinks), in a community, or isolated (tagged with
// their secondary). Addresses are looked up in the primary VLAN; who may reach whom follows from the tag
// that a frame has, or would have, on an uplink, so that the rule is the same within a host and across:
//
//   from \ to       promiscuous   community A   community B   isolated
//   promiscuous     yes           yes           yes           yes
//   community A     yes           yes           no            no
//   isolated        yes           no            no            no, not even with the same id

internal import Base

/// What a VLAN is in a private VLAN.
public struct PrivateVLAN: Equatable, Sendable, BitwiseCopyable {
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// An ordinary VLAN.
    case none
    /// The primary itself: the VLAN of promiscuous ports.
    case promiscuous
    case community
    case isolated
  }

  public var kind = Kind.none
  public var vlan: UInt16 = 0
  public var primary: UInt16 = 0

  public init(_ kind: Kind, vlan: UInt16, primary: UInt16) {
    self.kind = kind
    self.vlan = vlan
    self.primary = primary
  }

  init() {}
}

extension SwitchPlan {
  /// The VLAN in which frames of a VLAN are looked up: the primary of a private VLAN, else itself.
  @inline(__always)
  func lookupVLAN(of vlan: UInt16) -> UInt16 {
    guard hasPrivateVLANs else { return vlan }
    let entry = privateVLANs[Int(vlan)]
    return entry.kind == .none ? vlan : entry.primary
  }

  /// Whether private VLANs keep a frame with this tag from an access port.
  @inline(__always)
  func isolates(_ vlan: UInt16, from port: PortPlan) -> Bool {
    guard hasPrivateVLANs, port.vlanMode == .access else { return false }
    let (source, destination) = (privateVLANs[Int(vlan)], privateVLANs[Int(port.vlan)])
    if source.kind == .promiscuous || destination.kind == .promiscuous { return false }
    return vlan != port.vlan || source.kind == .isolated
  }
}
