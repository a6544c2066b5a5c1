// The target of a request: path segments and query, decoded once, each by itself.
//
// A segment is split off before it is decoded, so a name that contains `/` travels as `%2F` and
// stays one segment. A target that does not decode to UTF-8, or hides a NUL, is refused: it can
// name nothing. RFC 3986 section 2.1 and 3.3; `+` means a space in the query only.

/// A decoded path with its query.
public struct HTTPTarget: Hashable, Sendable {
  /// `/v1/ports/web%2F1` is `["v1", "ports", "web/1"]`. Empty segments are dropped.
  public var segments: [String]
  /// The query in order of appearance; a name may appear twice.
  public var query: [Item]

  /// One `name=value` of a query.
  public struct Item: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(segments: [String], query: [Item] = []) {
    self.segments = segments
    self.query = query
  }

  /// Reads a target as it stands in a request line. Nil when it is not an absolute path, or when a
  /// part of it does not decode.
  public init?(parsing text: String) {
    guard text.utf8.first == UInt8(ascii: "/") else { return nil }
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    segments = []
    for part in parts[0].split(separator: "/") {
      guard let segment = Self.decode(part, plusIsSpace: false) else { return nil }
      segments.append(segment)
    }
    query = []
    guard parts.count == 2 else { return }
    for part in parts[1].split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Self.decode(pair[0], plusIsSpace: true),
        let value = Self.decode(pair.count == 2 ? pair[1] : "", plusIsSpace: true)
      else { return nil }
      query.append(Item(name: name, value: value))
    }
  }

  /// The first value of a query name; nil when the query does not have it.
  public func first(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// The target as it stands in a request line.
  public var text: String {
    let path = "/" + segments.map(Self.encode).joined(separator: "/")
    if query.isEmpty { return path }
    let items = query.map { "\(Self.encode($0.name))=\(Self.encode($0.value))" }
    return path + "?" + items.joined(separator: "&")
  }

  /// Everything but the unreserved characters of RFC 3986 becomes `%XX`.
  static func encode(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        bytes.append(byte)
      default:
        bytes += [UInt8(ascii: "%"), digit(byte >> 4), digit(byte & 15)]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  private static func decode(_ text: Substring, plusIsSpace: Bool) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value)
        else { return nil }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace:
        bytes.append(UInt8(ascii: " "))
      default:
        bytes.append(byte)
      }
    }
    return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
