// What the plan says about one port: every policy that applies to it, already inherited and flattened.

internal import Base
internal import FrameMemory
internal import Tables
public import Wire

/// The compiled policy of one port, VM port or uplink.
public struct PortPlan: Equatable, Sendable, BitwiseCopyable {
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// No port has this index.
    case absent
    /// A vNIC is plugged in here; its MAC address is authoritative.
    case vm
    /// A way to the physical network.
    case uplink
  }

  /// How VLANs are handled at a port (vSphere: EST, VST, VGT).
  public enum VLANMode: UInt8, Sendable, BitwiseCopyable {
    /// VLAN "None": untagged on both sides.
    case none
    /// One VLAN: the switch tags towards uplinks and strips towards the VM.
    case access
    /// A trunk: the guest tags; only the VLANs of a set pass.
    case trunk
  }

  /// The vNIC's address; zero for an uplink.
  public var mac = MACAddress.zero
  public var kind = Kind.absent
  public var isBlocked = false
  /// Waits for the policy revision that it was attached with; passes nothing.
  public var isFenced = false
  public var vlanMode = VLANMode.none
  /// The access VLAN; 0 otherwise.
  public var vlan: UInt16 = 0
  /// Index into `SwitchPlan.vlanSets` for a trunk.
  public var vlanSet: UInt16 = 0
  /// Index into the notes on VLANs in use, for a VM port with a trunk.
  public var trunkSlot: UInt16 = 0
  /// Index into `SwitchPlan.teams`; for an uplink, its own position among the uplinks.
  public var team: UInt16 = 0
  public var allowsForgedTransmits = false
  public var learnsMACs = false
  /// Gets frames to unknown unicast addresses. Only with `learnsMACs`.
  public var floodsUnknown = false
  /// At the learning limit: forward frames from a new address unlearned, instead of dropping them.
  public var forwardsBeyondLimit = false
  public var macLimit: UInt16 = 4_096
  /// Announcements are sent when the port comes up or changes its uplink.
  public var notifiesSwitches = true
  /// What port-id teaming hashes, and what people see as the port id. Stable while the port exists.
  public var id: UInt32 = 0
  /// The port's declared addresses in `SwitchPlan.addresses`.
  public var firstAddress: UInt32 = 0
  public var addressCount: UInt16 = 0

  public init() {}

  /// Frames may pass, as far as the plan says.
  var isOpen: Bool { !isBlocked && !isFenced }

  /// Where the port's address is in the MAC table: a trunk port owns it in every VLAN.
  var staticKey: MACKey? {
    guard kind == .vm else { return nil }
    switch vlanMode {
    case .none: return MACKey(mac, vlan: 0)
    case .access: return MACKey(mac, vlan: vlan)
    case .trunk: return MACKey(mac, vlan: MACKey.anyVLAN)
    }
  }
}
