// Addresses behind a port that the VM does not declare: nested switches, bridges in a guest
// (vSphere: `DVSMacLearningPolicy`). Learning needs forged transmits: without them no frame from
// another address ever gets far enough to be learnt.

/// Whether the switch learns addresses that stand behind a port.
public struct MACLearningPolicy: Hashable, Sendable {
  public static let limitRange = 1...4096

  public var enabled: Bool?
  /// Unknown unicast reaches the port. Counts only where learning is enabled.
  public var allowUnicastFlooding: Bool?
  /// How many addresses a port may learn.
  public var limit: Int?
  /// What happens to a frame from one address more.
  public var limitPolicy: MACLimitPolicy?

  public init(
    enabled: Bool? = nil, allowUnicastFlooding: Bool? = nil, limit: Int? = nil,
    limitPolicy: MACLimitPolicy? = nil
  ) {
    self.enabled = enabled
    self.allowUnicastFlooding = allowUnicastFlooding
    self.limit = limit
    self.limitPolicy = limitPolicy
  }
}

/// What happens to a frame from a new address when the port has learnt as many as it may.
public enum MACLimitPolicy: String, CaseIterable, Hashable, Codable, Sendable {
  case drop
  /// The frame passes, and nothing is learnt.
  case allow
}
