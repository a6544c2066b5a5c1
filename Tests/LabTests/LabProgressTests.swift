// What a person sees while a lab is built.

import Lab
import Synchronization
import Testing

/// Text as it was shown.
final class Lines: Sendable {
  private let lines = Mutex("")

  func add(_ text: String) { lines.withLock { $0 += text } }

  var text: String { lines.withLock { $0 } }
}

@Suite("progress of a lab")
struct LabProgressTests {
  @Test("a terminal has one line that changes; a file has one line a step")
  func lines() {
    for isTerminal in [true, false] {
      let shown = Lines()
      let progress = LabProgress(isTerminal: isTerminal) { shown.add($0) }
      progress.begin("namespaces", of: 2)
      progress.advance(to: 1, "lab-web1")
      progress.end()
      progress.note("done")
      #expect(shown.text.contains("namespaces 1/2  lab-web1") == isTerminal)
      #expect(shown.text.contains("\u{1B}[K") == isTerminal)
      #expect(shown.text.contains("  namespaces: 2 ("))
      #expect(shown.text.hasSuffix("done\n"))
      #expect(shown.text.split(separator: "\n").count == 2)
    }
  }

  @Test("a line that would wrap is cut")
  func cut() {
    let shown = Lines()
    let progress = LabProgress(isTerminal: true) { shown.add($0) }
    progress.begin("cables", of: 1)
    progress.advance(to: 0, String(repeating: "x", count: 200))
    let longest = shown.text.split(separator: "\r").map(\.count).max() ?? 0
    #expect(longest < 84)
  }
}
