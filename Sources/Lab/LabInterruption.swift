// Ctrl-C in the middle of building: noticed between two steps, so that no step is left half done.

internal import Base
internal import Linux

/// Whether a person wants the building to stop.
///
/// - Thread: made on the first thread before others start, asked on the thread that builds.
final class LabInterruption: Sendable {
  private let signals: SignalDescriptor

  init() throws(Failure) {
    do throws(Errno) { signals = try SignalDescriptor([.interrupt, .terminate, .hangUp]) } catch {
      throw error.failure("cannot watch for Ctrl-C")
    }
  }

  /// Throws when a signal has come.
  func check(_ lab: String) throws(Failure) {
    guard let signal = signals.next() else { return }
    let name =
      switch signal {
      case .interrupt: "Ctrl-C"
      case .hangUp: "the end of its terminal"
      default: "SIGTERM"
      }
    throw Failure(
      "cannot finish lab \(lab)", why: "interrupted by \(name)",
      remedy: "run the command again when you want the lab")
  }
}
