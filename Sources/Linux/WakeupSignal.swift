// Waking a thread that waits in a poller (eventfd(2)).

internal import CLinux

/// A bell: rung from any thread, heard by whoever polls its descriptor.
///
/// - Thread: any; rings that come before `clear` are one.
public struct WakeupSignal: ~Copyable, Sendable {
  private let event: Descriptor

  public init() throws(Errno) {
    let number = clinux_event_create()
    guard number >= 0 else { throw .current }
    event = Descriptor(owning: number)
  }

  /// Readable while rung.
  public var descriptor: Int32 { event.number }

  /// Makes the descriptor readable.
  public borrowing func ring() {
    // The counter is full only after 2^64-1 rings, and then the descriptor is readable anyway.
    _ = clinux_event_add(event.number)
  }

  /// Takes the rings back. True when there was one.
  @discardableResult
  public borrowing func clear() -> Bool {
    clinux_event_clear(event.number) == 0
  }
}
