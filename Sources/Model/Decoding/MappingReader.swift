// Reads the keys of one mapping, and writes down everything about it that is not as it should be:
// another kind of node, a repeated key, an unknown key, a value of the wrong type.
//
// A reader gives nothing for what it refused, so that decoding goes on with a default. A value that
// is null counts as absent: `policy:` with nothing after it says nothing.

internal import Base

/// The keys of a mapping, by name.
struct MappingReader {
  let node: ConfigNode
  /// What the mapping describes, for messages: "port group web".
  let subject: String
  let log: MistakeLog
  private let isMapping: Bool

  /// Checks that the node is a mapping with none but these keys.
  init(_ node: ConfigNode, subject: String, keys: [String], log: MistakeLog) {
    self.node = node
    self.subject = subject
    self.log = log
    isMapping = node.entries != nil
    guard let entries = node.entries else {
      let example = node.scalar.map { $0.text.isEmpty ? "…" : $0.text.excerpt } ?? "…"
      log.add(
        subject, "must be a mapping, not \(node.shapeName)",
        remedy: "write it as `{ \(keys[0]): \(keys[0] == "name" ? example : "…") }`",
        at: node.location)
      return
    }
    var first: [String: SourceLocation] = [:]
    for entry in entries {
      if let earlier = first[entry.key] {
        log.add(
          subject, "the key `\(entry.key.excerpt)` is repeated",
          remedy: "keep one of the two; the other is on line \(earlier.line)",
          at: entry.keyLocation)
      } else if !keys.contains(entry.key) {
        log.add(
          subject, "unknown key `\(entry.key.excerpt)`",
          remedy: log.remedy(
            for: entry.key, among: keys, "the keys here are", ifNone: "remove it"),
          at: entry.keyLocation)
      }
      first[entry.key] = first[entry.key] ?? entry.keyLocation
    }
  }

  /// Writes down a mistake in this mapping.
  func mistake(_ why: String, remedy: String, at location: SourceLocation) {
    log.add(subject, why, remedy: remedy, at: location)
  }

  /// The value of a key; nothing when it is absent or null.
  func value(_ key: String) -> ConfigNode? {
    guard let value = node[key], !value.isNull else { return nil }
    return value
  }

  /// The value of a key that must be there.
  func required(_ key: String) -> ConfigNode? {
    if let value = value(key) { return value }
    if isMapping {
      mistake(
        "the key `\(key)` is missing", remedy: "add `\(key): …`",
        at: node[key]?.location ?? node.location)
    }
    return nil
  }

  /// The name under a key that must be there; empty after a mistake, and only then.
  func requiredName(_ key: String) -> String {
    // Where a name stands in place of the mapping, it serves for what refers to it.
    if key == "name", let scalar = node.scalar { return scalar.text }
    return required(key).map { name(of: $0, "`\(key)`") } ?? ""
  }

  /// A name that is not empty; empty after a mistake, and only then.
  func name(of node: ConfigNode, _ what: String) -> String {
    guard let text = text(of: node, what) else { return "" }
    if text.isEmpty {
      mistake("\(what) is empty", remedy: "write a name", at: node.location)
    }
    return text
  }

  func text(of node: ConfigNode, _ what: String) -> String? {
    if let scalar = node.scalar { return scalar.text }
    mistake(
      "\(what) must be one value, not \(node.shapeName)", remedy: "write one name or value",
      at: node.location)
    return nil
  }

  func bool(_ key: String) -> Bool? {
    guard let value = value(key) else { return nil }
    if let scalar = value.scalar, !scalar.isQuoted {
      if ["true", "True", "TRUE"].contains(scalar.text) { return true }
      if ["false", "False", "FALSE"].contains(scalar.text) { return false }
    }
    mistake(
      "`\(key)` must be true or false, not \(value.quotedText)",
      remedy: "write `true` or `false`, without quotes", at: value.location)
    return nil
  }

  /// A whole number within a range.
  func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
    guard let value = value(key) else { return nil }
    return integer(of: value, "`\(key)`", in: range)
  }

  func integer(of node: ConfigNode, _ what: String, in range: ClosedRange<Int>) -> Int? {
    guard let scalar = node.scalar, !scalar.isQuoted, let number = Int(scalar.text) else {
      mistake(
        "\(what) must be a whole number, not \(node.quotedText)",
        remedy: "write a number from \(range.lowerBound) to \(range.upperBound)",
        at: node.location)
      return nil
    }
    guard range.contains(number) else {
      mistake(
        "\(what) is \(number), which is out of range",
        remedy: "write a number from \(range.lowerBound) to \(range.upperBound)",
        at: node.location)
      return nil
    }
    return number
  }

  /// One of the words of an enum. `unavailable` are words that a later version will know.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, unavailable: [String] = []
  ) -> Choice? {
    guard let value = value(key), let text = text(of: value, "`\(key)`") else { return nil }
    if let choice = Choice(rawValue: text) { return choice }
    let known = Choice.allCases.map(\.rawValue).filter { !unavailable.contains($0) }
    if unavailable.contains(text) {
      log.add(
        unavailable: text, subject,
        remedy: "use \(known.map { "`\($0)`" }.joined(separator: " or "))", at: value.location)
    } else {
      mistake(
        "`\(key)` cannot be \(value.quotedText)",
        remedy: known.count == 1
          ? "write `\(known[0])`"
          : log.remedy(for: text, among: known, "write one of", ifNone: "remove it"),
        at: value.location)
    }
    return nil
  }

  /// The elements of a list; empty when the key is absent, cut off at the limit.
  func list(_ key: String, limit: Int) -> [ConfigNode] {
    guard let value = value(key) else { return [] }
    if let elements = value.elements {
      guard elements.count > limit else { return elements }
      tell(count: elements.count, key, limit: limit, at: elements[limit].location)
      return Array(elements.prefix(limit))
    }
    mistake(
      "`\(key)` must be a list, not \(value.shapeName)",
      remedy: "write it as `[…]`, or with one `- ` for each element", at: value.location)
    return []
  }

  /// The names in a list; nothing when the key is absent, so that an empty list can be told apart.
  func names(_ key: String, limit: Int) -> [String]? {
    guard value(key) != nil else { return nil }
    return list(key, limit: limit).map { name(of: $0, "an element of `\(key)`") }
  }

  private func tell(count: Int, _ key: String, limit: Int, at location: SourceLocation) {
    mistake(
      "`\(key)` has \(count) elements", remedy: "keep at most \(limit)", at: location)
  }

  /// A mapping from names to names, in the order of the file, cut off at the limit.
  func pairs(_ key: String, limit: Int) -> [(key: String, value: String)] {
    guard let value = value(key) else { return [] }
    guard let entries = value.entries else {
      mistake(
        "`\(key)` must be a mapping, not \(value.shapeName)",
        remedy: "write it as `\(key): { name: name }`", at: value.location)
      return []
    }
    var pairs: [(key: String, value: String)] = []
    if entries.count > limit {
      tell(count: entries.count, key, limit: limit, at: entries[limit].keyLocation)
    }
    for entry in entries.prefix(limit) {
      if pairs.contains(where: { $0.key == entry.key }) {
        mistake(
          "`\(entry.key.excerpt)` is repeated in `\(key)`", remedy: "keep one of the two",
          at: entry.keyLocation)
        continue
      }
      pairs.append((entry.key, name(of: entry.value, "`\(entry.key.excerpt)`")))
    }
    return pairs
  }
}

extension ConfigNode {
  /// What the node is, for messages.
  var shapeName: String {
    switch content {
    case .scalar: isNull ? "nothing" : "one value"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }

  /// The value as written, or the shape of what stands there instead.
  var quotedText: String {
    guard let scalar else { return shapeName }
    if scalar.isQuoted { return "the text \"\(scalar.text.excerpt)\"" }
    return isNull ? "nothing" : "`\(scalar.text.excerpt)`"
  }
}

extension String {
  /// At most 64 characters, for messages; those that would move a terminal's cursor are replaced.
  var excerpt: String {
    var text = String.UnicodeScalarView()
    for scalar in unicodeScalars.prefix(64) {
      let isControl = scalar.properties.generalCategory == .control
      text.append(isControl ? "\u{FFFD}" : scalar)
    }
    return unicodeScalars.count <= 64 ? String(text) : String(text) + "…"
  }
}
