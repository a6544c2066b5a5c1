// The JSON of a filter rule: the keys and values of the file, and nothing for what is not said.

internal import Wire

extension FilterRule: Codable {
  enum CodingKeys: String, CodingKey, CaseIterable {
    case name, direction, sourceMAC, destinationMAC, etherType, vlan, source, destination
    case `protocol`, sourcePorts, destinationPorts, tcpFlags, fragment, action
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(direction, forKey: .direction)
    if let sourceMAC { try container.encode(sourceMAC, forKey: .sourceMAC) }
    if let destinationMAC { try container.encode(destinationMAC, forKey: .destinationMAC) }
    if let etherType {
      if let word = etherType.word {
        try container.encode(word, forKey: .etherType)
      } else {
        try container.encode(etherType.rawValue, forKey: .etherType)
      }
    }
    if let vlan { try container.encode(vlan, forKey: .vlan) }
    if let source { try container.encode(source, forKey: .source) }
    if let destination { try container.encode(destination, forKey: .destination) }
    if let `protocol` {
      if let word = `protocol`.word {
        try container.encode(word, forKey: .protocol)
      } else {
        try container.encode(`protocol`.rawValue, forKey: .protocol)
      }
    }
    if !sourcePorts.isEmpty { try container.encode(sourcePorts, forKey: .sourcePorts) }
    if !destinationPorts.isEmpty {
      try container.encode(destinationPorts, forKey: .destinationPorts)
    }
    if let tcpFlags { try container.encode(tcpFlags, forKey: .tcpFlags) }
    if let fragment { try container.encode(fragment, forKey: .fragment) }
    try container.encode(action, forKey: .action)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func value<Value: Decodable>(_ key: CodingKeys) throws -> Value? {
      try container.decodeIfPresent(Value.self, forKey: key)
    }
    self.init(
      name: try container.decode(String.self, forKey: .name),
      direction: try value(.direction) ?? .both,
      sourceMAC: try value(.sourceMAC), destinationMAC: try value(.destinationMAC),
      etherType: try container.wordOrNumber(.etherType, EtherType.init(word:)) {
        EtherType(rawValue: $0)
      },
      vlan: try value(.vlan),
      source: try value(.source), destination: try value(.destination),
      protocol: try container.wordOrNumber(.protocol, IPProtocol.init(word:)) {
        IPProtocol(rawValue: $0)
      },
      sourcePorts: try value(.sourcePorts) ?? [],
      destinationPorts: try value(.destinationPorts) ?? [], tcpFlags: try value(.tcpFlags),
      fragment: try value(.fragment),
      action: try container.decode(FilterAction.self, forKey: .action))
  }
}

extension KeyedDecodingContainer {
  /// A value that is coded as its word where it has one, and as its number otherwise.
  fileprivate func wordOrNumber<Number: Decodable, Value>(
    _ key: Key, _ word: (String) -> Value?, _ number: (Number) -> Value
  ) throws -> Value? {
    guard contains(key), try !decodeNil(forKey: key) else { return nil }
    if let raw = try? decode(Number.self, forKey: key) { return number(raw) }
    guard let value = word(try decode(String.self, forKey: key)) else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "an unknown word")
    }
    return value
  }
}

extension FilterAction: Codable {
  private enum CodingKeys: String, CodingKey { case tag }

  private struct Tag: Codable {
    var cos: UInt8?
    var dscp: UInt8?
  }

  /// The word, or `{tag: {cos, dscp}}`.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .allow, .drop:
      var container = encoder.singleValueContainer()
      try container.encode(self == .drop ? "drop" : "allow")
    case .tag(let cos, let dscp):
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(Tag(cos: cos, dscp: dscp), forKey: .tag)
    }
  }

  public init(from decoder: any Decoder) throws {
    if let word = try? decoder.singleValueContainer().decode(String.self) {
      guard ["allow", "drop"].contains(word) else {
        throw DecodingError.dataCorrupted(
          .init(codingPath: decoder.codingPath, debugDescription: "not an action"))
      }
      self = word == "drop" ? .drop : .allow
      return
    }
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let tag = try container.decode(Tag.self, forKey: .tag)
    self = .tag(cos: tag.cos, dscp: tag.dscp)
  }
}

extension FilterRange: Codable {
  /// A number, or text as `16384-32767`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if low == high { try container.encode(low) } else { try container.encode(description) }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(UInt16.self) {
      self.init(number)
      return
    }
    guard let range = FilterRange(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a range")
    }
    self = range
  }
}

extension TCPFlagPattern: Codable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(words)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let pattern = TCPFlagPattern(words: try container.decode([String].self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not TCP flags")
    }
    self = pattern
  }
}
