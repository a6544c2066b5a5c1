// UDP, TCP and ICMPv6: fields, contradictions, and the checksums that Linux made.

internal import Base
internal import Testing
internal import Wire

@Suite struct TransportTests {
  @Test func aRealDatagramIsRead() throws {
    let header = try #require(UDPHeader(RealFrame.udp4.transport4))
    #expect(
      header
        == UDPHeader(
          sourcePort: 43_199, destinationPort: 53, payloadBytes: 3, checksum: 0x5B7C))
    #expect(header.description == "udp 43199 > 53, 3 bytes")
    #expect(header.emitted == Array(RealFrame.udp4.transport4[..<8]))
  }

  @Test func aDatagramWithAWrongLengthIsRefused() {
    var bytes = RealFrame.udp4.transport4
    bytes[5] = 12
    #expect(UDPHeader(bytes) == nil, "beyond the bytes")
    bytes[5] = 7
    #expect(UDPHeader(bytes) == nil, "shorter than its header")
    #expect(UDPHeader(Array(bytes[..<7])) == nil)
  }

  @Test func aRealSegmentIsRead() throws {
    let bytes = RealFrame.tcp4.transport4
    let header = try #require(TCPHeader(bytes))
    #expect(header.sourcePort == 57_108 && header.destinationPort == 5432)
    #expect(header.sequence == 0x48B5_1B0A && header.acknowledgement == 0)
    #expect(header.flags == .syn && header.window == 64_240)
    #expect(header.description == "tcp 57108 > 5432 [SYN], sequence 1219828490")
    guard let view = TCPView(bytes.rawSpan) else {
      Issue.record("no view")
      return
    }
    let option = (view.options.byteCount, view.options.byte(0))
    let payloadBytes = view.payload.byteCount
    #expect(view.headerBytes == 40 && option == (20, 2) && payloadBytes == 0)
  }

  @Test func payloadFollowsTheOptions() {
    let bytes = RealFrame.tcp6.transport6
    guard let view = TCPView(bytes.rawSpan) else {
      Issue.record("no view")
      return
    }
    #expect(view.flags == [.psh, .ack] && view.flags.description == "PSH ACK")
    let payload = (view.payload.byteCount, view.payload.byte(0))
    #expect(payload == (13, UInt8(ascii: "h")))
  }

  @Test func aSegmentWithAWrongHeaderLengthIsRefused() {
    var bytes = RealFrame.tcp4.transport4
    bytes[12] = 0xB0
    #expect(TCPHeader(bytes) == nil, "beyond the bytes")
    bytes[12] = 0x40
    #expect(TCPHeader(bytes) == nil, "shorter than a header")
    #expect(TCPHeader(Array(bytes[..<19])) == nil)
  }

  @Test(arguments: [RealFrame.tcp4, .udp4, .tcp6, .udp6, .ping6, .solicitation, .advertisement])
  func theChecksumOfLinuxIsValidAndMadeAgain(_ frame: RealFrame) throws {
    let packet = try #require(Transport(frame))
    #expect(packet.isChecksumValid)
    var wiped = packet
    wiped.segment[wiped.checksumOffset] ^= 0x55
    #expect(!wiped.isChecksumValid)
    wiped.updateChecksum()
    #expect(wiped.segment == packet.segment)
    wiped.segment[wiped.segment.count - 1] ^= 1
    #expect(!wiped.isChecksumValid)
  }

  @Test func aUDPSumOfZeroIsWrittenAsOnes() {
    // The pseudo-header is chosen so that everything adds up to 0xFFFF.
    var bytes = hex("0001 0002 0008 0000")
    bytes.withMutableRawSpan {
      UDP.updateChecksum(in: &$0, pseudoHeader: Checksum(folded: 0xFFFF - 11))
    }
    #expect(bytes == hex("0001 0002 0008 ffff"))
    let isValid = UDPView(bytes.rawSpan)?.isChecksumValid(
      pseudoHeader: Checksum(folded: 0xFFFF - 11))
    #expect(isValid == true)
  }

  @Test func flagsAreSetInPlace() throws {
    var bytes = RealFrame.tcp4.transport4
    bytes.withMutableRawSpan { segment in
      TCP.setFlags([.fin, .ack], in: &segment)
      TCP.setSequence(7, in: &segment)
      TCP.setSourcePort(1, in: &segment)
      TCP.setDestinationPort(2, in: &segment)
    }
    let header = try #require(TCPHeader(bytes))
    #expect(header.flags == [.fin, .ack] && header.sequence == 7)
    #expect(header.sourcePort == 1 && header.destinationPort == 2 && header.window == 64_240)
  }
}

/// The upper layer of a captured frame.
private struct Transport {
  var `protocol`: IPProtocol
  var segment: [UInt8]
  var pseudoHeader: Checksum

  init?(_ frame: RealFrame) {
    let payload = frame.payload
    if let packet = IPv4View(payload.rawSpan) {
      `protocol` = packet.protocol
      segment = frame.transport4
      pseudoHeader = packet.pseudoHeader
    } else if let packet = IPv6View(payload.rawSpan), let layer = packet.upperLayer {
      `protocol` = layer.protocol
      segment = frame.transport6
      pseudoHeader = packet.pseudoHeader(of: layer)
    } else {
      return nil
    }
  }

  var checksumOffset: Int {
    switch `protocol` {
    case .tcp: TCP.checksumOffset
    case .udp: UDP.checksumOffset
    default: ICMPv6.checksumOffset
    }
  }

  var isChecksumValid: Bool {
    switch `protocol` {
    case .tcp:
      TCPView(segment.rawSpan)?.isChecksumValid(pseudoHeader: pseudoHeader) ?? false
    case .udp:
      UDPView(segment.rawSpan)?.isChecksumValid(pseudoHeader: pseudoHeader) ?? false
    default:
      ICMPv6View(segment.rawSpan)?.isChecksumValid(pseudoHeader: pseudoHeader) ?? false
    }
  }

  mutating func updateChecksum() {
    let (layer, sum) = (`protocol`, pseudoHeader)
    segment.withMutableRawSpan { bytes in
      switch layer {
      case .tcp: TCP.updateChecksum(in: &bytes, pseudoHeader: sum)
      case .udp: UDP.updateChecksum(in: &bytes, pseudoHeader: sum)
      default: ICMPv6.updateChecksum(in: &bytes, pseudoHeader: sum)
      }
    }
  }
}
