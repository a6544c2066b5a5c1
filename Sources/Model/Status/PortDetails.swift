// What the parts of a port tell about themselves: buckets of shaping, multicast groups, and how the
// state of the VM's device is known.

public import Wire

/// How the state of a VM's device is known.
public enum PortObservation: String, CaseIterable, Hashable, Codable, Sendable {
  /// Read from the device, in the VM's network namespace.
  case netlink
  /// Told by QEMU (`query-rx-filter`).
  case qmp
  /// From what the VM sends.
  case inferred
}

/// The bucket and the queue of one direction of a port.
public struct ShapingStatus: Hashable, Codable, Sendable {
  /// The credit, in bytes.
  public var tokensBytes: Int
  public var queuedBytes: Int
  public var queuedFrames: Int

  public init(tokensBytes: Int = 0, queuedBytes: Int = 0, queuedFrames: Int = 0) {
    self.tokensBytes = tokensBytes
    self.queuedBytes = queuedBytes
    self.queuedFrames = queuedFrames
  }
}

/// A multicast group that a port has joined.
public struct GroupStatus: Hashable, Codable, Sendable {
  /// 0 for frames without a tag.
  public var vlan: UInt16
  public var group: IPAddress
  /// The only senders that the port wants; with none named, it wants all.
  public var sources: [IPAddress]
  /// Until the membership ends, unless it is told again.
  public var expiresInSeconds: Int?

  public init(
    vlan: UInt16, group: IPAddress, sources: [IPAddress] = [], expiresInSeconds: Int? = nil
  ) {
    self.vlan = vlan
    self.group = group
    self.sources = sources
    self.expiresInSeconds = expiresInSeconds
  }
}
