// One mistake at a time in a good file, and the exact words with their exact place. The table is
// `Tests/Data/bad-topologies.txt`, where each mistake stands beside what is told about it.

import Base
import ConfigFile
import FoundationEssentials
import Model
import Testing

/// The root of the package.
let packageRoot = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

func text(ofFile path: String) throws -> String {
  try String(contentsOfFile: "\(packageRoot)/\(path)", encoding: .utf8)
}

/// What is told about a text; empty when it is a valid topology.
func messages(_ text: String) -> [String] {
  do throws(ConfigErrors) {
    _ = try TopologyFile.parse(text: text, file: "f.yaml")
    return []
  } catch {
    let omitted = error.omittedCount == 0 ? [] : ["and \(error.omittedCount) more"]
    return error.failures.map { failure in
      let location = failure.location
      #expect(location?.file == "f.yaml" && !failure.remedy.isEmpty)
      let place = location.map { "\($0.line):\($0.column): " } ?? ""
      return "\(place)\(failure.what): \(failure.why); \(failure.remedy)"
    } + omitted
  }
}

@Suite struct BadTopologyTests {
  /// A mistake: text of the good file, what stands in its place, and what is told.
  struct Mistake: Sendable, CustomTestStringConvertible {
    var old: String
    var new: String
    var messages: [String]

    var testDescription: String { "\(old) -> \(new)" }
  }

  static let good = (try? text(ofFile: "Tests/Data/good-topology.yaml")) ?? ""

  static let mistakes: [Mistake] = {
    let table = (try? text(ofFile: "Tests/Data/bad-topologies.txt")) ?? ""
    return table.split(separator: "\n\n").compactMap { (block: Substring) -> Mistake? in
      var lines = block.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
      guard lines.count >= 2, lines[0].hasPrefix("- "), lines[1].hasPrefix("+") else { return nil }
      let changes = lines.prefix(2).map { $0.dropFirst(2).replacing("\\n", with: "\n") }
      lines.removeFirst(2)
      return Mistake(
        old: String(changes[0]), new: String(changes[1]), messages: lines.map(String.init))
    }
  }()

  @Test func theGoodFileIsGood() {
    #expect(messages(Self.good) == [])
    #expect(Self.mistakes.count >= 195)
  }

  @Test(arguments: mistakes) func isTold(_ mistake: Mistake) throws {
    let range = try #require(Self.good.firstRange(of: mistake.old), "not in the good file")
    let text = Self.good[..<range.lowerBound] + mistake.new + Self.good[range.upperBound...]
    #expect(messages(String(text)) == mistake.messages)
  }

  @Test func everythingIsToldAtOnceUpToTwenty() {
    let vms = (1...30).map { "  - { name: vm\($0), host: none }\n" }.joined()
    let told = messages(
      "apiVersion: martlet/v1\nkind: Topology\nname: many\nhosts: [{ name: host1 }]\nvms:\n\(vms)")
    #expect(told.count == 21)
    #expect(told[0] == "6:24: VM vm1: unknown host `none`; the known ones are host1")
    #expect(told[19] == "25:25: VM vm20: unknown host `none`; the known ones are host1")
    #expect(told[20] == "and 10 more")
  }

  @Test func whatIsToldIsShortAndHarmless() {
    let long = String(repeating: "x", count: 100_000)
    let told = messages(
      "apiVersion: martlet/v1\nkind: Topology\nname: \"a\\e[2Jb\"\n\(long.prefix(900)): 1\n"
        + "vms: [{ name: \(long), host: \(long), nics: [{ portgroup: \(long), mac: \(long) }] }]\n")
    #expect(told.count == 5)
    #expect(told.allSatisfy { $0.utf8.count < 500 && !$0.contains("\u{1B}") })
    #expect(told.first?.hasPrefix("3:7: topology: the name `a\u{FFFD}[2Jb` has") == true)
  }

  @Test func theDescriptionIsWhatTheCommandLinePrints() throws {
    let error = #expect(throws: ConfigErrors.self) {
      try TopologyFile.parse(
        text: "apiVersion: martlet/v1\nkind: Topology\nname: a b\n", file: "dir/f.yaml")
    }
    #expect(
      error?.description == """
        dir/f.yaml:3:7: martlet: error: topology: the name `a b` has other characters than letters, \
        digits and dashes; choose another
        """)
  }

  @Test func aFilterHasTenThousandRules() {
    func told(_ count: Int) -> [String] {
      let rules = (1...count).map { "{name: r\($0), action: drop}" }.joined(separator: ",\n")
      return messages(
        "apiVersion: martlet/v1\nkind: Topology\nname: many\nhosts: [{ name: h }]\n"
          + "standardSwitches: [{ host: h, name: s, policy: { filter: [\(rules)] } }]\n")
    }
    #expect(told(10_000) == [])
    #expect(
      told(10_001) == [
        "10005:1: policy of standard switch s: `filter` has 10001 elements; keep at most 10000"
      ])
  }

  /// Files that would take minutes if a check compared everything with everything.
  @Test(.timeLimit(.minutes(1)), arguments: 0..<3) func hostileFilesEndSoon(_ kind: Int) {
    func list(_ count: Int, _ element: (Int) -> String) -> String {
      "[" + (0..<count).map(element).joined(separator: ",") + "]"
    }
    let hosts = "hosts: " + list(256) { "{name: h\($0)}" } + "\n"
    let text =
      switch kind {
      case 0: (0..<49_000).map { "k\($0): 1\n" }.joined()
      case 1:
        hosts + "standardSwitches: [{host: h1, name: s, portgroups: "
          + list(4000) { "{name: p\($0)}" } + "}]\n" + "vms: "
          + list(2500) {
            "{name: v\($0), host: h1, nics: " + list(4) { _ in "{portgroup: q}" } + "}"
          }
          + "\n"
      default:
        "distributedSwitches: "
          + list(128) { index in
            "{name: d\(index), uplinks: [a, b], hosts: "
              + list(40) { "{name: h\($0), uplinks: {a: n, b: m}}" } + "}"
          } + "\n"
      }
    let told = messages("apiVersion: martlet/v1\nkind: Topology\nname: x\n\(text)")
    #expect(told.count == 21)
    #expect(told.last?.hasPrefix("and ") == true)
  }
}
