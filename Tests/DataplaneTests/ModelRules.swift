// Filter rules of the slow model: an ordered list, of which the first that matches decides. Addresses are
// lists of bytes, and a prefix is compared bit by bit.

/// What a frame's packet says that rules look at.
struct ModelPacket: Equatable {
  /// Four bytes or sixteen.
  var source: [UInt8]
  var destination: [UInt8]
  var number: UInt8
  var ports: (source: UInt16, destination: UInt16)?
  /// Of TCP.
  var flags: UInt8?
  var isFragment = false
  var isLaterFragment = false

  var isIPv6: Bool { source.count == 16 }

  static func == (left: Self, right: Self) -> Bool {
    left.source == right.source && left.destination == right.destination
  }
}

struct ModelPrefix: Equatable {
  var bytes: [UInt8]
  var length: Int

  func contains(_ address: [UInt8]) -> Bool {
    guard address.count == bytes.count else { return false }
    for bit in 0..<length {
      let place = UInt8(0x80) >> UInt8(bit % 8)
      if address[bit / 8] & place != bytes[bit / 8] & place { return false }
    }
    return true
  }
}

struct ModelRule: Equatable {
  enum Action: Equatable {
    case allow
    case drop
    case tag(cos: UInt8?, dscp: UInt8?)
  }

  var sourceMAC: (value: UInt64, mask: UInt64)?
  var destinationMAC: (value: UInt64, mask: UInt64)?
  var etherType: UInt16?
  /// The VLAN that the frame has on an uplink.
  var vlans: ClosedRange<UInt16>?
  var source: ModelPrefix?
  var destination: ModelPrefix?
  var number: UInt8?
  var sourcePorts: [ClosedRange<UInt16>] = []
  var destinationPorts: [ClosedRange<UInt16>] = []
  var flags: (value: UInt8, mask: UInt8)?
  var isFragment: Bool?
  var action = Action.allow
  /// No two rules are the same one.
  var id = 0

  static func == (left: Self, right: Self) -> Bool { left.id == right.id }

  func matches(_ frame: ModelFrame, _ tag: UInt16) -> Bool {
    if let sourceMAC, (frame.source ^ sourceMAC.value) & sourceMAC.mask != 0 { return false }
    if let destinationMAC, (frame.destination ^ destinationMAC.value) & destinationMAC.mask != 0 {
      return false
    }
    if let etherType, frame.etherType != etherType { return false }
    if let vlans, !vlans.contains(tag) { return false }
    guard asksForPacket else { return true }
    guard let packet = frame.packet else { return false }
    return matches(packet)
  }

  private var asksForPacket: Bool {
    source != nil || destination != nil || number != nil || asksForPorts || flags != nil
      || isFragment != nil
  }

  private var asksForPorts: Bool { !sourcePorts.isEmpty || !destinationPorts.isEmpty }

  private func matches(_ packet: ModelPacket) -> Bool {
    if let source, !source.contains(packet.source) { return false }
    if let destination, !destination.contains(packet.destination) { return false }
    if let number, packet.number != number { return false }
    if let isFragment, packet.isFragment != isFragment { return false }
    if asksForPorts {
      guard let ports = packet.ports else { return false }
      if !Self.contains(sourcePorts, ports.source) { return false }
      if !Self.contains(destinationPorts, ports.destination) { return false }
    }
    if let flags {
      guard let own = packet.flags else { return false }
      return (own ^ flags.value) & flags.mask == 0
    }
    return true
  }

  private static func contains(_ ranges: [ClosedRange<UInt16>], _ port: UInt16) -> Bool {
    ranges.isEmpty || ranges.contains { $0.contains(port) }
  }
}

extension ForwardingModel {
  /// What rules leave of a frame: nil when they drop it.
  func filtered(_ frame: ModelFrame, _ tag: UInt16, _ rules: [ModelRule]) -> ModelFrame? {
    guard let rule = rules.first(where: { $0.matches(frame, tag) }) else { return frame }
    switch rule.action {
    case .allow: return frame
    case .drop: return nil
    case .tag(let cos, let dscp):
      var marked = frame
      if let cos {
        marked.priority = cos << 1 | frame.priority & 1
        marked.isPriorityMarked = true
      }
      if let dscp { marked.dscp = dscp }
      return marked
    }
  }
}
