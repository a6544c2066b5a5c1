// What a node says by the rules of YAML's core schema (YAML 1.2.2, 10.3.2), for readers that have no
// schema of their own: text in quotes is text, other scalars may be null, booleans or numbers.

public import Base

extension ConfigNode {
  /// The node as a JSON value. Repeated keys stay repeated.
  public var value: JSONValue {
    switch content {
    case .scalar(let scalar): scalar.isQuoted ? .string(scalar.text) : .init(plain: scalar.text)
    case .sequence(let nodes): .array(nodes.map(\.value))
    case .mapping(let entries):
      .object(JSONObject(entries.map { .init($0.key, $0.value.value) }))
    }
  }
}

extension JSONValue {
  /// The value of a scalar without quotes.
  ///
  /// A decimal number that `Int` cannot hold becomes a double.
  public init(plain text: String) {
    switch text {
    case "", "~", "null", "Null", "NULL": self = .null
    case "true", "True", "TRUE": self = .bool(true)
    case "false", "False", "FALSE": self = .bool(false)
    case ".nan", ".NaN", ".NAN": self = .double(.nan)
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": self = .double(.infinity)
    case "-.inf", "-.Inf", "-.INF": self = .double(-.infinity)
    default: self = Self.number(text) ?? .string(text)
    }
  }

  private static func number(_ text: String) -> JSONValue? {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] where text.hasPrefix(prefix) {
      let digits = text.dropFirst(2)
      // Swift reads a sign after the prefix, YAML does not.
      guard digits.allSatisfy(\.isHexDigit) else { return nil }
      return Int(digits, radix: radix).map { .int($0) }
    }
    guard isDecimal(text.utf8) else { return nil }
    if let number = Int(text) { return .int(number) }
    return Double(text).map { .double($0) }
  }

  /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
  private static func isDecimal(_ text: String.UTF8View) -> Bool {
    var rest = text[...]
    func isSign(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") }
    func skipDigits() -> Int {
      let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
      rest = rest.dropFirst(count)
      return count
    }
    if isSign(rest.first) { rest = rest.dropFirst() }
    var digits = skipDigits()
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      digits += skipDigits()
    }
    guard digits > 0 else { return false }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if isSign(rest.first) { rest = rest.dropFirst() }
      guard skipDigits() > 0 else { return false }
    }
    return rest.isEmpty
  }
}
