// Where a declared value was written, kept beside the value for the messages of later stages.
//
// Invariant: two values that say the same are equal wherever they were written, so that a new
// comment or another order of keys is not a change of configuration.

public import Base

/// The part of a configuration file that declared a value; nothing for a value made in code.
public struct Origin: Hashable, Sendable {
  /// The declaration as it was read.
  public var node: ConfigNode?

  public init(_ node: ConfigNode? = nil) { self.node = node }

  /// The place of the declaration itself.
  public var location: SourceLocation? { node?.location }

  /// The place of the value of `key`, or of the declaration when it does not have that key.
  public func location(of key: String) -> SourceLocation? {
    node?[key]?.location ?? location
  }

  /// The place of `key` itself, or of the declaration when it does not have that key.
  public func keyLocation(of key: String) -> SourceLocation? {
    node?.entries?.first { $0.key == key }?.keyLocation ?? location
  }

  /// The place of an element of the list under `key`, or of the nearest thing that exists.
  public func location(of key: String, _ index: Int) -> SourceLocation? {
    guard let list = node?[key]?.elements, list.indices.contains(index) else {
      return location(of: key)
    }
    return list[index].location
  }

  /// The origin of the value of `key`.
  public subscript(key: String) -> Origin { Origin(node?[key] ?? node) }

  public static func == (left: Self, right: Self) -> Bool { true }
  public func hash(into hasher: inout Hasher) {}
}
