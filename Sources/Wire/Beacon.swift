// The beacon: a broadcast by which one uplink of a team tells the others that it reaches them.
//
//   0      4        5         6     8         12               20
//   magic  version  position  VLAN  sequence  switch identity  zeros to 46
//
// The payload is our own, behind an EtherType that can be configured (vSphere's is 0x8922). The switch
// identity is a random number of the switch on this host: beacons of other hosts are not for us. The
// VLAN is there because a physical switch may send a frame back in another one than it came in.

internal import Base

/// A beacon, with everything that is in its frame.
@frozen
public struct Beacon: WireValue, BitwiseCopyable {
  public var sourceMAC: MACAddress
  public var etherType: EtherType
  /// Which switch on which host sent it.
  public var identity: UInt64
  /// The place of the uplink that it left by.
  public var position: UInt8
  /// 0 when it was sent untagged.
  public var vlan: UInt16
  public var sequence: UInt32

  public static let defaultEtherType: UInt16 = 0x8922
  /// Every beacon: the shortest frame that Ethernet allows.
  public static let frameBytes = Ethernet.shortestFrameBytes

  /// "MRLT".
  static let magic: UInt32 = 0x4D52_4C54
  static let formatVersion: UInt8 = 1
  static let payloadBytes = 20

  public init(
    sourceMAC: MACAddress, etherType: EtherType = EtherType(rawValue: defaultEtherType),
    identity: UInt64, position: UInt8, vlan: UInt16, sequence: UInt32
  ) {
    self.sourceMAC = sourceMAC
    self.etherType = etherType
    self.identity = identity
    self.position = position
    self.vlan = vlan
    self.sequence = sequence
  }

  /// Whether a frame has the EtherType of beacons: all that the ordinary frame costs.
  @inlinable @inline(__always)
  public static func isClaimed(by frame: RawSpan, etherType: EtherType) -> Bool {
    frame.byteCount >= Ethernet.headerBytes
      && frame.etherType(at: Ethernet.etherTypeOffset) == etherType
  }

  /// Reads a whole frame, of any EtherType that is not a length; nil when it is no beacon of this
  /// version, or not a broadcast.
  public init?(_ frame: RawSpan) {
    guard let ethernet = EthernetView(frame), ethernet.destination.isBroadcast,
      !ethernet.etherType.isLength, ethernet.payload.byteCount >= Self.payloadBytes
    else { return nil }
    let payload = ethernet.payload
    guard payload.big32(0) == Self.magic, payload.byte(4) == Self.formatVersion else { return nil }
    self.init(
      sourceMAC: ethernet.source, etherType: ethernet.etherType, identity: payload.big64(12),
      position: payload.byte(5), vlan: payload.big16(6), sequence: payload.big32(8))
  }

  public var byteCount: Int { Self.frameBytes }

  /// Writes the whole frame, padding zeroed. Traps when `frame` is shorter.
  @discardableResult
  public func emit(into frame: inout MutableRawSpan) -> Int {
    EthernetHeader(destination: .broadcast, source: sourceMAC, etherType: etherType)
      .emit(into: &frame)
    var payload = frame.part(Ethernet.headerBytes..<Self.frameBytes)
    payload.setBig32(Self.magic, at: 0)
    payload.setByte(Self.formatVersion, at: 4)
    payload.setByte(position, at: 5)
    payload.setBig16(vlan, at: 6)
    payload.setBig32(sequence, at: 8)
    payload.setBig64(identity, at: 12)
    for offset in Self.payloadBytes..<payload.byteCount { payload.setByte(0, at: offset) }
    return byteCount
  }

  public var description: String {
    "beacon \(sequence) of uplink \(position) in VLAN \(vlan), switch "
      + String(identity, radix: 16)
  }
}
