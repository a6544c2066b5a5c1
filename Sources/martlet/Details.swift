// Everything about one thing, as tables for people: its fields, then what holds for it and who said so,
// its counters, its drops by reason and its multicast groups, as far as it has them.
//
// Made from the JSON of the row, so what a later agent tells is shown as well.

internal import Base
internal import Model

/// The tables of one `show`.
struct Details {
  /// One leaf of a nested value: `nics[0].mac`.
  struct Field {
    var name: String
    var text: String
  }

  private struct PolicyField {
    var name: String
    var text: String
    var source: String
  }

  private var fields: [Field] = []
  private var policy: [PolicyField] = []
  private var counters: JSONObject?
  private var drops: JSONObject?
  private var groups: [JSONObject] = []

  /// - Parameter notes: what follows from the fields, in words.
  init(_ value: JSONValue, notes: [Field]) {
    guard case .object(let row) = value else { return }
    for member in row.members {
      switch (member.key, member.value) {
      case ("policy", .object(let object)): addPolicy(object, under: "")
      case ("counters", .object(let object)): counters = object
      case ("drops", .object(let object)): drops = object
      case ("groups", .array(let rows)):
        groups = rows.compactMap { if case .object(let object) = $0 { object } else { nil } }
        if groups.isEmpty { add(member.value, named: member.key) }
      default: add(member.value, named: member.key)
      }
    }
    fields += notes
  }

  func text(headers: Bool) -> String {
    var tables = [
      Table.text(
        fields, [Column("FIELD") { $0.name }, Column("VALUE") { $0.text }], headers: headers)
    ]
    if !policy.isEmpty {
      let columns = [
        Column<PolicyField>("POLICY") { $0.name }, Column("VALUE") { $0.text },
        Column("FROM") { $0.source },
      ]
      tables.append(Table.text(policy, columns, headers: headers))
    }
    if let counters { tables.append(Self.table(ofCounters: counters, headers: headers)) }
    if let drops { tables.append(Self.table(ofDrops: drops, headers: headers)) }
    if !groups.isEmpty { tables.append(Self.table(ofGroups: groups, headers: headers)) }
    return tables.filter { !$0.isEmpty }.joined(separator: "\n")
  }

  private mutating func add(_ value: JSONValue, named name: String) {
    switch value {
    case .object(let object):
      if object.members.isEmpty { fields.append(Field(name: name, text: "-")) }
      for member in object.members { add(member.value, named: "\(name).\(member.key)") }
    case .array(let values) where values.contains { if case .object = $0 { true } else { false } }:
      for (index, element) in values.enumerated() { add(element, named: "\(name)[\(index)]") }
    default:
      fields.append(Field(name: name, text: Self.words(value)))
    }
  }

  private static func words(_ value: JSONValue) -> String {
    switch value {
    case .null: "-"
    case .string(let text): text
    case .array(let values): values.isEmpty ? "-" : values.map(words).joined(separator: ", ")
    default: value.description
    }
  }
}

// Policies: each field with its value and who set it.
extension Details {
  private mutating func addPolicy(_ object: JSONObject, under path: String) {
    for member in object.members {
      guard case .object(let inner) = member.value else { continue }
      let name = path + member.key
      guard let value = inner["value"], let source = inner["source"] else {
        addPolicy(inner, under: "\(name).")
        continue
      }
      let from = Self.words(source)
      if case .array(let rules) = value, case .object = rules.first {
        for (index, rule) in rules.enumerated() {
          policy.append(
            PolicyField(name: "\(name)[\(index)]", text: Self.rule(rule), source: from))
        }
        continue
      }
      policy.append(PolicyField(name: name, text: Self.quantity(value, name), source: from))
    }
  }

  /// Bandwidths and sizes as a file would have them.
  private static func quantity(_ value: JSONValue, _ name: String) -> String {
    guard case .int(let number) = value else { return words(value) }
    if name.hasSuffix("Bandwidth") { return ShapingPolicy.text(bandwidth: number) }
    return name.hasSuffix("burstSize") ? ShapingPolicy.text(burstSize: number) : words(value)
  }

  /// `no-telnet: ingress, protocol tcp, destinationPorts 23: drop`.
  private static func rule(_ value: JSONValue) -> String {
    guard case .object(let rule) = value else { return words(value) }
    var parts: [String] = []
    for member in rule.members where !["name", "action"].contains(member.key) {
      let text = words(member.value)
      parts.append(member.key == "direction" ? text : "\(member.key) \(text)")
    }
    return "\(words(rule["name"] ?? .null)): \(parts.joined(separator: ", ")): "
      + action(rule["action"] ?? .null)
  }

  /// `drop`, `tag cos 5 dscp 46`.
  private static func action(_ value: JSONValue) -> String {
    guard case .object(let object) = value else { return words(value) }
    let said = object.members.filter { $0.value != .null }
    return said.map { "\($0.key) \(action($0.value))" }.joined(separator: " ")
  }
}

// Numbers.
extension Details {
  /// The sixteen counters as a table: the name of a line and that of a column make the counter's.
  private static func table(ofCounters counters: JSONObject, headers: Bool) -> String {
    func column(_ kind: String) -> Column<String> {
      Column(number: kind.uppercased()) { line in
        guard case .int(let number) = counters["\(line)\(kind)"] else { return nil }
        return UInt64(max(0, number))
      }
    }
    let kinds = ["Unicast", "Multicast", "Broadcast", "Dropped", "Exception"]
    return Table.text(
      ["packetsIn", "packetsOut", "bytesIn", "bytesOut"],
      [Column("COUNTER") { $0 }] + kinds.map(column), headers: headers)
  }

  private static func table(ofDrops drops: JSONObject, headers: Bool) -> String {
    Table.text(
      drops.members,
      [Column("DROP") { $0.key }, Column("FRAMES") { words($0.value) }], headers: headers)
  }

  private static func table(ofGroups groups: [JSONObject], headers: Bool) -> String {
    let keys = groups[0].members.map(\.key)
    return Table.text(
      groups,
      keys.map { key in
        Column(key.uppercased()) { group in group[key].map(words) }
      }, headers: headers)
  }
}
