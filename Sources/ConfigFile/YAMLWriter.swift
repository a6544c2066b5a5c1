// Writes values as YAML that every reader understands alike.
//
// Block style, two spaces a level. Text goes without quotes only when no version of YAML can take it
// for something else: it begins with a letter or slash and is no word such as `yes` or `null`; all
// else is quoted, with escapes. What is written reads back as the same value (tests hold that).

public import Base

/// Prints values as YAML.
public enum YAMLWriter {
  /// A whole document, with a newline at its end.
  public static func text(_ value: JSONValue) -> String {
    lines(value).joined(separator: "\n") + "\n"
  }

  /// The lines of a value, not indented. Empty lists and objects are one line, as scalars are.
  private static func lines(_ value: JSONValue) -> [String] {
    switch value {
    case .array(let values) where !values.isEmpty:
      values.flatMap { value in
        lines(value).enumerated().map { $0.offset == 0 ? "- \($0.element)" : "  \($0.element)" }
      }
    case .object(let object) where !object.members.isEmpty:
      object.members.flatMap(lines)
    default:
      [scalar(value)]
    }
  }

  private static func lines(_ member: JSONObject.Member) -> [String] {
    let key = text(member.key)
    // A key that is longer than 1024 characters needs the explicit form (YAML 1.2.2, 8.2.2).
    let isLong = key.unicodeScalars.count > 1000
    let head = isLong ? ["? \(key)"] : []
    let colon = isLong ? ":" : "\(key):"
    switch member.value {
    case .array(let values) where !values.isEmpty: break
    case .object(let object) where !object.members.isEmpty: break
    default: return head + ["\(colon) \(scalar(member.value))"]
    }
    return head + [colon] + lines(member.value).map { "  " + $0 }
  }

  private static func scalar(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .int(let value): "\(value)"
    case .double(let value):
      value.isNaN ? ".nan" : value.isInfinite ? (value < 0 ? "-.inf" : ".inf") : "\(value)"
    case .string(let value): text(value)
    case .array: "[]"
    case .object: "{}"
    }
  }

  /// Words that some version of YAML reads as a boolean or null.
  private static let words: Set<String> = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null",
  ]

  private static func text(_ value: String) -> String {
    isPlain(value) && !words.contains(value.lowercased()) ? value : quoted(value)
  }

  private static func isPlain(_ value: String) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      default: byte == UInt8(ascii: "/")
      }
    }
    guard let first = value.utf8.first, isLetter(first), value.utf8.last != UInt8(ascii: " ") else {
      return false
    }
    return value.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: " "), UInt8(ascii: "_"),
        UInt8(ascii: "."), UInt8(ascii: "-"):
        true
      default: isLetter(byte)
      }
    }
  }

  private static func quoted(_ value: String) -> String {
    var text = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      // What YAML lets stand in a text (YAML 1.2.2, 5.1), without its other line breaks.
      case " "..."~", "\u{A0}"..."\u{2027}", "\u{202A}"..."\u{D7FF}", "\u{E000}"..."\u{FEFE}",
        "\u{FF00}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
        text.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      }
    }
    return text + "\""
  }
}
