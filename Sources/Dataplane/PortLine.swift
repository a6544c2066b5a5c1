// What an ordinary frame reads and writes of a port, in one cache line.
//
// Most frames are known unicast between two ports that have nothing special about them, and for each of
// those the plan, the state and the counters of two ports would be ten cache lines. So what the plan and
// the state say together is worked out once, when either of them changes (`settleLine`), and stands beside
// the counters that nearly every frame touches.

internal import Base
public import FrameMemory
internal import Tables
internal import Wire

/// The sum of a port's plan and state for ordinary frames, and what they count.
///
/// - Shape: 64 bytes, from the start of a cache line.
struct PortLine: Equatable, Sendable, BitwiseCopyable {
  /// What becomes of a frame whose source is not the expected one.
  enum OtherSources: UInt8, Sendable, BitwiseCopyable {
    /// Somebody must look at it.
    case judged
    /// It may be sent.
    case passed
    /// It may be sent, and is learned.
    case learned
  }

  /// The expected source in the port's VLAN; 0, which is nobody's, when all are to be looked at.
  var sourceKey: UInt64 = 0
  /// The low 16 bits of every key in the port's VLAN.
  var keyVLAN: UInt64 = 0
  /// The longest frame that the MTU lets pass; 0 where no frame from the port is ordinary.
  var largestBytes: UInt32 = 0
  /// The tag that a frame from the port has inside the switch.
  var tag = VLANTag.none
  /// A short set of rules that frames into the switch meet, as in the plan; 0 for none, or a long one.
  var screenedRules: UInt16 = 0
  var otherSources = OtherSources.judged
  var hasIngressRules = false
  var hasIngressShape = false
  /// A frame may leave by the port without a further look.
  var isPlainEgress = false
  /// The guest tags: frames keep their tag.
  var isTrunk = false
  /// Unicast frames into the switch and out of it.
  var packetsIn: UInt64 = 0
  var bytesIn: UInt64 = 0
  var packetsOut: UInt64 = 0
  var bytesOut: UInt64 = 0
}

extension Switch {
  /// Works out anew what ordinary frames are to know of a port. Called when its plan or state has changed.
  mutating func settleLine(_ port: PortIndex) {
    let policy = portPlan(port)
    let state = states[port.index]
    let takesOrdinary =
      policy.kind == .vm && policy.vlanMode != .trunk && policy.isOpen && state.isAttached
    var line = lines[port.index]
    line.largestBytes = takesOrdinary ? UInt32(clamping: plan.mtu + 14) : 0
    let lookupVLAN = plan.lookupVLAN(of: policy.vlan)
    line.keyVLAN = MACKey(.zero, vlan: lookupVLAN).rawValue
    line.sourceKey =
      state.expectedSource.isMulticast || state.expectedSource == .zero
      ? 0 : MACKey(state.expectedSource, vlan: lookupVLAN).rawValue
    line.tag = VLANTag(vlan: policy.vlan)
    let rules = policy.ingressRules
    let isScreened = rules != 0 && plan.ruleSets[Int(rules) - 1].isScreened
    line.screenedRules = isScreened ? rules : 0
    line.hasIngressRules = rules != 0
    line.hasIngressShape = policy.ingressShape != 0
    line.otherSources =
      !policy.allowsForgedTransmits ? .judged : policy.learnsMACs ? .learned : .passed
    line.isPlainEgress =
      policy.kind != .absent && policy.isPlainEgress && state.isOpen && !plan.hasPrivateVLANs
    line.isTrunk = policy.vlanMode == .trunk
    guard line != lines[port.index] else { return }
    lines[port.index] = line
    generation &+= 1
  }

  /// The same for all ports.
  mutating func settleLines() {
    generation &+= 1
    for index in lines.indices { settleLine(PortIndex(index)) }
  }

  /// What a port has counted since it exists.
  public func portCounters(_ port: PortIndex) -> PortCounters {
    var all = counters[port.index]
    all.ingress.packetsUnicast &+= lines[port.index].packetsIn
    all.ingress.bytesUnicast &+= lines[port.index].bytesIn
    all.egress.packetsUnicast &+= lines[port.index].packetsOut
    all.egress.bytesUnicast &+= lines[port.index].bytesOut
    return all
  }

  @inline(__always)
  mutating func countIn(_ port: PortIndex, _ kind: DestinationKind, bytes: UInt32) {
    guard kind == .unicast else {
      return counters[port.index].ingress.count(kind, bytes: bytes)
    }
    lines[port.index].packetsIn &+= 1
    lines[port.index].bytesIn &+= UInt64(bytes)
  }

  /// With `sign` -1 a frame is taken back.
  @inline(__always)
  mutating func countOut(
    _ port: PortIndex, _ kind: DestinationKind, bytes: UInt32, sign: Int64 = 1
  ) {
    guard kind == .unicast else {
      return counters[port.index].egress.count(kind, bytes: bytes, sign: sign)
    }
    lines[port.index].packetsOut &+= UInt64(bitPattern: sign)
    lines[port.index].bytesOut &+= UInt64(bitPattern: sign &* Int64(bytes))
  }

  /// Forgets what a port has counted: another one has its index.
  mutating func resetCounters(_ port: PortIndex) {
    counters[port.index] = PortCounters()
    lines[port.index].packetsIn = 0
    lines[port.index].bytesIn = 0
    lines[port.index].packetsOut = 0
    lines[port.index].bytesOut = 0
  }
}
