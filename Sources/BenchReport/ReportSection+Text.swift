// A section as text and as JSON.
//
// JSON: a row for each subject with its keys; a metric is `NAME` (the median), `NAMELow`, `NAMEHigh` and,
// where there is something to compare with, `NAMERatio`. A metric that was not measured is not there.

public import Base

extension ReportSection {
  /// The widest line of a table.
  private static let width = 118

  /// Title, method, table, what was skipped, and promises.
  public var lines: [String] {
    var lines = ["", title, String(repeating: "=", count: title.count)]
    for block in tables { lines += block + [""] }
    let compared = comparedNames
    if !compared.isEmpty {
      let base =
        compared.count <= 3 ? compared.joined(separator: ", ") : "the line that it is compared with"
      lines.append("median (lowest-highest); × is the multiple of \(base)")
    } else if subjects.contains(where: { runs(of: $0) > 1 }) {
      lines.append("median (lowest-highest)")
    }
    lines += subjects.filter { !$0.note.isEmpty }.map { "\($0.name): \($0.note)" }
    lines += skipped.map { "skipped \($0.name): \($0.why)" }
    lines += promises.map { promise in
      "\(promise.isKept ? "kept  " : "BROKEN") \(promise.text): "
        + TextTable.decimal(promise.value, 2)
    }
    return lines
  }

  /// What lines are compared with, as far as it was measured.
  private var comparedNames: [String] {
    subjects.compactMap(\.comparedWith).reduce(into: []) { names, name in
      if !names.contains(name), subjects.contains(where: { $0.name == name }) {
        names.append(name)
      }
    }
  }

  private var tables: [[String]] {
    let shown = metrics.filter { metric in
      subjects.contains { self[metric.name, of: $0.name] != nil }
    }
    guard !subjects.isEmpty, !shown.isEmpty else { return [] }
    let headings = [name] + shown.map { "\($0.title) \($0.unit)" }
    let rows = subjects.map { subject in
      [subject.name] + shown.map { cell($0, subject) }
    }
    return TextTable.blocks(headings, rows, width: Self.width)
  }

  private func cell(_ metric: Metric, _ subject: Subject) -> String {
    guard let samples = self[metric.name, of: subject.name] else { return "-" }
    func text(_ value: Double) -> String { TextTable.decimal(value, metric.places) }
    var cell = text(samples.median)
    if samples.count > 1 { cell += " (\(text(samples.low))-\(text(samples.high)))" }
    if let ratio = ratio(metric.name, of: subject), subject.comparedWith != subject.name {
      cell += " ×\(TextTable.decimal(ratio, 2))"
    }
    return cell
  }

  /// The most runs of any metric.
  func runs(of subject: Subject) -> Int {
    metrics.compactMap { self[$0.name, of: subject.name]?.count }.max() ?? 0
  }

  public var json: JSONValue {
    [
      "name": .string(name), "title": .string(title),
      "method": .array(method.map { .string($0) }),
      "metrics": .array(
        metrics.map {
          [
            "name": .string($0.name), "title": .string($0.title), "unit": .string($0.unit),
            "isLowerBetter": .bool($0.isLowerBetter),
          ]
        }),
      "rows": .array(subjects.map { .object(row($0)) }),
      "skipped": .array(skipped.map { ["name": .string($0.name), "why": .string($0.why)] }),
      "promises": .array(
        promises.map {
          ["text": .string($0.text), "value": .double($0.value), "isKept": .bool($0.isKept)]
        }),
    ]
  }

  private func row(_ subject: Subject) -> JSONObject {
    var row: JSONObject = ["name": .string(subject.name)]
    if !subject.group.isEmpty { row["group"] = .string(subject.group) }
    for member in subject.keys { row[member.key] = member.value }
    row["runs"] = .int(runs(of: subject))
    if let other = subject.comparedWith { row["comparedWith"] = .string(other) }
    for metric in metrics {
      guard let samples = self[metric.name, of: subject.name] else { continue }
      row[metric.name] = .double(samples.median)
      row[metric.name + "Low"] = .double(samples.low)
      row[metric.name + "High"] = .double(samples.high)
      if let ratio = ratio(metric.name, of: subject) { row[metric.name + "Ratio"] = .double(ratio) }
    }
    if !subject.note.isEmpty { row["note"] = .string(subject.note) }
    return row
  }
}
