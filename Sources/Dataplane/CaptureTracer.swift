// What a capture sees of the frames of a batch: at which point, at which port, and with what tag.
//
//   vnicIn -> ingress policies -> portIn -> lookup -> portOut -> egress policies -> vnicOut
//   uplinkIn -------------------------------^                \--> uplinkOut
//
// The last two are not here: only whoever hands the frames to the attachments knows which of them were
// taken. A frame that goes no further is noted where that happened, with the reason.
//
// Entries are kept in a list with a bound; what does not fit is counted. Only wanted points of wanted ports
// are noted, so that a capture of one port costs little on a switch with a thousand.

public import Base
public import FrameMemory
internal import Tables
public import Wire

/// Where a capture looks at frames (vSphere: the capture points of pktcap-uw).
public enum CapturePoint: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  /// Received from a VM.
  case vnicIn
  /// Past the ingress policies of a VM port.
  case portIn
  /// On its way to a VM port, before the egress policies.
  case portOut
  /// Taken by the attachment of a VM port.
  case vnicOut
  /// Taken by the attachment of an uplink.
  case uplinkOut
  /// Received from an uplink.
  case uplinkIn
  /// Goes no further.
  case drop

  /// The stable name: a word on the command line, part of the name of an interface.
  public var name: String { String(describing: self) }

  public init?(name: some StringProtocol) {
    guard let point = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = point
  }
}

/// Some of the points.
public struct CapturePoints: OptionSet, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  public init(_ point: CapturePoint) { rawValue = 1 << point.rawValue }

  @inline(__always)
  public func contains(_ point: CapturePoint) -> Bool { rawValue & (1 << point.rawValue) != 0 }
}

/// A frame at a point.
public struct CaptureEntry: Equatable, Sendable, BitwiseCopyable {
  public var point: CapturePoint
  /// Why it goes no further; nil elsewhere than at `drop`.
  public var reason: DropReason?
  public var direction: Direction
  public var port: PortIndex
  /// Which frame of the batch.
  public var frame: UInt16
  /// The tag that it has there.
  public var tag: VLANTag
  /// What a filter has changed about its bytes.
  public var rewrite: Rewrite

  public init(
    point: CapturePoint, reason: DropReason? = nil, direction: Direction, port: PortIndex,
    frame: UInt16, tag: VLANTag, rewrite: Rewrite = .none
  ) {
    self.point = point
    self.reason = reason
    self.direction = direction
    self.port = port
    self.frame = frame
    self.tag = tag
    self.rewrite = rewrite
  }
}

/// Notes what a capture wants of the frames of one switch.
///
/// - Thread: the worker's. Nothing is allocated after `init`.
public struct CaptureTracer: Tracer, Sendable {
  /// Room for a batch of broadcasts to every port.
  public static let defaultCapacity = 65_536

  /// What decides the tag of an entry; it is worked out when the batch is at hand again.
  enum TagRule: UInt8, Sendable, BitwiseCopyable {
    /// As the frame came.
    case own
    case none
    /// As inside the switch.
    case inside
  }

  enum PortKind: UInt8, Sendable, BitwiseCopyable {
    case access, trunk, uplink
  }

  /// The first `count` count.
  private var entries: [CaptureEntry]
  private var notes: [(rule: TagRule, vlan: UInt16, priority: UInt8)]
  public private(set) var count = 0
  /// Entries that did not fit since the switch was handed this tracer first.
  public private(set) var overflowCount: UInt64 = 0
  /// What is wanted of each port.
  private var wanted: [CapturePoints]
  private var kinds: [PortKind]
  /// The plan that `kinds` is of.
  var generation: UInt32 = 0

  // The frame at hand.
  private var frame = -1
  private var isReleased = false
  private var vlan: UInt16 = Self.unknownVLAN
  private var priority: UInt8 = Self.noPriority
  private var rewrite = Rewrite.none
  private var egressPriority: UInt8 = Self.noPriority
  private var egressRewrite = Rewrite.none

  private static var unknownVLAN: UInt16 { .max }
  private static var noPriority: UInt8 { .max }

  public init(portCapacity: Int, capacity: Int = Self.defaultCapacity) {
    let nothing = CaptureEntry(
      point: .drop, reason: nil, direction: .ingress, port: .none, frame: 0, tag: .none,
      rewrite: .none)
    entries = Array(repeating: nothing, count: capacity)
    notes = Array(repeating: (.own, 0, 0), count: capacity)
    wanted = Array(repeating: [], count: portCapacity)
    kinds = Array(repeating: .access, count: portCapacity)
  }

  /// What is wanted of a port from now on.
  public mutating func want(_ points: CapturePoints, at port: PortIndex) {
    wanted[port.index] = points
  }

  /// The entry at `index`; traps beyond `count`.
  public subscript(index: Int) -> CaptureEntry {
    precondition(index < count, "no such entry")
    return entries[index]
  }

  public mutating func removeAll() { count = 0 }

  // MARK: - Events

  public mutating func record(_ event: @autoclosure () -> TraceEvent) {
    switch event() {
    case .received(let port, _):
      begin(frame + 1)
      note(kinds[port.index] == .uplink ? .uplinkIn : .vnicIn, port, .ingress, .own)
    case .released(let index, _, _, let rewrite):
      begin(index)
      isReleased = true
      self.rewrite = rewrite
      egressRewrite = rewrite
    case .generated(let index, let vlan):
      begin(index)
      self.vlan = vlan
    case .classified(let vlan): self.vlan = vlan
    case .filtered(_, let direction, let verdict): mark(verdict, direction)
    case .admitted(let port):
      guard kinds[port.index] != .uplink else { return }
      note(.portIn, port, .ingress, isReleased ? insideRule(port) : .own)
    case .leaving(let port):
      egressRewrite = rewrite
      egressPriority = priority
      guard kinds[port.index] != .uplink else { return }
      note(.portOut, port, .egress, insideRule(port))
    case .dropped(let reason, let port, let direction):
      let isOwn = direction == .ingress && !isReleased
      note(.drop, port, direction, isOwn ? .own : insideRule(port), reason)
    case .learned, .movedOut, .found, .unknownDestination, .replicated, .teamSelected, .queued,
      .delivered:
      break
    }
  }

  private mutating func begin(_ index: Int) {
    frame = index
    isReleased = false
    vlan = Self.unknownVLAN
    priority = Self.noPriority
    rewrite = .none
    egressPriority = Self.noPriority
    egressRewrite = .none
  }

  private mutating func mark(_ verdict: FilterVerdict, _ direction: Direction) {
    guard verdict.isTag else { return }
    if let cos = verdict.cos {
      egressPriority = cos
      if direction == .ingress { priority = cos }
    }
    if let dscp = verdict.dscp {
      egressRewrite = Rewrite(dscp: dscp)
      if direction == .ingress { rewrite = egressRewrite }
    }
  }

  private func insideRule(_ port: PortIndex) -> TagRule {
    kinds[port.index] == .access ? .none : .inside
  }

  private mutating func note(
    _ point: CapturePoint, _ port: PortIndex, _ direction: Direction, _ rule: TagRule,
    _ reason: DropReason? = nil
  ) {
    guard wanted[port.index].contains(point), frame >= 0 else { return }
    guard count < entries.count else {
      overflowCount &+= 1
      return
    }
    entries[count] = CaptureEntry(
      point: point, reason: reason, direction: direction, port: port,
      frame: UInt16(truncatingIfNeeded: frame), tag: .none,
      rewrite: direction == .ingress ? rewrite : egressRewrite)
    notes[count] = (rule, vlan, direction == .ingress ? priority : egressPriority)
    count += 1
  }

  // MARK: - For the switch

  /// Begins a call, of which `start` is the first frame.
  mutating func start(at start: Int) {
    count = 0
    begin(start - 1)
  }

  mutating func setKind(_ kind: PortKind, of port: Int) { kinds[port] = kind }

  /// Works out the tags of the entries, now that the batch can be looked at.
  mutating func complete(_ batch: borrowing FrameBatch) {
    for index in 0..<count {
      let (rule, vlan, priority) = notes[index]
      let own = batch[Int(entries[index].frame)].tag
      switch rule {
      case .own: entries[index].tag = own
      case .none: entries[index].tag = .none
      case .inside:
        var tag = vlan == Self.unknownVLAN ? own : own.moved(toVLAN: vlan)
        if priority != Self.noPriority { tag = VLANTag(vlan: tag.vlan, priority: priority) }
        let isTagged = tag.vlan != 0 || priority != Self.noPriority
        entries[index].tag = isTagged ? tag : .none
      }
    }
  }
}

// MARK: - The switch with a capture

extension Switch {
  /// As `process` without a capture; `capture` then has the entries of the frames that were taken.
  public mutating func process(
    _ batch: borrowing FrameBatch, from start: Int, into deliveries: inout DeliveryList,
    now: MonotonicTime, capture: inout CaptureTracer
  ) -> Int {
    prepare(&capture, start: start)
    let end = process(batch, from: start, into: &deliveries, now: now, tracer: &capture)
    capture.complete(batch)
    return end
  }

  /// As `produce` without a capture.
  public mutating func produce(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, now: MonotonicTime,
    capture: inout CaptureTracer
  ) -> Bool {
    prepare(&capture, start: 0)
    let hasMore = produce(into: &batch, &deliveries, now: now, tracer: &capture)
    capture.complete(batch)
    return hasMore
  }

  /// As `announce` without a capture.
  public mutating func announce(
    _ port: PortIndex, into batch: inout FrameBatch, _ deliveries: inout DeliveryList,
    _ cursor: inout AnnouncementCursor, limit: Int = .max, capture: inout CaptureTracer
  ) {
    prepare(&capture, start: 0)
    announce(port, into: &batch, &deliveries, &cursor, limit: limit, tracer: &capture)
    capture.complete(batch)
  }

  mutating func prepare(_ capture: inout CaptureTracer, start: Int) {
    capture.start(at: start)
    guard capture.generation != flowGeneration else { return }
    capture.generation = flowGeneration
    for index in plan.ports.indices {
      let port = plan.ports[index]
      let kind: CaptureTracer.PortKind =
        port.kind == .uplink ? .uplink : port.vlanMode == .trunk ? .trunk : .access
      capture.setKind(kind, of: index)
    }
  }
}
