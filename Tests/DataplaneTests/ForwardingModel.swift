// Forwarding as the vSphere documentation tells it, without a thought for speed: what the property test
// holds the data plane against. Sets and dictionaries, one rule after the other; it shares no code with
// the data plane, not even its types for ports, tables and plans.

/// What a port carries.
enum ModelVLAN: Equatable {
  case none
  case access(UInt16)
  case trunk(Set<UInt16>)

  func carries(_ vlan: UInt16) -> Bool {
    switch self {
    case .none: vlan == 0
    case .access(let own): vlan == own
    case .trunk(let set): set.contains(vlan)
    }
  }
}

struct ModelTeam: Equatable {
  var byPortID = false
  var failsBack = true
  var active: [Int] = []
  var standby: [Int] = []

  var members: [Int] { active + standby }
}

struct ModelPort: Equatable {
  enum Kind { case absent, vm, uplink }

  var kind = Kind.absent
  var id: UInt32 = 0
  var vlan = ModelVLAN.none
  var mac: UInt64 = 0
  var isBlocked = false
  var isFenced = false
  var allowsForged = false
  var learns = false
  var floods = false
  var forwardsBeyondLimit = false
  var limit = 4
  var team = 0
  // What is not configuration:
  var isAttached = false
  var isLinkUp = false
  var isLinkKnown = false
  var usableAtMilliseconds = 0

  var passes: Bool { kind != .absent && isAttached && !isBlocked && !isFenced }
}

struct ModelFrame {
  var ingress: Int
  var destination: UInt64
  var source: UInt64
  /// The tag of the frame; nil when untagged.
  var vlan: UInt16?
  var payloadBytes = 46
  /// The frame is a RARP for its source.
  var isAnnouncement = false

  var isGroup: Bool { destination >> 40 & 1 == 1 }
}

struct ModelAddress: Hashable {
  var mac: UInt64
  var vlan: UInt16
}

struct ModelPlace {
  var port: Int
  var seconds: Int
  var isExternal = false
}

struct ForwardingModel {
  var ports: [ModelPort]
  var teams: [ModelTeam]
  var learned: [ModelAddress: ModelPlace] = [:]
  var milliseconds = 1_000_000
  /// The uplink of each VM port, as told: teaming is judged apart.
  var selected: [Int: Int] = [:]

  var seconds: Int { milliseconds / 1_000 }

  /// The ports that get a frame.
  mutating func forward(_ frame: ModelFrame) -> Set<Int> {
    guard frame.ingress < ports.count else { return [] }
    let ingress = ports[frame.ingress]
    guard ingress.passes, frame.payloadBytes >= 0, frame.payloadBytes <= 1_500,
      frame.source != 0, frame.source >> 40 & 1 == 0, let vlan = admit(frame)
    else { return [] }
    let mayPass =
      ingress.kind == .vm ? sourceMayPass(frame, vlan) : sourceIsOutside(frame, vlan)
    guard mayPass else { return [] }
    let reached = ingress.kind == .vm ? fromVM(frame, vlan) : fromUplink(frame, vlan)
    return reached.filter { ports[$0].passes }
  }

  /// The VLAN of a frame: a trunk takes what its ranges list; other ports take untagged frames, and a
  /// priority tag counts as none.
  private func admit(_ frame: ModelFrame) -> UInt16? {
    let tagged = frame.vlan ?? 0
    switch ports[frame.ingress].vlan {
    case .none: return tagged == 0 ? 0 : nil
    case .access(let own): return tagged == 0 ? own : nil
    case .trunk(let set): return set.contains(tagged) ? tagged : nil
    }
  }

  /// Forged transmits and MAC learning.
  private mutating func sourceMayPass(_ frame: ModelFrame, _ vlan: UInt16) -> Bool {
    let port = ports[frame.ingress]
    if frame.source == port.mac { return true }
    guard port.allowsForged else { return false }
    guard port.learns, owner(of: frame.source, vlan) == nil else { return true }
    let address = ModelAddress(mac: frame.source, vlan: vlan)
    let isOurs = learned[address].map { $0.port == frame.ingress && !$0.isExternal } ?? false
    let count = learned.values.filter { $0.port == frame.ingress && !$0.isExternal }.count
    guard isOurs || count < port.limit else { return port.forwardsBeyondLimit }
    learned[address] = ModelPlace(port: frame.ingress, seconds: seconds)
    return true
  }

  /// Control frames, reflections, and moves to the outside.
  private mutating func sourceIsOutside(_ frame: ModelFrame, _ vlan: UInt16) -> Bool {
    if frame.destination >> 4 == 0x0180_C200_000 { return false }
    if owner(of: frame.source, vlan) != nil { return false }
    let address = ModelAddress(mac: frame.source, vlan: vlan)
    let outside = ModelPlace(port: frame.ingress, seconds: seconds, isExternal: true)
    if let place = learned[address] {
      // Nothing comes back by the uplink that it left by.
      let hasMoved =
        frame.isAnnouncement
        ? selected[place.port] == frame.ingress : seconds - place.seconds > 1
      guard place.isExternal || hasMoved else { return false }
      learned[address] = outside
    } else if frame.isAnnouncement && frame.isGroup {
      learned[address] = outside
    }
    return true
  }

  private func fromVM(_ frame: ModelFrame, _ vlan: UInt16) -> Set<Int> {
    let uplink = selected[frame.ingress].map { Set([$0]) } ?? []
    let out = uplink.filter { ports[$0].vlan.carries(vlan) }
    let others = vms(carrying: vlan).subtracting([frame.ingress])
    if frame.isGroup { return others.union(out) }
    let address = ModelAddress(mac: frame.destination, vlan: vlan)
    if let owner = owner(of: frame.destination, vlan) { return Set([owner]).intersection(others) }
    if let place = learned[address] {
      return place.isExternal ? out : Set([place.port]).intersection(others)
    }
    return others.filter { ports[$0].floods }.union(out)
  }

  /// Broadcast, multicast and unknown unicast reach a port only by the uplink that its team uses.
  private func fromUplink(_ frame: ModelFrame, _ vlan: UInt16) -> Set<Int> {
    let ours = vms(carrying: vlan).filter { selected[$0] == frame.ingress }
    if frame.isGroup { return ours }
    if let owner = owner(of: frame.destination, vlan) { return [owner] }
    if let place = learned[ModelAddress(mac: frame.destination, vlan: vlan)] {
      return place.isExternal ? [] : [place.port]
    }
    return ours.filter { ports[$0].floods }
  }

  private func vms(carrying vlan: UInt16) -> Set<Int> {
    Set(ports.indices.filter { ports[$0].kind == .vm && ports[$0].vlan.carries(vlan) })
  }

  /// The VM port whose vNIC has the address.
  private func owner(of mac: UInt64, _ vlan: UInt16) -> Int? {
    vms(carrying: vlan).first { ports[$0].mac == mac }
  }

  // MARK: - Time, links and configuration

  mutating func advance(milliseconds count: Int) {
    milliseconds += count
    learned = learned.filter { seconds - $0.value.seconds <= 300 }
  }

  mutating func setLink(_ uplink: Int, isUp: Bool) {
    let port = ports[uplink]
    guard !port.isLinkKnown || port.isLinkUp != isUp else { return }
    ports[uplink].usableAtMilliseconds = milliseconds + (port.isLinkKnown ? 100 : 0)
    ports[uplink].isLinkKnown = true
    ports[uplink].isLinkUp = isUp
  }

  mutating func setAttached(_ port: Int, _ isAttached: Bool) {
    guard ports[port].isAttached != isAttached else { return }
    ports[port].isAttached = isAttached
    if !isAttached, ports[port].kind == .uplink {
      ports[port].isLinkKnown = false
      ports[port].isLinkUp = false
    }
  }

  /// The uplinks that may carry frames; when all wait for their delay, waiting is over.
  mutating func usableUplinks() -> Set<Int> {
    let up = ports.indices.filter {
      ports[$0].kind == .uplink && ports[$0].isAttached && ports[$0].isLinkUp
    }
    let ready = up.filter { ports[$0].usableAtMilliseconds <= milliseconds }
    if !ready.isEmpty { return Set(ready) }
    for uplink in up { ports[uplink].usableAtMilliseconds = milliseconds }
    return Set(up)
  }

  /// Takes a new configuration. Returns the indices that now belong to another port, or to none.
  mutating func reconfigure(_ new: [ModelPort], _ teams: [ModelTeam]) -> [Int] {
    var reset: [Int] = []
    self.teams = teams
    for index in new.indices {
      let (before, after) = (ports[index], new[index])
      ports[index] = after
      if before.kind == after.kind && before.id == after.id {
        ports[index].isAttached = before.isAttached
        ports[index].isLinkUp = before.isLinkUp
        ports[index].isLinkKnown = before.isLinkKnown
        ports[index].usableAtMilliseconds = before.usableAtMilliseconds
        let forgets = before.vlan != after.vlan || (before.learns && !after.learns)
        if forgets { learned = learned.filter { $0.value.port != index } }
      } else {
        reset.append(index)
        learned = learned.filter { $0.value.port != index }
      }
    }
    learned = learned.filter { owner(of: $0.key.mac, $0.key.vlan) == nil }
    return reset
  }
}
