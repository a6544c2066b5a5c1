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

  /// The vNIC's address as declared (vSphere: initial MAC); for an uplink, the one that its beacons
  /// come from.
  public var mac = MACAddress.zero
  public var kind = Kind.absent
  public var isBlocked = false
  /// Waits for the policy revision that it was attached with; passes nothing.
  public var isFenced = false
  public var vlanMode = VLANMode.none
  /// The access VLAN; 0 otherwise. In a private VLAN the secondary, or for a promiscuous port the
  /// primary: what the frames of this port are tagged with on uplinks.
  public var vlan: UInt16 = 0
  /// The primary of a private VLAN, in which addresses are looked up; 0 outside private VLANs.
  public var primaryVLAN: UInt16 = 0
  /// Index into `SwitchPlan.vlanSets` for a trunk.
  public var vlanSet: UInt16 = 0
  /// Index into the notes on VLANs in use, for a VM port with a trunk.
  public var trunkSlot: UInt16 = 0
  /// Index into `SwitchPlan.teams`; for an uplink, its own position among the uplinks.
  public var team: UInt16 = 0
  /// Frames may have another source than the port's address.
  public var allowsForgedTransmits = false
  /// The guest may receive on another address than the declared one.
  public var acceptsMACChanges = false
  /// The guest may ask for all frames of its VLANs.
  public var allowsPromiscuous = false
  /// Reverse-path check also while promiscuous (`Net.ReversePathFwdCheckPromisc`).
  public var checksReversePathPromiscuous = false
  /// Spanning tree frames of the guest are dropped (`Net.BlockGuestBPDU`).
  public var blocksBPDU = false
  public var learnsMACs = false
  /// Gets frames to unknown unicast addresses. Only with `learnsMACs`.
  public var floodsUnknown = false
  /// At the learning limit: forward frames from a new address unlearned, instead of dropping them.
  public var forwardsBeyondLimit = false
  public var macLimit: UInt16 = 4_096
  /// Rules for frames into the switch: number in `SwitchPlan.ruleSets` plus 1, 0 for none.
  public var ingressRules: UInt16 = 0
  /// Rules for frames out of the switch.
  public var egressRules: UInt16 = 0
  /// Traffic shaping into the switch (`inShapingPolicy`): number in `SwitchPlan.shapes` plus 1, 0 for none.
  public var ingressShape: UInt16 = 0
  /// Traffic shaping out of the switch (`outShapingPolicy`).
  public var egressShape: UInt16 = 0
  /// Announcements are sent when the port comes up or changes its uplink.
  public var notifiesSwitches = true
  /// What port-id teaming hashes, and what people see as the port id. Stable while the port exists.
  public var id: UInt32 = 0
  /// The port's declared addresses in `SwitchPlan.addresses`.
  public var firstAddress: UInt32 = 0
  public var addressCount: UInt16 = 0

  public init() {}

  @inline(__always)
  var hasIngressStages: Bool { ingressRules | ingressShape != 0 }
  @inline(__always)
  var hasEgressStages: Bool { egressRules | egressShape != 0 }

  /// Frames leave by the port without a further look.
  @inline(__always)
  var isPlainEgress: Bool { !isBlocked && !isFenced && !hasEgressStages }

  /// Frames may pass, as far as the plan says.
  var isOpen: Bool { !isBlocked && !isFenced }

  /// The VLAN in which the port's frames are looked up.
  @inline(__always)
  var lookupVLAN: UInt16 { primaryVLAN == 0 ? vlan : primaryVLAN }

  /// Where an address of the port is in the MAC table: a trunk port owns it in every VLAN.
  func staticKey(_ address: MACAddress) -> MACKey? {
    guard kind == .vm, address != .zero else { return nil }
    switch vlanMode {
    case .none: return MACKey(address, vlan: 0)
    case .access: return MACKey(address, vlan: lookupVLAN)
    case .trunk: return MACKey(address, vlan: MACKey.anyVLAN)
    }
  }
}
