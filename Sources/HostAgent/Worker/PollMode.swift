// How the worker waits for frames: what `martlet host run --poll` chooses between.

/// What the worker does when nothing waits to be moved.
public enum PollMode: String, CaseIterable, Hashable, Sendable {
  /// Looks again for a moment after frames, because the next ones are often near, then sleeps.
  case adaptive
  /// Sleeps at once: the least processor time, and a wake-up of some 25 us for each lone frame.
  case sleep
  /// Never sleeps: for a host that gives the worker a processor of its own.
  case busy
}
