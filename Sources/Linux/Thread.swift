// A thread of the operating system (pthreads(7)).
//
// Invariant: the thread is joined or detached exactly once.

internal import CLinux
internal import Glibc

/// Runs a closure on a thread of its own, until it returns.
///
/// A thread left without `join` goes on by itself.
@safe
public struct Thread: ~Copyable {
  private let thread: pthread_t

  /// Starts a thread. The name shows in `ps` and `top`, cut to 15 bytes.
  public init(named name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    let context = unsafe Unmanaged.passRetained(Body(name, body))
    var started = pthread_t()
    // SAFETY: the context is retained for the new thread, which alone releases it.
    let failure = unsafe pthread_create(
      &started, nil,
      { context in
        // SAFETY: made by `passRetained` above, and taken once, here.
        let body = unsafe Unmanaged<Body>.fromOpaque(context!).takeRetainedValue()
        // SAFETY: a C string for the call.
        unsafe clinux_name_thread(body.name)
        body.run()
        return nil
      }, context.toOpaque())
    if failure != 0 {
      // SAFETY: no thread exists that could release it.
      unsafe context.release()
      throw Errno(rawValue: failure)
    }
    thread = started
  }

  /// Starts a thread that owns a value: how a worker is handed to its thread.
  public init<Value: ~Copyable & Sendable>(
    named name: String, owning value: consuming Value,
    _ body: @escaping @Sendable (consuming Value) -> Void
  ) throws(Errno) {
    let parcel = Parcel(value)
    try self.init(named: name) { body(parcel.open()) }
  }

  deinit { _ = pthread_detach(thread) }

  /// Lets another thread run that waits for this processor (sched_yield(2)).
  public static func yield() { _ = sched_yield() }

  /// Waits until the thread has ended.
  public consuming func join() {
    // Neither joined nor detached before; `discard` keeps it so.
    let failure = pthread_join(thread, nil)
    precondition(failure == 0, "a thread cannot join itself")
    discard self
  }

  private final class Body {
    let name: String
    let run: @Sendable () -> Void

    init(_ name: String, _ run: @escaping @Sendable () -> Void) {
      self.name = String(decoding: name.utf8.prefix(15), as: UTF8.self)
      self.run = run
    }
  }
}

/// Carries a value that cannot be copied into a closure, once.
///
/// - Thread: filled before the other thread starts, opened on the other thread only.
// SAFETY: starting the thread orders the filling before the opening.
final class Parcel<Value: ~Copyable & Sendable>: @unchecked Sendable {
  private var value: Value?

  init() { value = nil }
  init(_ value: consuming Value) { self.value = consume value }

  func fill(_ value: consuming Value) { self.value = consume value }

  /// Traps when opened twice.
  func open() -> Value { value.take()! }
}
