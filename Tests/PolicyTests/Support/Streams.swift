// A steady stream from the VM `app` to the VM `far`, under which uplinks fail and come back.

import Base
import Linux
import Rig
import Testing
import Wire

/// Both ends of a stream that runs until it is stopped.
final class RunningStream {
  struct Losses: CustomStringConvertible {
    var offered: UInt64
    var lost: UInt64
    var duplicated: UInt64
    var description: String { "\(lost) of \(offered) lost, \(duplicated) came twice" }
  }

  let sender: StreamSender
  let receiver: StreamReceiver

  fileprivate init(_ rig: Rig, _ address: String, rate: Int) throws {
    var options = StreamSender.Options(to: try #require(IPv4Address(address)))
    options.framesPerSecond = rate
    options.stream = UInt32(truncatingIfNeeded: MonotonicClock.now().nanoseconds)
    receiver = try StreamReceiver(stream: options.stream, in: rig.namespace("far"))
    sender = try StreamSender(options, in: rig.namespace("app"))
  }

  deinit {
    sender.stop()
    receiver.stop()
  }

  /// Waits until what is sent from now on arrives.
  func arrives(_ location: Testing.SourceLocation = #_sourceLocation) {
    // What is reported lags behind by a burst.
    let next = sender.report.offered + 20
    let isThere = receiver.wait(for: next, timeoutNanoseconds: 10_000_000_000)
    #expect(isThere, "the stream arrives", sourceLocation: location)
  }

  /// Ends it, when what is on its way has arrived.
  func stop() -> Losses {
    let sent = sender.stop()
    let report = receiver.stop()
    return Losses(
      offered: sent.offered, lost: sent.offered - report.received, duplicated: report.duplicated)
  }
}

extension Rig {
  /// Starts a stream from `app` to `far`; returns once it arrives.
  func startStream(to address: String = "10.0.10.99", rate: Int) throws -> RunningStream {
    let stream = try RunningStream(self, address, rate: rate)
    stream.arrives()
    return stream
  }
}
