// Rows and columns as text, for people: as wide as the widest cell, two blanks between.
//
// Nothing is cut, on a terminal or off it: a name that is cut cannot be copied. The last column is
// not padded, so no line ends in blanks. A cell is one line; a nothing is `-`.

/// A column of a table of `Row`s.
struct Column<Row>: Sendable {
  var title: String
  var isNumber: Bool
  var cell: @Sendable (Row) -> String

  /// Text, aligned left.
  init(_ title: String, _ cell: @escaping @Sendable (Row) -> String?) {
    self.title = title
    isNumber = false
    self.cell = { row in cell(row).flatMap { $0.isEmpty ? nil : $0 } ?? "-" }
  }

  /// A number, aligned right.
  init(number title: String, _ cell: @escaping @Sendable (Row) -> UInt64?) {
    self.title = title
    isNumber = true
    self.cell = { row in cell(row).map { "\($0)" } ?? "-" }
  }
}

enum Table {
  /// The table as text; with `headers` its first line is the titles.
  static func text<Row>(_ rows: [Row], _ columns: [Column<Row>], headers: Bool) -> String {
    var lines = rows.map { row in columns.map { $0.cell(row).replacing("\n", with: " ") } }
    if headers { lines.insert(columns.map(\.title), at: 0) }
    let widths = columns.indices.map { index in lines.map { $0[index].count }.max() ?? 0 }
    var text = ""
    for line in lines {
      for (index, cell) in line.enumerated() {
        let blanks = String(repeating: " ", count: widths[index] - cell.count)
        let isLast = index == line.count - 1
        text += columns[index].isNumber ? blanks + cell : cell + (isLast ? "" : blanks)
        text += isLast ? "\n" : "  "
      }
    }
    return text
  }
}
