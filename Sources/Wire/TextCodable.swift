// Addresses in JSON and YAML are the strings that a person writes.

/// A value whose coded form is its text: a single string, the same as `description`.
public protocol TextCodable: Codable, LosslessStringConvertible {
  /// What the text should have been, for the error: "an IPv4 address".
  static var textName: String { get }
}

extension TextCodable {
  public init(from decoder: any Decoder) throws { try self.init(textFrom: decoder) }
  public func encode(to encoder: any Encoder) throws { try encodeText(to: encoder) }

  init(textFrom decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = Self(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "not \(Self.textName): \(text)"))
    }
    self = value
  }

  func encodeText(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

// The standard library codes `RawRepresentable` types by their raw value. For a type that is both,
// neither rule is the closer match, and the compiler quietly makes up a third: the struct's fields.

extension MACAddress {
  public init(from decoder: any Decoder) throws { try self.init(textFrom: decoder) }
  public func encode(to encoder: any Encoder) throws { try encodeText(to: encoder) }
}

extension IPv4Address {
  public init(from decoder: any Decoder) throws { try self.init(textFrom: decoder) }
  public func encode(to encoder: any Encoder) throws { try encodeText(to: encoder) }
}
