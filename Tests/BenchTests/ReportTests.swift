// Sections, their tables, JSON and promises.

import Base
import BenchReport
import Testing

struct ReportTests {
  private static func section() -> ReportSection {
    var section = ReportSection(
      "peers", title: "Peers",
      metrics: [
        Metric("tcpGbps", "TCP", unit: "Gbit/s"),
        Metric("nanoseconds", "CPU", unit: "ns", places: 0, isLowerBetter: true),
      ])
    section.add(Subject("martlet", group: "TAP", comparedWith: "martlet", isOurs: true))
    section.add(
      Subject(
        "cable", group: "TAP", comparedWith: "martlet", note: "no switch",
        keys: [.init("macs", .int(2))]))
    section.add(Subject("late", group: "veth", comparedWith: "martlet"))
    for value in [10.0, 12, 11] { section.record(value, "tcpGbps", of: "martlet") }
    for value in [22.0, 20, 24] { section.record(value, "tcpGbps", of: "cable") }
    section.record(500, "nanoseconds", of: "cable")
    return section
  }

  @Test func ratiosAreOfMedians() {
    let section = Self.section()
    #expect(section.ratio("tcpGbps", of: "cable", to: "martlet") == 2)
    #expect(section.ratio("nanoseconds", of: "cable", to: "martlet") == nil)
    #expect(section.ratio("tcpGbps", of: "late", to: "martlet") == nil)
  }

  @Test func jsonRowsAreFlatAndLeaveOutWhatWasNotMeasured() {
    guard case .array(let rows)? = Self.section().json["rows"] else {
      Issue.record("no rows")
      return
    }
    let cable = rows[1]
    #expect(cable["name"] == "cable")
    #expect(cable["macs"] == .int(2))
    #expect(cable["tcpGbps"] == .double(22))
    #expect(cable["tcpGbpsLow"] == .double(20))
    #expect(cable["tcpGbpsHigh"] == .double(24))
    #expect(cable["tcpGbpsRatio"] == .double(2))
    #expect(cable["runs"] == .int(3))
    #expect(rows[0]["nanoseconds"] == nil)
    #expect(rows[2]["tcpGbps"] == nil)
  }

  @Test func theTableShowsMedianSpreadAndRatio() {
    let text = Self.section().lines.joined(separator: "\n")
    #expect(text.contains("22.00 (20.00-24.00) ×2.00"))
    #expect(text.contains("11.00 (10.00-12.00)\n") || text.contains("11.00 (10.00-12.00)  "))
    #expect(text.contains("cable: no switch"))
  }

  @Test func skippedLinesLeaveAndSayWhy() {
    var section = Self.section()
    section.skip("late", because: "ovs-vswitchd is not installed")
    #expect(section.subjects.map(\.name) == ["martlet", "cable"])
    #expect(section.lines.contains("skipped late: ovs-vswitchd is not installed"))
  }

  @Test func promisesAreKeptOrBroken() {
    var section = Self.section()
    section.promise("at least", 0.96, atLeast: 0.95)
    #expect(section.keepsPromises)
    section.promise("nothing was measured", nil, atLeast: 1)
    #expect(section.keepsPromises)
    section.promise("at most", 1.2, atMost: 1.1)
    #expect(!section.keepsPromises)
    #expect(section.lines.contains("BROKEN at most: 1.20"))
    var report = Report(Surroundings())
    report.add(section)
    #expect(!report.keepsPromises)
    #expect(report.json["keepsPromises"] == false)
  }

  @Test func tablesAreCutIntoBlocksThatFit() {
    let headings = ["name"] + (0..<9).map { "column\($0)" }
    let rows = [["first"] + (0..<9).map { "\($0 * 1_000)" }]
    let blocks = TextTable.blocks(headings, rows, width: 30)
    #expect(blocks.count > 1)
    for block in blocks {
      #expect(block.allSatisfy { $0.count <= 30 })
      #expect(block[0].hasPrefix("name"))
    }
    let all = blocks.flatMap { $0[0].split(separator: " ").dropFirst() }.map(String.init)
    #expect(all == Array(headings.dropFirst()))
  }

  @Test(arguments: [
    (1.005, 1, "1.0"), (-0.26, 1, "-0.3"), (12.5, 0, "13"), (0.0449, 2, "0.04"),
    (Double.infinity, 1, "-"), (1_234_567.0, 0, "1234567"),
  ])
  func decimals(value: Double, places: Int, text: String) {
    #expect(TextTable.decimal(value, places) == text)
  }

  /// As `date -u -d @SECONDS` prints them.
  @Test(arguments: [
    (UInt64(0), "1970-01-01 00:00 UTC"), (951_782_399, "2000-02-28 23:59 UTC"),
    (951_782_400, "2000-02-29 00:00 UTC"), (1_709_251_199, "2024-02-29 23:59 UTC"),
    (1_795_176_660, "2026-11-20 12:11 UTC"), (4_107_542_400, "2100-03-01 00:00 UTC"),
  ])
  func dates(seconds: UInt64, text: String) { #expect(UTCTime.text(seconds: seconds) == text) }
}
