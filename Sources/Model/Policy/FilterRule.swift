// Filtering and marking (vSphere: `DvsTrafficRuleset`): ordered rules, stateless, the first that
// matches decides, and what no rule matches passes.
//
// The qualifiers of a rule are all to hold; one that is not said matches everything. What contradicts
// itself is refused by `TopologyCheck`.

public import Wire

/// One rule of a filter.
public struct FilterRule: Hashable, Sendable {
  /// Unique in its list; what counters and messages call the rule.
  public var name: String
  public var direction: FilterDirection
  public var sourceMAC: MACPattern?
  public var destinationMAC: MACPattern?
  public var etherType: EtherType?
  /// Of a frame with a tag, as it is on the port: only trunks and uplinks see tags.
  public var vlan: FilterRange?
  /// A network: the host part is cleared.
  public var source: IPPrefix? { didSet { source = source?.network } }
  public var destination: IPPrefix? { didSet { destination = destination?.network } }
  public var `protocol`: IPProtocol?
  /// Any of these; empty for every port.
  public var sourcePorts: [FilterRange]
  public var destinationPorts: [FilterRange]
  public var tcpFlags: TCPFlagPattern?
  /// Whether the packet is a fragment of a larger one, the first included.
  public var fragment: Bool?
  public var action: FilterAction
  public var origin: Origin

  public init(
    name: String, direction: FilterDirection = .both, sourceMAC: MACPattern? = nil,
    destinationMAC: MACPattern? = nil, etherType: EtherType? = nil, vlan: FilterRange? = nil,
    source: IPPrefix? = nil, destination: IPPrefix? = nil, protocol: IPProtocol? = nil,
    sourcePorts: [FilterRange] = [], destinationPorts: [FilterRange] = [],
    tcpFlags: TCPFlagPattern? = nil, fragment: Bool? = nil, action: FilterAction,
    origin: Origin = Origin()
  ) {
    self.name = name
    self.direction = direction
    self.sourceMAC = sourceMAC
    self.destinationMAC = destinationMAC
    self.etherType = etherType
    self.vlan = vlan
    self.source = source?.network
    self.destination = destination?.network
    self.protocol = `protocol`
    self.sourcePorts = sourcePorts
    self.destinationPorts = destinationPorts
    self.tcpFlags = tcpFlags
    self.fragment = fragment
    self.action = action
    self.origin = origin
  }
}

/// Which way a frame goes: ingress is into the switch (from the VM, or from the wire of an uplink).
public enum FilterDirection: String, CaseIterable, Hashable, Codable, Sendable {
  case ingress
  case egress
  case both
}

/// What a rule does to a frame that it matches.
public enum FilterAction: Hashable, Sendable {
  case allow
  case drop
  /// Sets the priority of the tag (0-7) and the DSCP of the packet (0-63), and lets it pass.
  case tag(cos: UInt8?, dscp: UInt8?)
}
