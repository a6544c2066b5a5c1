// What the slow model of the switch knows: VLANs, teams, nics, ports, frames, and what becomes of a frame.
//
// Plain values with plain numbers. Nothing here is a type of the data plane but the reasons of drops, which
// are a public surface: a mistake there is not repeated here.

import FrameMemory

/// What a port carries.
enum ModelVLAN: Equatable {
  case none
  case access(UInt16)
  /// 0 stands for untagged frames.
  case trunk([ClosedRange<UInt16>])

  var isTrunk: Bool {
    if case .trunk = self { true } else { false }
  }

  func carries(_ vlan: UInt16) -> Bool {
    switch self {
    case .none: vlan == 0
    case .access(let own): vlan == own
    case .trunk(let ranges): ranges.contains { $0.contains(vlan) }
    }
  }
}

/// A row of the table of private VLANs.
struct ModelPrivateVLAN: Equatable {
  enum Kind { case promiscuous, community, isolated }

  var kind: Kind
  var primary: UInt16
}

struct ModelTeam: Equatable {
  enum Policy: CaseIterable { case portID, explicit, sourceMAC, ipHash, physicalLoad }

  var policy = Policy.portID
  var failsBack = true
  var active: [Int] = []
  var standby: [Int] = []

  var members: [Int] { active + standby }
}

/// What a guest asked of its nic.
struct ModelNIC: Equatable {
  /// The nic was looked at; otherwise all is assumed.
  var isObserved = false
  var address: UInt64 = 0
  var isPromiscuous = false
  var isAllMulticast = false
  var groups: Set<UInt64> = []
  /// The last frames had this other source, and so many of them in a row.
  var sighted: UInt64 = 0
  var sightings = 0
  /// When the last change of address was inferred.
  var inferredAt = -1_000_000_000
}

struct ModelPort: Equatable {
  enum Kind { case absent, vm, uplink }

  var kind = Kind.absent
  var id: UInt32 = 0
  var vlan = ModelVLAN.none
  /// The declared address.
  var mac: UInt64 = 0
  var isBlocked = false
  var isFenced = false
  var allowsForged = false
  var acceptsChanges = false
  var allowsPromiscuous = false
  var checksPromiscuous = false
  var blocksBPDU = false
  var learns = false
  var floods = false
  var forwardsBeyondLimit = false
  var limit = 4
  var team = 0
  var ingressRules: [ModelRule] = []
  var egressRules: [ModelRule] = []
  var ingressShape: ModelShape?
  var egressShape: ModelShape?
  // What is not configuration:
  var nic = ModelNIC()
  var isAttached = false
  var isLinkUp = false
  var isLinkKnown = false
  var usableAtNanoseconds = 0
}

struct ModelFrame: CustomStringConvertible {
  var ingress: Int
  var destination: UInt64
  var source: UInt64
  /// The tag of the frame; nil when untagged.
  var vlan: UInt16?
  /// Class of service and drop eligibility, four bits.
  var priority: UInt8 = 10
  /// A rule has given the class of service: it leaves a trunk even without a VLAN.
  var isPriorityMarked = false
  /// What a rule wants in the IP header.
  var dscp: UInt8?
  var packet: ModelPacket?
  /// Without the tag. Shorter than a header: a runt.
  var bytes: [UInt8] = []
  /// The frame is a RARP for its source.
  var isAnnouncement = false

  var isGroup: Bool { destination >> 40 & 1 == 1 }
  var isBroadcast: Bool { destination == 0xFFFF_FFFF_FFFF }
  var isRunt: Bool { bytes.count < 14 }
  var etherType: UInt16 { UInt16(byte(12)) << 8 | UInt16(byte(13)) }

  /// A byte of the frame, 0 behind its end.
  func byte(_ offset: Int) -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }

  var description: String {
    let tag = vlan.map { "vlan \($0) priority \(priority)" } ?? "untagged"
    let type = String(etherType, radix: 16)
    let what = isAnnouncement ? "announcement" : "frame"
    return "\(what) at \(ingress) to \(String(destination, radix: 16)) from "
      + "\(String(source, radix: 16)), \(tag), type \(type), \(bytes.count) bytes"
  }
}

struct ModelAddress: Hashable {
  var mac: UInt64
  /// Where it is looked up: the primary of a private VLAN.
  var vlan: UInt16
}

struct ModelPlace {
  var port: Int
  var seconds: Int
  var isExternal = false
}

struct ModelDrop: Hashable, CustomStringConvertible {
  var reason: DropReason
  var port: Int
  var isIngress: Bool

  var description: String { "\(reason.name) \(isIngress ? "into" : "out of") \(port)" }
}

struct ModelDelivery: Hashable, CustomStringConvertible {
  var port: Int
  /// The tag that it leaves with.
  var vlan: UInt16?
  var priority: UInt8 = 0
  var dscp: UInt8?

  var description: String {
    "\(port)" + (vlan.map { " vlan \($0) priority \(priority)" } ?? "")
      + (dscp.map { " dscp \($0)" } ?? "")
  }
}

/// What becomes of one frame. Each list is a multiset: its order means nothing.
struct ModelOutcome {
  var deliveries: [ModelDelivery] = []
  var drops: [ModelDrop] = []
}

/// A frame goes no further than its ingress port.
struct ModelRefusal: Error {
  var reason: DropReason

  init(_ reason: DropReason) { self.reason = reason }
}
