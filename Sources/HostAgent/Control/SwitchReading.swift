// What the worker's numbers are at one moment, and how they become those of the Model.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner
internal import Wire

/// The numbers of one port, as the worker has them at one moment.
struct PortReading: Sendable {
  var isAttached = false
  var counters = Dataplane.PortCounters()
  var offload = OffloadCounters()
  /// `tap`, `packet`; `none` without an attachment.
  var attachment = "none"
  var uplink: PortIndex?
  var isLinkUp = false
  var isUsable = false
  /// Of a VM port: by which uplinks its frames may leave, one bit for each position.
  var teamUplinks: UInt32 = 0
  var nic = Dataplane.GuestNIC(assumed: .zero)
  var isBlocked = false
  var isFenced = false
  var inShaper: ShaperState?
  var outShaper: ShaperState?
  /// Of an uplink: what beacons say, nil when it is not probed.
  var isBeaconGood: Bool?
  var isShotgun = false
  /// Bits per second.
  var loadOut: UInt64 = 0
  var loadIn: UInt64 = 0
}

extension PortReading {
  var state: Model.PortState {
    if isBlocked { return .blocked }
    if isFenced { return .fenced }
    return isAttached ? .up : .down
  }
}

/// The numbers of a switch at one moment.
struct SwitchReading: Sendable {
  var ports: [PortReading] = []
  var sums = ConservationSums()
  var revision: UInt64 = 0

  subscript(port: PortIndex) -> PortReading {
    port.index < ports.count ? ports[port.index] : PortReading()
  }
}

extension SwitchRuntime {
  /// Reads every port below `count` between two batches.
  func reading(portCount count: Int, now: MonotonicTime) -> SwitchReading {
    var reading = SwitchReading()
    reading.sums = network.conservation
    reading.revision = network.revision
    for index in 0..<count {
      let port = PortIndex(index)
      var numbers = PortReading()
      numbers.isAttached = network.isAttached(port)
      numbers.counters = network.portCounters(port)
      numbers.uplink = network.selectedUplink(of: port)
      numbers.isLinkUp = network.isLinkUp(port)
      numbers.isUsable = network.isUplinkUsable(port)
      readPolicies(of: port, into: &numbers, now: now)
      if let sender = senders[index] { numbers.offload = sender.offloadCounters }
      if let attachment = attachments[index] {
        numbers.offload = attachment.offloadCounters
        // A name is the kind and then the device.
        numbers.attachment = String(attachment.name.prefix { $0 != " " })
      }
      reading.ports.append(numbers)
    }
    return reading
  }

  private func readPolicies(
    of port: PortIndex, into numbers: inout PortReading, now: MonotonicTime
  ) {
    let plan = network.portPlan(port)
    numbers.isBlocked = plan.isBlocked
    numbers.isFenced = plan.isFenced
    if plan.kind == .vm {
      numbers.teamUplinks = network.teamUplinks(of: port)
      numbers.nic = network.guestNIC(port)
      numbers.inShaper = network.shaperState(port, .ingress, now: now)
      numbers.outShaper = network.shaperState(port, .egress, now: now)
    } else if plan.kind == .uplink {
      let verdict = network.beaconVerdict(of: port)
      numbers.isBeaconGood = verdict?.isGood
      numbers.isShotgun = verdict?.isShotgun ?? false
      (numbers.loadOut, numbers.loadIn) = network.load(of: port)
    }
  }
}

extension ControlState {
  func reading(of planned: PlannedSwitch) -> SwitchReading {
    let name = planned.name
    let indices = planned.ports.map(\.index) + planned.uplinks.map(\.index)
    let count = (indices.map(\.index).max() ?? -1) + 1
    let now = MonotonicClock.now()
    let lanes = workers.performTogether { state in
      state.runtime(named: name)?.reading(portCount: count, now: now) ?? SwitchReading()
    }
    return SwitchReading(lanes: lanes)
  }
}

extension SwitchReading {
  /// One switch out of its lanes: what they count is summed, what a port's own lane alone knows is taken from
  /// there, and the rest, which all know, from the first.
  init(lanes: [SwitchReading]) {
    self = lanes[0]
    for lane in lanes.dropFirst() {
      sums.add(lane.sums)
      for index in ports.indices where index < lane.ports.count {
        ports[index].counters.add(lane.ports[index].counters)
        ports[index].offload.add(lane.ports[index].offload)
      }
    }
    for index in ports.indices {
      let home = LaneHome.lane(of: PortIndex(index), lanes: lanes.count)
      guard index < lanes[home].ports.count else { continue }
      ports[index].attachment = lanes[home].ports[index].attachment
      ports[index].inShaper = lanes[home].ports[index].inShaper
      ports[index].outShaper = lanes[home].ports[index].outShaper
    }
  }
}

extension Model.PortCounters {
  init(_ counters: Dataplane.PortCounters) {
    self.init()
    packetsInUnicast = counters.ingress.packetsUnicast
    packetsInMulticast = counters.ingress.packetsMulticast
    packetsInBroadcast = counters.ingress.packetsBroadcast
    bytesInUnicast = counters.ingress.bytesUnicast
    bytesInMulticast = counters.ingress.bytesMulticast
    bytesInBroadcast = counters.ingress.bytesBroadcast
    packetsOutUnicast = counters.egress.packetsUnicast
    packetsOutMulticast = counters.egress.packetsMulticast
    packetsOutBroadcast = counters.egress.packetsBroadcast
    bytesOutUnicast = counters.egress.bytesUnicast
    bytesOutMulticast = counters.egress.bytesMulticast
    bytesOutBroadcast = counters.egress.bytesBroadcast
    packetsInDropped = counters.ingress.packetsDropped
    packetsOutDropped = counters.egress.packetsDropped
    packetsInException = counters.ingress.packetsException
    packetsOutException = counters.egress.packetsException
  }
}

extension Dataplane.PortCounters {
  /// Drops by the reason's name, those that happened.
  var dropsByName: [String: UInt64] {
    var drops: [String: UInt64] = [:]
    for reason in DropReason.allCases where self[reason] > 0 { drops[reason.name] = self[reason] }
    return drops
  }
}

extension OffloadStatus {
  init(_ counters: OffloadCounters) {
    self.init()
    segmentedFramesIn = counters.segmentationReceived
    segmentedFramesOut = counters.segmentationPassed
    checksumsCompleted = counters.checksumDone
    framesSegmented = counters.segmentationDone
    segmentsMade = counters.segmentsMade
  }
}

extension ConservationStatus {
  init(_ sums: ConservationSums) {
    self.init()
    received = sums.received
    replicated = sums.replicated
    generated = sums.generated
    delivered = sums.delivered
    dropped = sums.dropped
    // What is on its way from one worker to another waits, too.
    queued = sums.queued &+ sums.handedOver &- sums.takenOver
  }
}

extension ShapingStatus {
  init(_ state: ShaperState) {
    self.init(
      tokensBytes: state.tokensBytes, queuedBytes: state.queuedBytes,
      queuedFrames: state.queuedFrames)
  }
}

extension UplinkStatus.Beacon {
  init(_ reading: PortReading) {
    self =
      switch reading.isBeaconGood {
      case nil: .off
      case .some where reading.isShotgun: .shotgun
      case .some(let isGood): isGood ? .ok : .failed
      }
  }
}
