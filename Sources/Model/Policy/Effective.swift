// A value with who set it, and the chain of those who may set one: the port, its port group, the
// switch, and the default where nobody says anything.

/// Who set a field.
public enum PolicySource: String, CaseIterable, Hashable, Codable, Sendable {
  case `default`
  case `switch`
  case portgroup
  case port
}

/// The value of a policy field, with who set it.
public struct Effective<Value: Hashable & Codable & Sendable>: Hashable, Codable, Sendable {
  public var value: Value
  public var source: PolicySource

  public init(_ value: Value, from source: PolicySource) {
    self.value = value
    self.source = source
  }
}

/// The policies of one port, by level.
struct PolicyChain {
  var `switch`: Policy
  var portgroup: Policy
  var port: Policy

  /// The levels that say something, the nearest to the port first.
  var levels: [(policy: Policy, source: PolicySource)] {
    [(port, .port), (portgroup, .portgroup), (`switch`, .switch)]
  }

  /// The value nearest to the port.
  func callAsFunction<Value>(
    _ field: KeyPath<Policy, Value?>, default value: Value
  ) -> Effective<Value> {
    if let own = port[keyPath: field] { return Effective(own, from: .port) }
    if let shared = portgroup[keyPath: field] { return Effective(shared, from: .portgroup) }
    if let inherited = `switch`[keyPath: field] { return Effective(inherited, from: .switch) }
    return Effective(value, from: .default)
  }
}
