// The numbers of pictures: axes, groups, and text that is XML.

import Base
import BenchReport
import Testing

struct ChartTests {
  @Test(arguments: [0.003, 0.7, 1, 1.4, 3.1, 19.7, 27.55, 64, 99, 100, 101, 548, 1_299_000])
  func anAxisHoldsItsValuesInAFewRoundSteps(highest: Double) {
    let scale = AxisScale(to: highest)
    #expect(scale.high >= highest)
    #expect(scale.high <= highest * 2.01)
    #expect((3...10).contains(scale.ticks.count), "\(scale.ticks)")
    #expect(scale.ticks.first == 0)
    #expect(abs(scale.ticks.last! - scale.high) < scale.high * 1e-9)
    #expect(abs(scale.position(of: scale.high / 2) - 0.5) < 1e-12)
  }

  @Test func aLogarithmicAxisGoesFromPowerToPower() {
    let scale = AxisScale(logarithmic: 35, 4_800)
    #expect(scale.ticks.map { Int($0.rounded()) } == [10, 100, 1_000, 10_000])
    #expect(abs(scale.position(of: 100) - 1.0 / 3) < 1e-9)
    #expect(scale.position(of: 10) == 0)
  }

  @Test(arguments: [
    (0.1, -2.302585092994046), (1.0, 0.0), (2.0, 0.6931471805599453), (10.0, 2.302585092994046),
    (1e9, 20.72326583694641),
  ])
  func logarithms(value: Double, expected: Double) {
    #expect(abs(AxisScale.logarithm(value) - expected) < 1e-12)
  }

  @Test(arguments: [
    (0.0, "0"), (0.5, "0.5"), (20.0, "20"), (2_500.0, "2500"), (50_000.0, "50k"),
    (1_000_000.0, "1M"), (1_500_000.0, "1.5M"),
  ])
  func labels(value: Double, text: String) { #expect(AxisScale.label(value) == text) }

  @Test func barsAreGroupedInTheOrderOfTheSection() throws {
    var section = ReportSection(
      "peers", title: "<Peers>", metrics: [Metric("rate", "Rate", unit: "frames/s")])
    for (name, group, value) in [("a", "TAP", 1.0), ("b", "veth", 2), ("c", "TAP", 3)] {
      section.add(Subject(name, group: group, comparedWith: "a"))
      section.record(value, "rate", of: name)
    }
    let chart = try #require(BarChart(section, section.metrics[0]))
    #expect(chart.groups.map(\.title) == ["TAP", "veth"])
    #expect(chart.groups[0].bars.map(\.label) == ["a", "c"])
    // What others are compared with has no ratio of its own.
    #expect(chart.groups[0].bars.map(\.ratio) == [nil, 3])
    #expect(chart.groups[1].bars.map(\.ratio) == [2])
    let text = chart.drawing(foot: Surroundings()).text
    #expect(text.contains("&lt;Peers&gt;: Rate"))
    #expect(!text.contains("<Peers>"))
  }

  @Test func oneBarIsNoPicture() {
    var section = ReportSection(
      "peers", title: "Peers", metrics: [Metric("rate", "Rate", unit: "frames/s")])
    section.add(Subject("a"))
    section.record(1, "rate", of: "a")
    #expect(BarChart(section, section.metrics[0]) == nil)
  }

  @Test(arguments: [
    (34_856_719.0, 0, "34.9M"), (147_433.0, 0, "147k"), (13_883.0, 0, "13.9k"),
    (4_145.0, 0, "4145"),
    (19.666, 2, "19.67"), (15_000.0, 1, "15000.0"),
  ])
  func valuesAtBars(value: Double, places: Int, text: String) {
    #expect(BarChart.valueText(value, places) == text)
  }
}
