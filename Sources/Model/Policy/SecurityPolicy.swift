// Which addresses a port may use and which frames it may see (vSphere: `DVSMacManagementPolicy`),
// and two host-wide settings of vSphere that are made per port group here: `Net.BlockGuestBPDU` and
// `Net.ReversePathFwdCheckPromisc`.

/// Which addresses a port may use and see.
public struct SecurityPolicy: Hashable, Sendable {
  /// A VM that asks for it sees all frames of its VLANs.
  public var allowPromiscuous: Bool?
  /// The VM may receive on an address other than the declared one.
  public var macChanges: Bool?
  /// The VM may send from an address other than its effective one.
  public var forgedTransmits: Bool?
  /// Spanning-tree frames of the VM are dropped.
  public var blockGuestBPDU: Bool?
  /// A promiscuous port gets no second copy of a frame that came in by another uplink.
  public var reversePathCheckPromiscuous: Bool?

  public init(
    allowPromiscuous: Bool? = nil, macChanges: Bool? = nil, forgedTransmits: Bool? = nil,
    blockGuestBPDU: Bool? = nil, reversePathCheckPromiscuous: Bool? = nil
  ) {
    self.allowPromiscuous = allowPromiscuous
    self.macChanges = macChanges
    self.forgedTransmits = forgedTransmits
    self.blockGuestBPDU = blockGuestBPDU
    self.reversePathCheckPromiscuous = reversePathCheckPromiscuous
  }
}
