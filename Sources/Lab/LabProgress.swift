// How far a lab has come: one line that changes on a terminal, one line a step elsewhere.

internal import Base
internal import Linux
internal import Synchronization

/// Tells a person what is being made, n of m.
///
/// - Thread: any; lines are whole.
public final class LabProgress: Sendable {
  private struct State: Sendable {
    var what = ""
    var total = 0
    var began = MonotonicTime.zero
    var hasLine = false
  }

  private let write: @Sendable (String) -> Void
  private let isTerminal: Bool
  private let state = Mutex(State())

  /// - Parameter write: takes text as it is to be shown, with its own ends of lines.
  public init(isTerminal: Bool, write: @escaping @Sendable (String) -> Void) {
    self.isTerminal = isTerminal
    self.write = write
  }

  /// Tells nobody.
  public static let silent = LabProgress(isTerminal: false) { _ in }

  /// Begins a step with so many things to make.
  package func begin(_ what: String, of total: Int) {
    state.withLock { state in
      state.what = what
      state.total = total
      state.began = MonotonicClock.now()
      show("  \(what) 0/\(total)", &state)
    }
  }

  /// So many are made; this one is next, or what is waited for.
  package func advance(to done: Int, _ thing: String) {
    state.withLock { state in
      show("  \(state.what) \(done)/\(state.total)  \(thing)", &state)
    }
  }

  /// The step is done.
  package func end() {
    state.withLock { state in
      let milliseconds = MonotonicClock.now().nanoseconds(since: state.began) / 1_000_000
      clear(&state)
      write("  \(state.what): \(state.total) (\(milliseconds) ms)\n")
    }
  }

  /// A line that stays.
  package func note(_ text: String) {
    state.withLock { state in
      clear(&state)
      write("\(text)\n")
    }
  }

  /// The changing line goes.
  func clear() { state.withLock { clear(&$0) } }

  private func show(_ line: String, _ state: inout State) {
    guard isTerminal else { return }
    // Cut, because a line that wraps cannot be taken back.
    write("\r\u{1B}[K\(line.prefix(78))")
    state.hasLine = true
  }

  private func clear(_ state: inout State) {
    if state.hasLine { write("\r\u{1B}[K") }
    state.hasLine = false
  }
}
