// Any `Encodable` value as a `JSONValue`.
//
// The standard library's `Encoder` keeps the order in which a type writes its keys, and so does
// this; a dictionary has no order, so its keys are sorted. Containers are boxes that the caller
// fills while its parent already holds them.

extension JSONValue {
  /// Encodes a value; throws what its `encode(to:)` throws.
  ///
  /// An unsigned number above `Int.max` becomes a double.
  public init(encoding value: some Encodable) throws {
    let box = Box()
    try ValueEncoder(box: box, codingPath: []).encode(value)
    self = box.value
  }
}

extension JSONValue: Encodable {
  private struct MemberKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .array(let values):
      var container = encoder.unkeyedContainer()
      for value in values { try container.encode(value) }
    case .object(let object):
      var container = encoder.container(keyedBy: MemberKey.self)
      for member in object.members {
        try container.encode(member.value, forKey: MemberKey(stringValue: member.key))
      }
    default:
      var container = encoder.singleValueContainer()
      switch self {
      case .bool(let value): try container.encode(value)
      case .int(let value): try container.encode(value)
      case .double(let value): try container.encode(value)
      case .string(let value): try container.encode(value)
      case .null, .array, .object: try container.encodeNil()
      }
    }
  }
}

/// Marks dictionaries, whose keys are sorted.
private protocol StringKeyed {}
extension Dictionary: StringKeyed where Key == String {}

/// A place for one value, which is complete when its container is.
private final class Box {
  enum Content {
    case value(JSONValue)
    case array([Box])
    case object([(key: String, box: Box)])
  }

  var content: Content = .value(.object(JSONObject()))
  var sortsKeys = false

  var value: JSONValue {
    switch content {
    case .value(let value): return value
    case .array(let boxes): return .array(boxes.map(\.value))
    case .object(var members):
      if sortsKeys { members.sort { $0.key < $1.key } }
      return .object(JSONObject(members.map { .init($0.key, $0.box.value) }))
    }
  }

  func append() -> Box {
    let box = Box()
    guard case .array(var boxes) = content else {
      content = .array([box])
      return box
    }
    // Let go of the shared array first: a long one must grow in place.
    content = .array([])
    boxes.append(box)
    content = .array(boxes)
    return box
  }

  func box(for key: String) -> Box {
    guard case .object(var members) = content else {
      let box = Box()
      content = .object([(key, box)])
      return box
    }
    // A key that is written twice keeps its place and takes the later value.
    if let member = members.first(where: { $0.key == key }) { return member.box }
    let box = Box()
    members.append((key, box))
    content = .object(members)
    return box
  }
}

private struct ValueEncoder: Encoder {
  var box: Box
  var codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    if case .object = box.content {} else { box.content = .object([]) }
    return KeyedEncodingContainer(Keyed<Key>(box: box, codingPath: codingPath))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    if case .array = box.content {} else { box.content = .array([]) }
    return Unkeyed(box: box, codingPath: codingPath)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    Single(box: box, codingPath: codingPath)
  }

  func encode(_ value: some Encodable) throws {
    box.sortsKeys = value is any StringKeyed
    try value.encode(to: self)
  }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
  var box: Box
  var codingPath: [any CodingKey]

  private func encoder(for key: some CodingKey) -> ValueEncoder {
    ValueEncoder(box: box.box(for: key.stringValue), codingPath: codingPath + [key])
  }

  func encodeNil(forKey key: Key) throws { box.box(for: key.stringValue).content = .value(.null) }

  func encode(_ value: some Encodable, forKey key: Key) throws {
    try encoder(for: key).encode(value)
  }

  /// Nothing is told as null, so that every object of a kind has the same keys.
  private func set(_ value: (some Encodable)?, _ key: Key) throws {
    guard let value else { return try encodeNil(forKey: key) }
    try encode(value, forKey: key)
  }

  func encodeIfPresent(_ value: (some Encodable)?, forKey key: Key) throws { try set(value, key) }
  // The protocol has a default for each of these types, which leaves the key out.
  func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: String?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: Float?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: Int8?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: Int16?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: UInt?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: UInt8?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws { try set(value, key) }
  func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try set(value, key) }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) -> KeyedEncodingContainer<NestedKey> {
    encoder(for: key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    encoder(for: key).unkeyedContainer()
  }

  func superEncoder() -> any Encoder {
    ValueEncoder(box: box.box(for: "super"), codingPath: codingPath)
  }

  func superEncoder(forKey key: Key) -> any Encoder { encoder(for: key) }
}

private struct Unkeyed: UnkeyedEncodingContainer {
  var box: Box
  var codingPath: [any CodingKey]

  var count: Int {
    guard case .array(let boxes) = box.content else { return 0 }
    return boxes.count
  }

  private func encoder() -> ValueEncoder {
    ValueEncoder(box: box.append(), codingPath: codingPath)
  }

  func encodeNil() throws { box.append().content = .value(.null) }
  func encode(_ value: some Encodable) throws { try encoder().encode(value) }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type
  ) -> KeyedEncodingContainer<NestedKey> {
    encoder().container(keyedBy: type)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder().unkeyedContainer() }
  func superEncoder() -> any Encoder { encoder() }
}

private struct Single: SingleValueEncodingContainer {
  var box: Box
  var codingPath: [any CodingKey]

  private func set(_ value: JSONValue) { box.content = .value(value) }

  private func set(_ value: some BinaryInteger) {
    set(Int(exactly: value).map { .int($0) } ?? .double(Double(value)))
  }

  func encodeNil() throws { set(.null) }
  func encode(_ value: Bool) throws { set(.bool(value)) }
  func encode(_ value: String) throws { set(.string(value)) }
  func encode(_ value: Double) throws { set(.double(value)) }
  func encode(_ value: Float) throws { set(.double(Double(value))) }
  func encode(_ value: Int) throws { set(value) }
  func encode(_ value: Int8) throws { set(value) }
  func encode(_ value: Int16) throws { set(value) }
  func encode(_ value: Int32) throws { set(value) }
  func encode(_ value: Int64) throws { set(value) }
  func encode(_ value: UInt) throws { set(value) }
  func encode(_ value: UInt8) throws { set(value) }
  func encode(_ value: UInt16) throws { set(value) }
  func encode(_ value: UInt32) throws { set(value) }
  func encode(_ value: UInt64) throws { set(value) }

  func encode(_ value: some Encodable) throws {
    try ValueEncoder(box: box, codingPath: codingPath).encode(value)
  }
}
