// Addresses in JSON and YAML are the strings that a person writes.
//
// A type that is RawRepresentable says both requirements itself, in one line each: the standard
// library would code it as its raw value, and between two defaults the compiler takes neither.

/// A value whose coded form is its text: a single string, the same as `description`.
public protocol TextCodable: Codable, LosslessStringConvertible {
  /// What the text should have been, for the error: "an IPv4 address".
  static var textName: String { get }
}

extension TextCodable {
  public init(from decoder: any Decoder) throws {
    self = try Self.decodedText(from: decoder)
  }

  public func encode(to encoder: any Encoder) throws {
    try encodeText(to: encoder)
  }

  static func decodedText(from decoder: any Decoder) throws -> Self {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = Self(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "not \(textName): \(text)"))
    }
    return value
  }

  func encodeText(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
