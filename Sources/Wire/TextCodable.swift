// Addresses in JSON and YAML are the strings that a person writes.

/// A value whose coded form is its text: a single string, the same as `description`.
public protocol TextCodable: Codable, LosslessStringConvertible {
  /// What the text should have been, for the error: "an IPv4 address".
  static var textName: String { get }
}

extension TextCodable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = Self(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "not \(Self.textName): \(text)"))
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
