// Decodes filters. What a rule says about one field is judged here; what its fields say together is
// judged by `TopologyCheck`, which also sees rules that were made in code.

internal import Base
internal import Wire

extension TopologyDecoder {
  /// The rules under the key `filter`; nothing when the key is absent, which an empty list is not.
  func filter(_ owner: MappingReader) -> [FilterRule]? {
    guard owner.value("filter") != nil else { return nil }
    return owner.list("filter", limit: TopologyLimit.rulesOfAFilter).map {
      rule($0, of: owner.subject)
    }
  }

  private func rule(_ node: ConfigNode, of owner: String) -> FilterRule {
    let reader = MappingReader(
      node, subject: "\(subject("rule", node)) in \(owner)",
      keys: FilterRule.CodingKeys.allCases.map(\.rawValue), log: log)
    return FilterRule(
      name: reader.requiredName("name"), direction: reader.choice("direction") ?? .both,
      sourceMAC: reader.macPattern("sourceMAC"),
      destinationMAC: reader.macPattern("destinationMAC"), etherType: reader.etherType("etherType"),
      vlan: reader.value("vlan").flatMap {
        reader.filterRange($0, "`vlan`", upTo: VLANRanges.highest)
      },
      source: reader.prefix("source"), destination: reader.prefix("destination"),
      protocol: reader.ipProtocol("protocol"), sourcePorts: reader.ports("sourcePorts"),
      destinationPorts: reader.ports("destinationPorts"), tcpFlags: reader.tcpFlags("tcpFlags"),
      fragment: reader.bool("fragment"), action: reader.filterAction("action") ?? .allow,
      origin: Origin(node))
  }
}

extension MappingReader {
  fileprivate func macPattern(_ key: String) -> MACPattern? {
    guard let value = value(key) else { return nil }
    if let text = value.scalar?.text, let pattern = MACPattern(text) { return pattern }
    mistake(
      "`\(key)` cannot be \(value.quotedText)",
      remedy: "write an address, a prefix as \"00:50:56:00:00:00/24\", or an address and a mask",
      at: value.location)
    return nil
  }

  /// A number, decimal or as 0x…; nothing for anything else.
  fileprivate func number(_ node: ConfigNode) -> Int? {
    guard let scalar = node.scalar, !scalar.isQuoted,
      case .int(let number) = JSONValue(plain: scalar.text)
    else { return nil }
    return number
  }

  /// A word, or a number from 0x0600 on: below that the field is a length.
  func etherType(_ key: String) -> EtherType? {
    guard let value = value(key) else { return nil }
    if let word = value.scalar?.text, let type = EtherType(word: word) { return type }
    if let number = number(value), (0x0600...0xFFFF).contains(number) {
      return EtherType(rawValue: UInt16(number))
    }
    mistake(
      "`\(key)` cannot be \(value.quotedText)",
      remedy: "write ipv4, ipv6, arp, or a number from 0x0600 to 0xffff", at: value.location)
    return nil
  }

  fileprivate func ipProtocol(_ key: String) -> IPProtocol? {
    guard let value = value(key) else { return nil }
    if let word = value.scalar?.text, let known = IPProtocol(word: word) { return known }
    if let number = number(value), (0...255).contains(number) {
      return IPProtocol(rawValue: UInt8(number))
    }
    let words = IPProtocol.words.map(\.word)
    mistake(
      "`\(key)` cannot be \(value.quotedText)",
      remedy: "write \(words.joined(separator: ", ")), or a number from 0 to 255",
      at: value.location)
    return nil
  }

  /// A network, or the address of one host.
  fileprivate func prefix(_ key: String) -> IPPrefix? {
    guard let value = value(key) else { return nil }
    if let text = value.scalar?.text {
      if let prefix = IPPrefix(text) { return prefix }
      if let host = IPAddress(text) { return IPPrefix(host: host) }
    }
    mistake(
      "`\(key)` cannot be \(value.quotedText)",
      remedy: "write a network, as 10.0.10.0/24 or \"fd00:10::/64\", or an address",
      at: value.location)
    return nil
  }

  /// `23` or `16384-32767`.
  fileprivate func filterRange(
    _ node: ConfigNode, _ what: String, upTo highest: UInt16
  ) -> FilterRange? {
    let bounds = node.scalar?.text.split(separator: "-", omittingEmptySubsequences: false) ?? []
    let numbers = bounds.compactMap { Int(digits: $0) }
    guard let low = numbers.first, let high = numbers.last, numbers.count == bounds.count,
      numbers.count <= 2
    else {
      mistake(
        "\(what) cannot be \(node.quotedText)",
        remedy: "write a number, or a range as \"16-32\"", at: node.location)
      return nil
    }
    guard max(low, high) <= highest else {
      mistake(
        "\(what) is \(max(low, high)), which is out of range",
        remedy: "write numbers from 0 to \(highest)", at: node.location)
      return nil
    }
    guard low <= high else {
      mistake(
        "the range `\(low)-\(high)` is reversed", remedy: "write \"\(high)-\(low)\"",
        at: node.location)
      return nil
    }
    return FilterRange(UInt16(low)...UInt16(high))
  }

  fileprivate func ports(_ key: String) -> [FilterRange] {
    guard let value = value(key) else { return [] }
    let elements = list(key, limit: TopologyLimit.portRangesOfARule)
    if value.elements?.isEmpty == true {
      mistake(
        "`\(key)` is empty, so the rule would match nothing",
        remedy: "name a port, or remove `\(key)` to match every port", at: value.location)
    }
    return elements.compactMap { filterRange($0, "a port", upTo: .max) }
  }

  fileprivate func tcpFlags(_ key: String) -> TCPFlagPattern? {
    guard let value = value(key) else { return nil }
    let elements = list(key, limit: 16)
    let words = elements.compactMap { text(of: $0, "an element of `\(key)`") }
    guard value.elements != nil, words.count == elements.count else { return nil }
    if let pattern = TCPFlagPattern(words: words), !words.isEmpty { return pattern }
    let wrong = words.firstIndex { TCPFlagPattern(words: [$0]) == nil }
    let names = TCPFlagPattern.names.joined(separator: ", ")
    if let wrong {
      mistake(
        "`\(key)` cannot name \(elements[wrong].quotedText)",
        remedy: "write \(names), each with a `!` before it, in quotes, to be clear",
        at: elements[wrong].location)
    } else {
      mistake(
        words.isEmpty ? "`\(key)` is empty" : "`\(key)` wants a flag both set and clear",
        remedy: "write some of \(names), each once", at: value.location)
    }
    return nil
  }

  /// `allow`, `drop` or `{tag: {cos: …, dscp: …}}`.
  fileprivate func filterAction(_ key: String) -> FilterAction? {
    guard let value = required(key) else { return nil }
    let remedy = "write allow, drop, or `{ tag: { dscp: 46 } }`"
    guard value.entries != nil else {
      switch value.scalar?.text {
      case "allow": return .allow
      case "drop": return .drop
      default:
        mistake("`\(key)` cannot be \(value.quotedText)", remedy: remedy, at: value.location)
        return nil
      }
    }
    let reader = MappingReader(value, subject: subject, keys: ["tag"], log: log)
    guard let node = reader.required("tag") else { return nil }
    let tag = MappingReader(node, subject: subject, keys: ["cos", "dscp"], log: log)
    let (cos, dscp) = (tag.integer("cos", in: 0...7), tag.integer("dscp", in: 0...63))
    if node.entries != nil, tag.value("cos") == nil, tag.value("dscp") == nil {
      mistake(
        "the action `tag` sets nothing", remedy: "add `cos: …`, `dscp: …` or both",
        at: node.location)
    }
    return .tag(cos: cos.map { UInt8($0) }, dscp: dscp.map { UInt8($0) })
  }
}
