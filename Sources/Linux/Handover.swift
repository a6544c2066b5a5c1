// Moving an object from the thread that made it to the thread that will own it.

/// Carries an object that is not `Sendable` to another thread.
///
/// - Thread: whoever makes it gives the object up: nobody on the first thread touches it again.
// SAFETY: the maker gives the value up, so that at any moment one thread can reach it; the call that
// carries the handover orders what was done before it.
public struct Handover<Value>: @unchecked Sendable {
  public let value: Value

  public init(_ value: Value) { self.value = value }
}
