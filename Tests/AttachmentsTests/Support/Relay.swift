// A worker as small as can be: two attachments, a thread, and no switch between them.

import Attachments
import Base
import FrameMemory
import Linux
import Synchronization
import Wire

/// Where one end of a relay is attached. A value, because the attachment is made on its thread.
enum RelayEnd: Sendable {
  case tap(String, NetworkNamespace)
  case packet(String, NetworkNamespace, PacketSocket.Options, tag: VLANTag)

  var tag: VLANTag { if case .packet(_, _, _, let tag) = self { tag } else { .none } }

  func attach() throws(Failure) -> any Attachment {
    switch self {
    case .tap(let name, let namespace):
      TapAttachment(try TapDevice.open(name: name, namespace: namespace))
    case .packet(let name, let namespace, let options, _):
      PacketAttachment(
        try PacketSocket(device: name, namespace: namespace, options: options))
    }
  }
}

/// What passed while a relay ran.
struct RelayReport: Sendable {
  var counters = [OffloadCounters(), OffloadCounters()]
  var largestFrameBytes = 0
  var failures = 0
  var drops: UInt64 = 0
}

/// Moves frames between two ends on a thread of its own until it is stopped.
final class Relay: Sendable {
  private struct State {
    var isStopped = false
    var isReady = false
    var problem: Failure?
    var report = RelayReport()
  }
  private let state = Mutex(State())
  private let ended = Mutex(false)

  init(_ left: RelayEnd, _ right: RelayEnd) throws {
    _ = try Thread(named: "relay") { [self] in
      do throws(Failure) { try run([left, right]) } catch {
        state.withLock { $0.problem = error }
      }
      ended.withLock { $0 = true }
    }
    let isReady = MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) {
      state.withLock { $0.isReady || $0.problem != nil }
    }
    if let problem = state.withLock({ $0.problem }) { throw problem }
    precondition(isReady, "a relay attaches within seconds")
  }

  func stop() -> RelayReport {
    state.withLock { $0.isStopped = true }
    _ = MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) { ended.withLock { $0 } }
    return state.withLock { $0.report }
  }

  private func run(_ ends: [RelayEnd]) throws(Failure) {
    let attachments = [try ends[0].attach(), try ends[1].attach()]
    var report = RelayReport()
    var transfer = Transfer()
    do throws(Errno) {
      var poller = try Poller()
      for index in 0...1 { try poller.add(attachments[index].descriptor, token: UInt64(index)) }
      state.withLock { $0.isReady = true }
      while !state.withLock({ $0.isStopped }) {
        guard poller.wait(timeoutNanoseconds: 20_000_000) > 0 else { continue }
        for from in 0...1 {
          report.failures += transfer.relay(
            from: attachments[from], ends[from].tag, to: attachments[1 - from],
            ends[1 - from].tag, &report.largestFrameBytes)
        }
      }
    } catch { throw error.failure("cannot poll") }
    report.counters = attachments.map(\.offloadCounters)
    report.drops = attachments.reduce(0) { $0 + $1.receiveDrops.total + $1.kernelDrops }
    state.withLock { $0.report = report }
  }
}

extension Transfer {
  /// One round between ends with tags of their own; returns how many deliveries failed.
  mutating func relay(
    from source: any Attachment, _ sourceTag: VLANTag, to destination: any Attachment,
    _ destinationTag: VLANTag, _ largestFrameBytes: inout Int
  ) -> Int {
    batch.removeAll()
    deliveries.removeAll()
    guard case .frames = source.receive(into: &batch, port: Self.source, limit: batch.capacity)
    else { return 0 }
    for frame in 0..<batch.count where batch[frame].tag.vlan == sourceTag.vlan {
      largestFrameBytes = max(largestFrameBytes, Int(batch[frame].byteCount))
      deliveries.append(frame: UInt16(frame), to: Self.destination, tag: destinationTag)
    }
    return destination.transmit(batch, &deliveries, port: Self.destination).failures
  }
}
