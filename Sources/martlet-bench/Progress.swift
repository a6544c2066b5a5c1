// Where a long run is: one line on a terminal, rewritten; nothing when nobody looks.

internal import Base
internal import Glibc
internal import Linux

/// The steps of a benchmark.
///
/// - Thread: one.
final class Progress {
  private let isShown = isatty(STDERR_FILENO) == 1
  private var total = 0
  private var done = 0
  private var start = MonotonicClock.now()

  /// Begins anew with this many steps.
  func begin(steps: Int) {
    total = steps
    done = 0
    start = MonotonicClock.now()
  }

  /// Says what is done next.
  func step(_ what: String) {
    if isShown { write("\r\u{1B}[K[\(done + 1)/\(total)] \(what)\(remaining)") }
    done += 1
  }

  /// Takes steps back that will not come: a subject that cannot be measured.
  func drop(steps: Int) { total = max(done, total - steps) }

  /// Leaves the line empty.
  func end() { if isShown { write("\r\u{1B}[K") } }

  private var remaining: String {
    guard done > 2 else { return "" }
    let elapsed = Double(MonotonicClock.now().nanoseconds(since: start)) / 1e9
    let seconds = Int(elapsed / Double(done) * Double(total - done))
    return seconds < 90
      ? "  (about \(seconds) s left)" : "  (about \((seconds + 30) / 60) min left)"
  }

  private func write(_ text: String) {
    // SAFETY: the text lives for the call.
    _ = unsafe text.withCString { unsafe Glibc.write(STDERR_FILENO, $0, strlen($0)) }
  }
}
