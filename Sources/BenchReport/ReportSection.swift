// The one shape of every result: a section of subjects (what was measured: a switch, a table size, an
// event) and metrics (in what: Gbit/s, nanoseconds), with the samples of each pair.
//
//   var section = ReportSection("peers", title: "Two containers, switch by switch")
//   section.metrics = [Metric("tcp1Gbps", "TCP ×1", unit: "Gbit/s")]
//   section.add(Subject("bridge", comparedWith: "martletTap"))
//   section.record(19.7, "tcp1Gbps", of: "bridge")          // once a run
//   section.promise("TCP ×1 ≥ 0.95 of the cable", section.ratio("tcp1Gbps", ...), atLeast: 0.95)
//   section.skip("ovsTap", because: "ovs-vswitchd is not installed; apt-get install openvswitch-switch")
//
// From this come the table, the JSON and the pictures; nobody prints figures by hand.

public import Base

/// In what something is measured.
public struct Metric: Equatable, Sendable {
  /// The key in JSON, camelCase with its unit last.
  public var name: String
  /// Over the column, and over the picture.
  public var title: String
  public var unit: String
  /// Decimals that are shown.
  public var places: Int
  public var isLowerBetter: Bool
  /// Whether a picture is drawn of it.
  public var isDrawn: Bool

  public init(
    _ name: String, _ title: String, unit: String, places: Int = 2, isLowerBetter: Bool = false,
    isDrawn: Bool = true
  ) {
    self.name = name
    self.title = title
    self.unit = unit
    self.places = places
    self.isLowerBetter = isLowerBetter
    self.isDrawn = isDrawn
  }
}

/// What is measured: a line of the table.
public struct Subject: Equatable, Sendable {
  /// Unique in its section; the `name` of a JSON row, and the first column.
  public var name: String
  /// What people call it, on pictures.
  public var title: String
  /// Subjects of one group are drawn together, under its name.
  public var group: String
  /// The subject whose figures are 1 in the ratios; nil for no ratios.
  public var comparedWith: String?
  /// Whether it is Martlet: drawn in another colour.
  public var isOurs: Bool
  public var note: String
  /// More members of the JSON row, such as `macs` or `frameBytes`.
  public var keys: [JSONObject.Member]

  public init(
    _ name: String, title: String? = nil, group: String = "", comparedWith: String? = nil,
    isOurs: Bool = false,
    note: String = "", keys: [JSONObject.Member] = []
  ) {
    self.name = name
    self.title = title ?? name
    self.group = group
    self.comparedWith = comparedWith
    self.isOurs = isOurs
    self.note = note
    self.keys = keys
  }
}

/// Something that was not measured, and why.
public struct Skipped: Equatable, Sendable {
  public var name: String
  public var why: String
}

/// What the section had to show, and whether it did.
public struct Promise: Equatable, Sendable {
  public var text: String
  public var value: Double
  public var isKept: Bool
}

/// The results of one benchmark.
public struct ReportSection: Sendable {
  /// The benchmark's word: `peers`.
  public let name: String
  public var title: String
  /// How it was measured: a sentence a line.
  public var method: [String] = []
  public var metrics: [Metric]
  public private(set) var subjects: [Subject] = []
  public private(set) var skipped: [Skipped] = []
  public private(set) var promises: [Promise] = []
  /// Pictures beyond the bars of each metric.
  public var charts: [LineChart] = []
  private var samples: [Key: Samples] = [:]

  private struct Key: Hashable, Sendable {
    var subject: String
    var metric: String
  }

  public init(_ name: String, title: String, metrics: [Metric] = []) {
    self.name = name
    self.title = title
    self.metrics = metrics
  }

  /// Adds a line; traps when there is one of that name.
  public mutating func add(_ subject: Subject) {
    precondition(!subjects.contains { $0.name == subject.name }, "two lines \(subject.name)")
    subjects.append(subject)
  }

  /// Replaces the words about a subject: what became known while measuring.
  public mutating func note(_ text: String, of subject: String) {
    guard let index = subjects.firstIndex(where: { $0.name == subject }) else { return }
    subjects[index].note = text
  }

  /// One run's figure; traps when there is no such subject or metric.
  public mutating func record(_ value: Double, _ metric: String, of subject: String) {
    precondition(subjects.contains { $0.name == subject }, "no line \(subject)")
    precondition(metrics.contains { $0.name == metric }, "no column \(metric)")
    let key = Key(subject: subject, metric: metric)
    if samples[key]?.add(value) == nil { samples[key] = Samples([value]) }
  }

  /// The samples of a pair; nil when it was not measured.
  public subscript(_ metric: String, of subject: String) -> Samples? {
    samples[Key(subject: subject, metric: metric)]
  }

  /// Takes a line out that could not be measured, and says why.
  public mutating func skip(_ name: String, because why: String) {
    subjects.removeAll { $0.name == name }
    samples = samples.filter { $0.key.subject != name }
    if !skipped.contains(where: { $0.name == name }) {
      skipped.append(Skipped(name: name, why: why))
    }
  }

  /// The median of one subject as a multiple of another's; nil unless both were measured.
  public func ratio(_ metric: String, of subject: String, to other: String) -> Double? {
    guard let own = self[metric, of: subject], let base = self[metric, of: other],
      base.median != 0
    else { return nil }
    return own.median / base.median
  }

  /// The ratio that the table shows: to the subject that the line is compared with.
  public func ratio(_ metric: String, of subject: Subject) -> Double? {
    subject.comparedWith.flatMap { ratio(metric, of: subject.name, to: $0) }
  }

  /// Notes a requirement; nothing when the value is missing, for what was skipped promises nothing.
  public mutating func promise(_ text: String, _ value: Double?, atLeast limit: Double) {
    guard let value else { return }
    promises.append(Promise(text: text, value: value, isKept: value >= limit))
  }

  public mutating func promise(_ text: String, _ value: Double?, atMost limit: Double) {
    guard let value else { return }
    promises.append(Promise(text: text, value: value, isKept: value <= limit))
  }

  public var keepsPromises: Bool { promises.allSatisfy(\.isKept) }
}
