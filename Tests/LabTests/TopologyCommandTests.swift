// What the first lines of a shipped topology say to try is tried.
//
// Such a line is `#   martlet ...` with what it does behind two blanks or more. Where that begins with "no
// answer" or "refused", the command has to fail; all others have to work, in the order of the file.

import Base
import Lab
import Linux
import Testing

/// A command of a topology's comment.
private struct Suggested {
  var line: String
  var fails: Bool

  /// Every command before the first line that is no comment.
  static func all(in text: String) -> [Suggested] {
    text.split(separator: "\n").prefix { $0.hasPrefix("#") }.compactMap { line in
      guard let start = line.firstRange(of: "#   martlet ")?.lowerBound else { return nil }
      let words = line[start...].dropFirst(4)
      let end = words.firstRange(of: "  ")?.lowerBound ?? words.endIndex
      let effect = words[end...].drop { $0 == " " }
      return Suggested(
        line: String(words[..<end]),
        fails: effect.hasPrefix("no answer") || effect.hasPrefix("refused"))
    }
  }
}

@Suite("what topologies say to try", .enabled(if: program != nil, needsProgram), .serialized)
struct TopologyCommandTests {
  @Test(
    "works",
    arguments: ["security", "multicast", "private-vlans", "mac-learning", "ports", "vhost-user"])
  func commandsOfTheComment(_ name: String) throws {
    let path = "\(topologies)/\(name).yaml"
    let text = String(decoding: try readFile(path, limitBytes: 1 << 20), as: UTF8.self)
    let fixture = LabFixture()
    let commands = Suggested.all(in: text)
    #expect(commands.count > 4)
    #expect(commands.first?.line == "martlet lab up Topologies/\(name).yaml")
    #expect(commands.last?.line == "martlet lab down")
    for command in commands {
      var words = command.line.split(separator: " ").dropFirst().map(String.init)
      if words[..<2] == ["lab", "up"] { words = ["lab", "up", path, "--name", fixture.lab] }
      let outcome = try fixture.run(words)
      #expect(
        (outcome.status != 0) == command.fails,
        "\(command.line): \(outcome.status) \(outcome.output)\(outcome.errors)\n\(fixture.logs)")
    }
    fixture.expectNothingLeft()
  }
}
