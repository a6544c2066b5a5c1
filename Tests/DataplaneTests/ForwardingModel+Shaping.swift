// Traffic shaping in the slow model: two token buckets and a queue for each direction of a port.
//
// The average bucket is as deep as the burst. The peak bucket holds two full frames (or the burst), and
// while a frame waits 4 ms of the peak more. A frame takes from both; one that is larger than a bucket
// passes when that is full, and leaves a debt. Levels are in bits * 10^9, so that nothing is rounded.

import FrameMemory

struct ModelShape: Equatable {
  var average: Int
  var peak: Int
  var burstBytes: Int

  static func level(_ bytes: Int) -> Int128 { Int128(bytes) * 8_000_000_000 }

  var averageDepth: Int128 { Self.level(burstBytes) }
  var restDepth: Int128 { Self.level(min(burstBytes, 2 * 1_518)) }
  var lateDepth: Int128 { min(averageDepth, restDepth + Int128(peak) * 4_000_000) }
  /// 50 ms of the average, but at least two GSO frames of 72 KiB.
  var queueBytes: Int { max(average / 160, 2 * 72 * 1_024) }
}

struct ModelBuckets: Equatable {
  var shape: ModelShape
  var average: Int128
  var peak: Int128
  var nanoseconds: Int
  var isWaiting = false

  init(_ shape: ModelShape, _ nanoseconds: Int) {
    self.shape = shape
    self.nanoseconds = nanoseconds
    average = shape.averageDepth
    peak = shape.restDepth
  }

  mutating func fill(_ now: Int) {
    let elapsed = Int128(now - nanoseconds)
    guard elapsed > 0 else { return }
    nanoseconds = now
    average = min(average + Int128(shape.average) * elapsed, shape.averageDepth)
    let depth = max(peak, isWaiting ? shape.lateDepth : shape.restDepth)
    peak = min(peak + Int128(shape.peak) * elapsed, depth)
  }

  mutating func take(_ bytes: Int, _ now: Int) -> Bool {
    fill(now)
    let wanted = ModelShape.level(bytes)
    isWaiting = average < min(wanted, shape.averageDepth) || peak < min(wanted, shape.restDepth)
    if isWaiting { return false }
    average -= wanted
    peak -= wanted
    return true
  }

  /// When `take` will succeed.
  func ready(_ bytes: Int, _ now: Int) -> Int {
    var later = self
    later.fill(now)
    let wanted = ModelShape.level(bytes)
    func wait(_ missing: Int128, _ rate: Int) -> Int {
      missing <= 0 ? 0 : Int((missing + Int128(rate) - 1) / Int128(rate))
    }
    return now
      + max(
        wait(min(wanted, shape.averageDepth) - later.average, shape.average),
        wait(min(wanted, shape.restDepth) - later.peak, shape.peak))
  }

  mutating func change(_ shape: ModelShape, _ now: Int) {
    fill(now)
    self.shape = shape
    average = min(average, shape.averageDepth)
    peak = min(peak, shape.lateDepth)
  }
}

struct ModelQueueID: Hashable {
  var port: Int
  var isIngress: Bool
}

struct ModelQueue {
  var frames: [(frame: ModelFrame, tag: UInt16)] = []
  /// When its first frame may go on, and how many queues began to wait before it.
  var wake = 0
  var turn = 0

  var byteCount: Int { frames.reduce(0) { $0 + $1.frame.bytes.count } }
}

extension ForwardingModel {
  private func shape(_ id: ModelQueueID) -> ModelShape? {
    id.isIngress ? ports[id.port].ingressShape : ports[id.port].egressShape
  }

  /// Whether a frame may go on now; else it waits, or is dropped.
  mutating func passesShaper(
    _ frame: ModelFrame, _ tag: UInt16, _ id: ModelQueueID, _ outcome: inout ModelOutcome
  ) -> Bool {
    guard let shape = shape(id) else { return true }
    let waiting = queues[id] ?? ModelQueue()
    if waiting.frames.isEmpty, buckets[id]?.take(frame.bytes.count, nanoseconds) ?? true {
      return true
    }
    let isFull = waiting.byteCount + frame.bytes.count > shape.queueBytes
    if isFull && !waiting.frames.isEmpty {
      let reason = id.isIngress ? DropReason.ingressShaper : .egressShaper
      outcome.drops.append(ModelDrop(reason: reason, port: id.port, isIngress: id.isIngress))
      return false
    }
    queues[id, default: ModelQueue()].frames.append((frame, tag))
    if waiting.frames.isEmpty { schedule(id) }
    return false
  }

  private mutating func schedule(_ id: ModelQueueID, at time: Int? = nil) {
    guard let first = queues[id]?.frames.first else {
      queues[id] = nil
      return
    }
    let ready = buckets[id]?.ready(first.frame.bytes.count, nanoseconds) ?? nanoseconds
    // What is due now is looked at in the next tick.
    let tick = 65_536
    let wake = ((time ?? ready) + tick - 1) / tick * tick
    queues[id]?.wake = max(wake, nanoseconds + tick)
    turns += 1
    queues[id]?.turn = turns
  }

  /// Lets go what may go, queue by queue in the order in which they are due.
  mutating func release() -> [(frame: ModelFrame, outcome: ModelOutcome)] {
    var all: [(ModelFrame, ModelOutcome)] = []
    while true {
      let due = queues.filter { $0.value.wake <= nanoseconds }
      let next = due.min { ($0.value.wake, $0.value.turn) < ($1.value.wake, $1.value.turn) }
      guard let id = next?.key else { return all }
      while let first = queues[id]?.frames.first {
        guard
          shape(id) == nil || buckets[id]?.take(first.frame.bytes.count, nanoseconds) ?? true
        else { break }
        queues[id]?.frames.removeFirst()
        all.append((first.frame, goOn(first.frame, first.tag, id)))
      }
      schedule(id)
    }
  }

  /// What becomes of a frame behind a shaper.
  private mutating func goOn(_ frame: ModelFrame, _ tag: UInt16, _ id: ModelQueueID)
    -> ModelOutcome
  {
    var reason = closedReason(ports[id.port])
    if !id.isIngress { reason = egressReason(tag, ports[id.port]) }
    do throws(ModelRefusal) {
      if let reason { throw ModelRefusal(reason) }
      if id.isIngress { return try fromVM(frame, tag) }
      return ModelOutcome(deliveries: [delivery(of: frame, tag, at: id.port)])
    } catch {
      let drop = ModelDrop(reason: error.reason, port: id.port, isIngress: id.isIngress)
      return ModelOutcome(drops: [drop])
    }
  }

  /// Drops what waits at a port that has gone, or is in another VLAN now.
  mutating func dropWaiting(at port: Int) {
    for id in [ModelQueueID(port: port, isIngress: true), .init(port: port, isIngress: false)] {
      for _ in queues[id]?.frames ?? [] {
        counters[port].drop(ModelDrop(reason: .portDown, port: port, isIngress: id.isIngress))
      }
      queues[id] = nil
    }
  }

  /// New buckets where there were none; others keep what is in them.
  mutating func settleShapers(_ old: [ModelPort]) {
    for port in ports.indices {
      for id in [ModelQueueID(port: port, isIngress: true), .init(port: port, isIngress: false)] {
        let before = id.isIngress ? old[port].ingressShape : old[port].egressShape
        if let shape = shape(id) {
          if before == nil || old[port].id != ports[port].id {
            buckets[id] = ModelBuckets(shape, nanoseconds)
          } else if before != shape {
            buckets[id]?.change(shape, nanoseconds)
          }
        } else {
          buckets[id] = nil
        }
        if queues[id] != nil { schedule(id, at: nanoseconds) }
      }
    }
  }
}
