// Rows of a list or show as a table, as JSON or as YAML (`-o`). The one place that knows the forms.
//
// JSON and YAML are always an array of objects, also for `show`, because a name may stand for one
// thing on each host. Keys are camelCase, in the order of the type, and stable.

internal import Base
internal import ConfigFile

/// How a list is printed.
struct Printer: Sendable {
  enum Format: String, CaseIterable {
    case table
    case json
    case yaml
  }

  var format: Format
  var headers: Bool

  /// The options that every list and show takes.
  static let options = [
    Command.Option(
      name: "output", letter: "o", value: "table|json|yaml", summary: "the form of the output",
      choices: Format.allCases.map(\.rawValue)),
    Command.Option(name: "no-headers", summary: "a table without its first line"),
  ]

  init(_ invocation: Invocation) {
    format = invocation.options["output"].flatMap(Format.init) ?? .table
    headers = !invocation.flags.contains("no-headers")
  }

  /// Rows of one kind, one a line.
  func list<Row: Encodable>(_ rows: [Row], _ columns: [Column<Row>]) throws -> String {
    if format == .table { return Table.text(rows, columns, headers: headers) }
    return try document(rows)
  }

  /// Rows of one kind in full: as a table, one line for each field.
  func show(_ rows: [some Encodable]) throws -> String {
    guard format == .table else { return try document(rows) }
    let columns = [Column<Field>("FIELD") { $0.name }, Column<Field>("VALUE") { $0.text }]
    return try rows.map { row in
      var fields: [Field] = []
      Field.flatten(try JSONValue(encoding: row), named: "", into: &fields)
      return Table.text(fields, columns, headers: headers)
    }.joined(separator: "\n")
  }

  private func document(_ rows: [some Encodable]) throws -> String {
    // Row by row, which keeps the cost linear in their number.
    let value = JSONValue.array(try rows.map { try JSONValue(encoding: $0) })
    return format == .json ? value.prettyText : YAMLWriter.text(value)
  }
}

/// One leaf of a nested value.
private struct Field {
  /// `counters.packetsInUnicast`, `nics[0].mac`.
  var name: String
  var text: String

  static func flatten(_ value: JSONValue, named name: String, into fields: inout [Field]) {
    switch value {
    case .object(let object):
      // A policy field says who set it.
      if object.members.map(\.key) == ["value", "source"] {
        let text = "\(words(object.members[0].value)) (\(words(object.members[1].value)))"
        fields.append(Field(name: name, text: text))
        return
      }
      if object.members.isEmpty, !name.isEmpty { fields.append(Field(name: name, text: "-")) }
      for member in object.members {
        let inner = name.isEmpty ? member.key : "\(name).\(member.key)"
        flatten(member.value, named: inner, into: &fields)
      }
    case .array(let values) where values.contains { if case .object = $0 { true } else { false } }:
      for (index, element) in values.enumerated() {
        flatten(element, named: "\(name)[\(index)]", into: &fields)
      }
    default:
      fields.append(Field(name: name, text: words(value)))
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
