// Rows and columns as text: as wide as the widest cell, two blanks between, nothing cut.

enum LabTable {
  /// The table with its titles, each line indented by two blanks.
  static func text(_ titles: [String], _ rows: [[String]]) -> String {
    let lines = [titles] + rows
    let widths = titles.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      var text = " "
      for (column, cell) in line.enumerated() {
        text += " " + cell
        if column < line.count - 1 {
          text += String(repeating: " ", count: widths[column] - cell.count + 1)
        }
      }
      return text + "\n"
    }.joined()
  }
}
