// Numbers and tables as text.

/// Lays out rows of text in columns.
public enum TextTable {
  /// Fills up with blanks on the right, or with `left` on the left.
  public static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return left ? blanks + text : text + blanks
  }

  /// A number with a fixed number of decimals; `-` for one that is none.
  public static func decimal(_ value: Double, _ places: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "-" }
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    guard places > 0 else { return "\(scaled)" }
    let fraction = "\(abs(scaled) % scale)"
    let zeroes = String(repeating: "0", count: places - fraction.count)
    return "\(scaled < 0 ? "-" : "")\(abs(scaled) / scale).\(zeroes)\(fraction)"
  }

  /// Lines of rows under headings; the first column to the left, the others to the right.
  public static func lines(_ headings: [String], _ rows: [[String]]) -> [String] {
    let widths = columnWidths(headings, rows)
    return ([headings] + rows).map { row in
      let cells = row.indices.map { pad(row[$0], widths[$0], left: $0 > 0) }
      return cells.joined(separator: "  ").trimmingRight()
    }
  }

  /// The same in as many blocks as it takes to stay within `width`, each with the first column.
  public static func blocks(_ headings: [String], _ rows: [[String]], width: Int) -> [[String]] {
    let widths = columnWidths(headings, rows)
    var blocks: [[Int]] = []
    var used = Int.max
    for column in headings.indices.dropFirst() {
      if used > width - widths[column] - 2 {
        blocks.append([0])
        used = widths[0]
      }
      blocks[blocks.count - 1].append(column)
      used += widths[column] + 2
    }
    return blocks.map { columns in
      lines(columns.map { headings[$0] }, rows.map { row in columns.map { row[$0] } })
    }
  }

  private static func columnWidths(_ headings: [String], _ rows: [[String]]) -> [Int] {
    headings.indices.map { column in
      ([headings] + rows).map { $0[column].count }.max() ?? 0
    }
  }
}

extension String {
  fileprivate func trimmingRight() -> String {
    guard let last = lastIndex(where: { $0 != " " }) else { return "" }
    return String(self[...last])
  }
}
