// The whole data plane as the vSphere documentation tells it, without a thought for speed: what the
// property test holds the switch against. Arrays and dictionaries, one rule after the other.
//
//   here                        the way of a frame
//   ForwardingModel+VLAN        admission, private VLANs, tags
//   ForwardingModel+Security    addresses, MAC changes, forged transmits, MAC learning
//   ForwardingModel+Audience    who gets what goes to many: multicast, promiscuous mode, reverse path
//   ModelRules                  filters and marks
//   ForwardingModel+Shaping     token buckets and queues
//   ForwardingModel+Teams       which uplink
//   ForwardingModel+Changes     time, links, nics, configuration
//   ForwardingModel+Counters    what each port counts

import FrameMemory

struct ForwardingModel {
  var ports: [ModelPort]
  var teams: [ModelTeam]
  var privateVLANs: [UInt16: ModelPrivateVLAN] = [:]
  var learned: [ModelAddress: ModelPlace] = [:]
  var nanoseconds = 15_258_790 * 65_536
  /// The uplink of each VM port, as told: that choice is judged apart.
  var selected: [Int: Int] = [:]
  var counters: [ModelCounters] = []
  var buckets: [ModelQueueID: ModelBuckets] = [:]
  var queues: [ModelQueueID: ModelQueue] = [:]
  /// How many times a queue began to wait.
  var turns = 0

  var seconds: Int { nanoseconds / 1_000_000_000 }

  /// What becomes of a frame.
  mutating func forward(_ frame: ModelFrame) -> ModelOutcome {
    do {
      return try enter(frame)
    } catch {
      let drop = ModelDrop(reason: error.reason, port: frame.ingress, isIngress: true)
      return ModelOutcome(drops: [drop])
    }
  }

  private mutating func enter(_ frame: ModelFrame) throws(ModelRefusal) -> ModelOutcome {
    guard frame.ingress < ports.count, ports[frame.ingress].kind != .absent else {
      throw ModelRefusal(.portDown)
    }
    let ingress = ports[frame.ingress]
    if let reason = closedReason(ingress) { throw ModelRefusal(reason) }
    if frame.isRunt { throw ModelRefusal(.runt) }
    if frame.source == 0 || frame.source >> 40 & 1 == 1 { throw ModelRefusal(.malformed) }
    if frame.bytes.count - 14 > 1_500 { throw ModelRefusal(.oversize) }
    let tag = try admit(frame, at: ingress)
    var frame = frame
    if frame.vlan == nil { frame.priority = 0 }
    switch ingress.kind {
    case .vm:
      if ingress.blocksBPDU && Self.isBPDU(frame.destination) { throw ModelRefusal(.bpduFiltered) }
      try judgeSource(of: frame)
      frame = try filterIn(frame, tag)
      var outcome = ModelOutcome()
      let id = ModelQueueID(port: frame.ingress, isIngress: true)
      return passesShaper(frame, tag, id, &outcome) ? try fromVM(frame, tag) : outcome
    case .uplink, .absent:
      if let reason = Self.reservedReason(frame.destination) { throw ModelRefusal(reason) }
      frame = try filterIn(frame, tag)
      guard isFromOutside(frame, tag) else { return try reflect(frame, tag) }
      return try frame.isGroup ? spreadFromUplink(frame, tag) : unicastFromUplink(frame, tag)
    }
  }

  /// Behind the ingress shaper.
  mutating func fromVM(_ frame: ModelFrame, _ tag: UInt16) throws(ModelRefusal) -> ModelOutcome {
    try learn(frame, tag)
    return try frame.isGroup ? spreadFromVM(frame, tag) : unicastFromVM(frame, tag)
  }

  private func filterIn(_ frame: ModelFrame, _ tag: UInt16) throws(ModelRefusal) -> ModelFrame {
    guard let passed = filtered(frame, tag, ports[frame.ingress].ingressRules) else {
      throw ModelRefusal(.ingressFilter)
    }
    return passed
  }

  private static func isBPDU(_ destination: UInt64) -> Bool {
    destination == 0x0180_C200_0000 || destination == 0x0100_0CCC_CCCD
  }

  /// 01-80-C2-00-00-00 to -0F never go from the wire to a guest.
  private static func reservedReason(_ destination: UInt64) -> DropReason? {
    switch destination {
    case 0x0180_C200_0000: .bpduFiltered
    case 0x0180_C200_0001...0x0180_C200_000F: .reservedAddress
    default: nil
    }
  }

  // MARK: - From a VM

  private mutating func unicastFromVM(_ frame: ModelFrame, _ tag: UInt16) throws(ModelRefusal)
    -> ModelOutcome
  {
    var outcome = ModelOutcome()
    if let place = place(of: frame.destination, tag), !place.isExternal {
      if place.port == frame.ingress { throw ModelRefusal(.hairpin) }
      let watching = watchers(of: frame, tag).subtracting([place.port])
      for port in [place.port] + watching { copy(frame, tag, to: port, &outcome) }
      return outcome
    }
    let isUnknown = place(of: frame.destination, tag) == nil
    let flooded = isUnknown ? flood(frame, tag) : []
    let audience = flooded.union(watchers(of: frame, tag))
    for port in audience { copy(frame, tag, to: port, &outcome) }
    try leave(frame, tag, unlessReached: audience.isEmpty ? .unknownUnicast : nil, &outcome)
    return outcome
  }

  private mutating func spreadFromVM(_ frame: ModelFrame, _ tag: UInt16) throws(ModelRefusal)
    -> ModelOutcome
  {
    var outcome = ModelOutcome()
    let (audience, reason) = audience(of: frame, tag, withoutPorts: .noUplink)
    for port in audience { copy(frame, tag, to: port, &outcome) }
    try leave(frame, tag, unlessReached: reason, &outcome)
    return outcome
  }

  /// The copy, or the copies, for the physical network.
  private mutating func leave(
    _ frame: ModelFrame, _ tag: UInt16, unlessReached reason: DropReason?,
    _ outcome: inout ModelOutcome
  ) throws(ModelRefusal) {
    if teams[ports[frame.ingress].team].members.isEmpty {
      if let reason { throw ModelRefusal(reason) }
      return
    }
    let uplinks = uplinks(for: frame)
    if uplinks.isEmpty {
      outcome.drops.append(ModelDrop(reason: .uplinkDown, port: frame.ingress, isIngress: true))
    }
    for uplink in uplinks {
      if ports[uplink].vlan.carries(tag) {
        copy(frame, tag, to: uplink, &outcome)
      } else {
        outcome.drops.append(ModelDrop(reason: .vlanMismatch, port: uplink, isIngress: false))
      }
    }
  }

  // MARK: - From an uplink

  private mutating func unicastFromUplink(_ frame: ModelFrame, _ tag: UInt16) throws(ModelRefusal)
    -> ModelOutcome
  {
    var audience = watchers(of: frame, tag)
    switch place(of: frame.destination, tag) {
    case nil: audience.formUnion(flood(frame, tag))
    case .some(let place) where !place.isExternal: audience.insert(place.port)
    default: break
    }
    if audience.isEmpty { throw ModelRefusal(.unknownUnicast) }
    var outcome = ModelOutcome()
    for port in audience { copy(frame, tag, to: port, &outcome) }
    return outcome
  }

  private mutating func spreadFromUplink(_ frame: ModelFrame, _ tag: UInt16) throws(ModelRefusal)
    -> ModelOutcome
  {
    let (audience, reason) = audience(of: frame, tag, withoutPorts: .vlanMismatch)
    if let reason { throw ModelRefusal(reason) }
    var outcome = ModelOutcome()
    for port in audience { copy(frame, tag, to: port, &outcome) }
    return outcome
  }

  /// Our own frame has come back: only promiscuous ports may see it.
  private mutating func reflect(_ frame: ModelFrame, _ tag: UInt16) throws(ModelRefusal)
    -> ModelOutcome
  {
    let watching = watchers(of: frame, tag).filter { !ports[$0].checksPromiscuous }
    if watching.isEmpty { throw ModelRefusal(.sourceIsLocal) }
    var outcome = ModelOutcome()
    for port in watching { copy(frame, tag, to: port, &outcome) }
    return outcome
  }

  // MARK: - At the egress port

  private mutating func copy(
    _ frame: ModelFrame, _ tag: UInt16, to index: Int, _ outcome: inout ModelOutcome
  ) {
    let port = ports[index]
    if let reason = egressReason(tag, port) {
      outcome.drops.append(ModelDrop(reason: reason, port: index, isIngress: false))
    } else if let passed = filtered(frame, tag, port.egressRules) {
      let id = ModelQueueID(port: index, isIngress: false)
      guard passesShaper(passed, tag, id, &outcome) else { return }
      outcome.deliveries.append(delivery(of: passed, tag, at: index))
    } else {
      outcome.drops.append(ModelDrop(reason: .egressFilter, port: index, isIngress: false))
    }
  }

  func egressReason(_ tag: UInt16, _ port: ModelPort) -> DropReason? {
    if let reason = closedReason(port) { return reason }
    if port.kind == .vm && isReceiveDisabled(port) { return .macChange }
    return port.kind == .vm && isIsolated(tag, from: port) ? .pvlanIsolation : nil
  }

  func closedReason(_ port: ModelPort) -> DropReason? {
    if !port.isAttached { return .portDown }
    if port.isBlocked { return .portBlocked }
    return port.isFenced ? .portFenced : nil
  }
}
