// Beacon probing (vSphere: failure detection "beacon probing"): uplinks hear each other's broadcasts, so
// that a fault behind a link that is up is found.
//
// A domain is a VLAN with all uplinks whose teams probe in it. Its probe (Protocols.BeaconProbe) says
// which of them work, or that nobody can tell.

internal import Base
public import FrameMemory
internal import Protocols
internal import Tables
internal import Wire

extension Switch {
  /// What the beacons say about an uplink in the domains that probe it; nil when none does.
  public func beaconVerdict(of uplink: PortIndex) -> (isGood: Bool, isShotgun: Bool)? {
    let bit: UInt32 = 1 << UInt32(portPlan(uplink).team)
    var found: (isGood: Bool, isShotgun: Bool)?
    for number in plan.beaconDomains.indices where plan.beaconDomains[number].members & bit != 0 {
      let verdict = beaconVerdicts[number]
      found = (
        (found?.isGood ?? true) && verdict.good & bit != 0,
        (found?.isShotgun ?? false) || (verdict.isShotgun && verdict.good & bit != 0)
      )
    }
    return found
  }

  /// Takes a beacon from an uplink. False when the frame is none.
  @inline(never)
  mutating func hearBeacon(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ context: BatchContext
  ) -> Bool {
    guard let beacon = Beacon(batch.bytes(of: Int(header.index)))
    else { return false }
    guard beacon.identity == plan.beacons.identity, beacon.vlan == header.tag.vlan,
      beaconDomain(of: beacon.vlan) != nil
    else { return true }
    heardBeacon(vlan: beacon.vlan, by: header.ingress, from: beacon.position, now: context.now)
    tell(.beacon(vlan: beacon.vlan, from: beacon.position), at: header.ingress)
    return true
  }

  /// Notes that an uplink heard the one at a position.
  mutating func heardBeacon(vlan: UInt16, by uplink: PortIndex, from: UInt8, now: MonotonicTime) {
    guard let number = beaconDomain(of: vlan) else { return }
    let position = Int(plan.ports[uplink.index].team)
    probes[beaconSlots[number]].heard(by: position, from: Int(from))
    let verdict = probes[beaconSlots[number]].verdict
    if verdict != beaconVerdicts[number] { updateUplinks(now: now) }
  }

  private func beaconDomain(of vlan: UInt16) -> Int? {
    for number in plan.beaconDomains.indices where plan.beaconDomains[number].vlan == vlan {
      return number
    }
    return nil
  }

  /// Matches the probes with the plan's domains: a VLAN that is probed on keeps what is known.
  mutating func settleBeacons(now: MonotonicTime) {
    let timing = BeaconTiming(
      intervalNanoseconds: plan.beacons.intervalNanoseconds, misses: Int(plan.beacons.misses))
    for slot in probes.indices {
      guard let vlan = probeVLANs[slot] else { continue }
      if beaconDomain(of: vlan) == nil || probes[slot].timing != timing { probeVLANs[slot] = nil }
    }
    for number in plan.beaconDomains.indices {
      let vlan = plan.beaconDomains[number].vlan
      var slot = probes.indices.first { probeVLANs[$0] == vlan }
      if slot == nil, let free = probes.indices.first(where: { probeVLANs[$0] == nil }) {
        probes[free].reset(timing: timing, now: now)
        probeVLANs[free] = vlan
        slot = free
      }
      guard let slot else { preconditionFailure("the plan has at most as many domains as probes") }
      beaconSlots[number] = slot
    }
  }

  /// Tells the probes which links are up, and takes their verdicts.
  mutating func judgeBeacons(now: MonotonicTime) {
    for number in plan.beaconDomains.indices {
      let slot = beaconSlots[number]
      probes[slot].update(
        members: plan.beaconDomains[number].members, linksUp: linkedUplinks, now: now)
      beaconVerdicts[number] = probes[slot].verdict
    }
  }

  /// Judges what is due, and notes which rounds of beacons are to be sent. Returns whether a verdict has
  /// changed.
  mutating func tickBeacons(now: MonotonicTime) -> Bool {
    nextBeacon = .never
    var hasChanged = false
    for number in plan.beaconDomains.indices {
      let slot = beaconSlots[number]
      if probes[slot].isBeaconDue(now: now) {
        probes[slot].sent(now: now)
        // Every lane counts the rounds; the first one sends.
        beaconsToSend[number] = lanes.isFirst ? probes[slot].active : 0
      }
      nextBeacon = min(nextBeacon, probes[slot].tick(now: now))
      if probes[slot].verdict != beaconVerdicts[number] { hasChanged = true }
    }
    return hasChanged
  }

  /// Appends the beacons that are to be sent. Returns whether some are left for another batch.
  mutating func sendBeacons(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) -> Bool {
    for number in plan.beaconDomains.indices {
      while beaconsToSend[number] != 0 {
        guard !batch.isFull, deliveries.freeCapacity > 0 else { return true }
        let position = beaconsToSend[number].trailingZeroBitCount
        beaconsToSend[number] &= beaconsToSend[number] - 1
        guard position < plan.uplinks.count else { continue }
        sendBeacon(
          by: plan.uplinks[position], plan.beaconDomains[number].vlan, &batch, &deliveries, &tracer)
      }
    }
    return false
  }

  private mutating func sendBeacon(
    by uplink: PortIndex, _ vlan: UInt16, _ batch: inout FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    beaconSequence &+= 1
    let beacon = Beacon(
      sourceMAC: plan.ports[uplink.index].mac,
      etherType: EtherType(rawValue: plan.beacons.etherType), identity: plan.beacons.identity,
      position: UInt8(plan.ports[uplink.index].team), vlan: vlan, sequence: beaconSequence)
    let index = batch.appendZeroed(byteCount: Beacon.frameBytes, ingress: uplink)
    var bytes = batch.mutableBytes(of: index)
    beacon.emit(into: &bytes)
    sums.generated &+= 1
    var header = generatedHeader(index, vlan: vlan, batch, &tracer)
    deliverOut(&header, by: uplink, batch, &deliveries, &tracer)
  }
}
