// What a configuration file says, before anyone asks what it means: scalars, lists and mappings,
// each with its place in the file.
//
// ConfigFile makes this tree from YAML; everything that gives it a meaning is pure and lives here.
// Invariant: the maker bounds depth and size (also of what aliases repeat), so readers may recurse.

public import Base

/// A value of a configuration file, with its place.
public struct ConfigNode: Sendable {
  public enum Content: Sendable {
    case scalar(Scalar)
    case sequence([ConfigNode])
    case mapping([Entry])
  }

  /// Text as written, and whether quotes say that it is text and nothing else.
  public struct Scalar: Hashable, Sendable {
    public var text: String
    public var isQuoted: Bool

    public init(_ text: String, isQuoted: Bool = false) {
      self.text = text
      self.isQuoted = isQuoted
    }
  }

  /// A key and its value. Keys keep the order of the file, and may be repeated: a decoder refuses.
  public struct Entry: Sendable {
    public var key: String
    public var keyLocation: SourceLocation
    public var value: ConfigNode

    public init(key: String, keyLocation: SourceLocation, value: ConfigNode) {
      self.key = key
      self.keyLocation = keyLocation
      self.value = value
    }
  }

  public var content: Content
  public var location: SourceLocation

  public init(_ content: Content, at location: SourceLocation) {
    self.content = content
    self.location = location
  }

  /// The value of a key in a mapping; of the first, when the key is repeated.
  public subscript(key: String) -> ConfigNode? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key }?.value
  }

  /// The elements of a sequence; nothing for any other node.
  public var elements: [ConfigNode]? {
    guard case .sequence(let nodes) = content else { return nil }
    return nodes
  }

  /// The entries of a mapping; nothing for any other node.
  public var entries: [Entry]? {
    guard case .mapping(let entries) = content else { return nil }
    return entries
  }

  /// The scalar; nothing for any other node.
  public var scalar: Scalar? {
    guard case .scalar(let scalar) = content else { return nil }
    return scalar
  }

  /// Nothing was said: an empty value, `~` or `null` without quotes.
  public var isNull: Bool {
    guard let scalar, !scalar.isQuoted else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
  }
}
