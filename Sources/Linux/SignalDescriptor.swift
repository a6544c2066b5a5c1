// Signals as something to poll (signalfd(2)), so that no code runs in a signal handler.

internal import CLinux
internal import Glibc

/// The signals that ask a program to stop or to look again.
public enum Signal: Int32, Sendable, CaseIterable {
  case hangUp = 1
  case interrupt = 2
  case kill = 9
  case terminate = 15
  case `continue` = 18
  case stop = 19
}

/// Receives signals on a descriptor instead of dying of them.
///
/// - Thread: make it on the first thread before any other starts: a thread inherits the blocked
///   signals of the one that starts it, and a signal is delivered to any thread that takes it.
public struct SignalDescriptor: ~Copyable, Sendable {
  private let signals: Descriptor

  /// Takes SIGTERM, SIGINT and SIGHUP out of their usual way, for good.
  public init(_ wanted: [Signal] = [.terminate, .interrupt, .hangUp]) throws(Errno) {
    let numbers = wanted.map(\.rawValue)
    // SAFETY: the array lives for the call, and the count is its own.
    let number = unsafe clinux_signal_descriptor(numbers, Int32(numbers.count))
    guard number >= 0 else { throw .current }
    signals = Descriptor(owning: number)
  }

  /// Readable while a signal waits.
  public var descriptor: Int32 { signals.number }

  /// The next waiting signal, or `nil`. Never blocks.
  public borrowing func next() -> Signal? {
    let number = clinux_read_signal(signals.number)
    return number < 0 ? nil : Signal(rawValue: number)
  }
}

/// Makes writing to a pipe or socket that nobody reads an error (EPIPE) instead of the end of this
/// program. For the first lines of a program; programs that it starts are as before.
public func ignoreBrokenPipes() {
  _ = signal(SIGPIPE, SIG_IGN)
}
