// The names under which records are kept.

/// A path such as `/portgroup/dvs1/web`: printable ASCII without blanks.
///
/// Paths that begin alike are listed together, so a kind of resource is a prefix.
public struct StoreKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let description: String

  /// `nil` when it is empty, longer than `StoreLimits.keyBytes`, or has another byte than `!` to `~`.
  public init?(_ text: String) {
    guard 1...StoreLimits.keyBytes ~= text.utf8.count,
      text.utf8.allSatisfy({ UInt8(ascii: "!")...UInt8(ascii: "~") ~= $0 })
    else { return nil }
    description = text
  }

  /// The first text behind every key that begins with this one: no key has a byte as high.
  var endOfPrefix: String { description + "\u{7F}" }

  public func hasPrefix(_ prefix: StoreKey) -> Bool {
    description.utf8.starts(with: prefix.description.utf8)
  }

  /// By bytes, as SQLite and etcd order them.
  public static func < (left: StoreKey, right: StoreKey) -> Bool {
    left.description.utf8.lexicographicallyPrecedes(right.description.utf8)
  }
}

extension StoreKey: ExpressibleByStringLiteral {
  /// For keys that are written in the program. Traps when it is none.
  public init(stringLiteral text: String) {
    guard let key = StoreKey(text) else { preconditionFailure("\(text) is not a key") }
    self = key
  }
}
