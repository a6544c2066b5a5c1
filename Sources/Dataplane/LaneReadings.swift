// One switch out of its lanes, for people: counters are summed, and of an address the newest sight counts.
//
// Pure functions of what each lane's worker has read of its lane. Everything else (links, teams, uplinks,
// nics, groups, load) is the same in all lanes, and is read of the first one.

public import Tables

extension TrafficCounters {
  /// Adds what another lane has counted.
  public mutating func add(_ other: TrafficCounters) {
    packetsUnicast &+= other.packetsUnicast
    packetsMulticast &+= other.packetsMulticast
    packetsBroadcast &+= other.packetsBroadcast
    bytesUnicast &+= other.bytesUnicast
    bytesMulticast &+= other.bytesMulticast
    bytesBroadcast &+= other.bytesBroadcast
    packetsDropped &+= other.packetsDropped
    packetsException &+= other.packetsException
  }
}

extension PortCounters {
  /// Adds what another lane has counted at the same port.
  public mutating func add(_ other: PortCounters) {
    ingress.add(other.ingress)
    egress.add(other.egress)
    for reason in 0..<32 { dropsByReason[reason] &+= other.dropsByReason[reason] }
  }
}

extension ConservationSums {
  /// Adds another lane's. The sum holds when each one does; `handedOver - takenOver` are on their way.
  public mutating func add(_ other: ConservationSums) {
    received &+= other.received
    replicated &+= other.replicated
    generated &+= other.generated
    delivered &+= other.delivered
    dropped &+= other.dropped
    queued &+= other.queued
    handedOver &+= other.handedOver
    takenOver &+= other.takenOver
  }
}

extension ShaperState {
  /// Adds the queue of another lane. The tokens are those of the lane that shapes, which this must be.
  public mutating func add(_ other: ShaperState) {
    queuedFrames += other.queuedFrames
    queuedBytes += other.queuedBytes
  }
}

extension MACEntry {
  /// The one of two lanes' entries of an address that counts.
  public static func newest(_ one: MACEntry, _ other: MACEntry) -> MACEntry {
    if one.kind == .static || other.kind == .static { return one.kind == .static ? one : other }
    return one.seenSeconds >= other.seenSeconds ? one : other
  }

  /// The addresses of all lanes, each once, as each lane's `nextMACEntry` has given them.
  public static func union(_ lanes: [[(key: MACKey, entry: MACEntry)]]) -> [MACKey: MACEntry] {
    var all: [MACKey: MACEntry] = [:]
    for lane in lanes {
      for (key, entry) in lane {
        all[key] = all[key].map { newest($0, entry) } ?? entry
      }
    }
    return all
  }
}
