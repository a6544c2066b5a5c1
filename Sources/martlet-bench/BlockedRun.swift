// One event under load: a stream in each direction between two VMs on two hosts, the event in the
// middle, and what was lost.

internal import Base
internal import Linux
internal import Rig
internal import Wire

/// What one stream lost to one event.
struct BlockedSample {
  var lost: UInt64
  var offered: UInt64
  var framesPerSecond: Double
  var duplicated: UInt64
  var reordered: UInt64
  var longestGapNanoseconds: UInt64

  /// Effective blocked time: lost frames ÷ offered rate.
  var blockedMilliseconds: Double { Double(lost) / framesPerSecond * 1_000 }
}

struct BlockedRun {
  enum Direction: String, CaseIterable {
    /// From the VM on the host where the event happens.
    case outgoing
    case incoming
  }

  struct Result {
    var samples: [Direction: BlockedSample]
    /// From the event until its effect was complete: addresses moved, ports up.
    var settledNanoseconds: UInt64
  }

  let rig: Rig
  let framesPerSecond: Int
  private static let addresses: [Direction: (from: String, to: String, address: IPv4Address)] = [
    .outgoing: ("app1", "app2", IPv4Address(10, 0, 10, 2)),
    .incoming: ("app2", "app1", IPv4Address(10, 0, 10, 1)),
  ]

  /// Measures `event`; `isSettled` says when its effect is complete.
  func measure(_ event: () throws -> Void, until isSettled: () throws -> Bool) throws -> Result {
    let stream = UInt32(truncatingIfNeeded: MonotonicClock.now().nanoseconds)
    var receivers: [Direction: StreamReceiver] = [:]
    var senders: [Direction: StreamSender] = [:]
    for (direction, way) in Self.addresses {
      receivers[direction] = try StreamReceiver(
        stream: stream, in: rig.namespace(way.to))
    }
    defer { for sender in senders.values { sender.stop() } }
    for (direction, way) in Self.addresses {
      var options = StreamSender.Options(to: way.address)
      options.framesPerSecond = framesPerSecond
      options.stream = stream
      senders[direction] = try StreamSender(options, in: rig.namespace(way.from))
    }
    // A fifth of a second under load before the event, and after it is over.
    let pause = UInt64(framesPerSecond / 5)
    for receiver in receivers.values {
      try require(receiver.wait(for: pause, timeoutNanoseconds: 5_000_000_000), "no frame comes")
    }
    let start = MonotonicClock.now()
    try event()
    let isOver = try MonotonicClock.wait(
      atMostNanoseconds: 15_000_000_000, everyNanoseconds: 1_000_000, until: isSettled)
    let settled = MonotonicClock.now().nanoseconds(since: start)
    try require(isOver, "the network does not settle")
    for (direction, sender) in senders {
      let end = sender.report.offered + pause
      try require(
        receivers[direction]!.wait(for: end, timeoutNanoseconds: 5_000_000_000),
        "no frame comes any more (\(direction.rawValue))")
    }
    var samples: [Direction: BlockedSample] = [:]
    for (direction, sender) in senders {
      samples[direction] = sample(sender.stop(), receivers[direction]!)
    }
    return Result(samples: samples, settledNanoseconds: settled)
  }

  private func sample(_ sent: SendReport, _ receiver: StreamReceiver) -> BlockedSample {
    let report = receiver.stop()
    return BlockedSample(
      lost: sent.offered - report.received, offered: sent.offered,
      framesPerSecond: sent.framesPerSecond, duplicated: report.duplicated,
      reordered: report.reordered, longestGapNanoseconds: report.longestGapNanoseconds)
  }

  private func require(_ condition: Bool, _ why: String) throws {
    guard !condition else { return }
    throw Failure(
      "cannot measure", why: why, remedy: "look into the logs: \(rig.log("host1"))")
  }
}
