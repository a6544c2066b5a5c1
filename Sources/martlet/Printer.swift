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

  /// Rows of one kind in full: as tables for each, with notes on what its fields mean.
  func show<Row: Encodable>(_ rows: [Row], notes: (Row) -> [Details.Field]) throws -> String {
    guard format == .table else { return try document(rows) }
    return try rows.map { row in
      Details(try JSONValue(encoding: row), notes: notes(row)).text(headers: headers)
    }.joined(separator: "\n")
  }

  private func document(_ rows: [some Encodable]) throws -> String {
    // Row by row, which keeps the cost linear in their number.
    let value = JSONValue.array(try rows.map { try JSONValue(encoding: $0) })
    return format == .json ? value.prettyText : YAMLWriter.text(value)
  }
}
