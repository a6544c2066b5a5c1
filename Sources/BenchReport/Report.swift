// A whole report: where and how it was measured, and its sections, as text, JSON and pictures.

public import Base

/// The machine and the moment: without them a figure says nothing.
public struct Surroundings: Equatable, Sendable {
  /// Processors, memory, as people say it: `2 × AMD EPYC 9R45, 24 GiB`.
  public var machine = ""
  public var kernel = ""
  /// In UTC, `2026-11-20 12:31`.
  public var date = ""
  public var commit = ""
  /// What repeats the run.
  public var command = ""
  /// The load average before the run: somebody else's work shows here.
  public var loadBefore = ""
  /// Whether somebody else worked: absolute figures, and processor time of the machine, say little then.
  public var wasBusy = false

  public init() {}

  /// For the foot of a picture.
  public var line: String {
    [
      machine, kernel.isEmpty ? "" : "Linux \(kernel)", date,
      commit.isEmpty ? "" : "Martlet \(commit)",
    ]
    .filter { !$0.isEmpty }.joined(separator: "  ·  ")
      + (wasBusy ? "  ·  the machine was busy with something else" : "")
  }
}

/// The sections of one run.
public struct Report: Sendable {
  public var surroundings: Surroundings
  public private(set) var sections: [ReportSection] = []

  public init(_ surroundings: Surroundings) { self.surroundings = surroundings }

  public mutating func add(_ section: ReportSection) { sections.append(section) }

  /// False when a section broke a promise.
  public var keepsPromises: Bool { sections.allSatisfy(\.keepsPromises) }

  /// The lines above the first section.
  public var heading: [String] {
    [
      "\(surroundings.commit.isEmpty ? "Martlet" : "Martlet \(surroundings.commit)"), "
        + surroundings.date,
      "\(surroundings.machine); Linux \(surroundings.kernel)",
      "load before: \(surroundings.loadBefore)"
        + (surroundings.wasBusy ? " (busy with something else: trust no figure of this run)" : ""),
      surroundings.command,
    ].filter { !$0.isEmpty }
  }

  public var json: JSONValue {
    [
      "commit": .string(surroundings.commit), "date": .string(surroundings.date),
      "machine": .string(surroundings.machine), "kernel": .string(surroundings.kernel),
      "loadBefore": .string(surroundings.loadBefore), "wasBusy": .bool(surroundings.wasBusy),
      "command": .string(surroundings.command), "keepsPromises": .bool(keepsPromises),
      "sections": .array(sections.map(\.json)),
    ]
  }

  /// Every picture of the report, by a name that is a file's.
  public var pictures: [(name: String, text: String)] {
    sections.flatMap { section in
      let bars = section.metrics.filter(\.isDrawn).compactMap { metric in
        BarChart(section, metric).map { chart in
          (
            name: "\(section.name)-\(metric.name)",
            text: chart.drawing(foot: surroundings).text
          )
        }
      }
      let lines = section.charts.map { chart in
        (name: "\(section.name)-\(chart.name)", text: chart.drawing(foot: surroundings).text)
      }
      return bars + lines
    }
  }

  /// All pictures below each other in one drawing.
  public var picture: String {
    var drawings = sections.flatMap { section in
      section.metrics.filter(\.isDrawn).compactMap {
        BarChart(section, $0)?.drawing(foot: surroundings)
      }
    }
    drawings += sections.flatMap { $0.charts.map { $0.drawing(foot: surroundings) } }
    return SVGCanvas.stacked(drawings, title: "martlet-bench")
  }
}
