// Frames as Linux sent them over a veth pair, checksums made in software, captured with tcpdump.
//
// 00:50:56:00:00:01 is 10.0.10.1 and fd00:10::1; 00:50:56:00:00:02 is .2 and ::2.

internal import Testing
internal import Wire

/// A captured frame.
struct RealFrame: Sendable, CustomTestStringConvertible {
  var name: String
  var bytes: [UInt8]

  init(_ name: String, _ digits: String) {
    self.name = name
    bytes = hex(digits)
  }

  var testDescription: String { name }
  /// Behind the Ethernet header.
  var payload: [UInt8] { Array(bytes[14...]) }
  /// Behind an IPv4 header without options.
  var transport4: [UInt8] { Array(bytes[34...]) }
  /// Behind an IPv6 header without extension headers.
  var transport6: [UInt8] { Array(bytes[54...]) }
}

let firstMAC = MACAddress(rawValue: 0x0050_5600_0001)
let secondMAC = MACAddress(rawValue: 0x0050_5600_0002)

extension RealFrame {
  /// Who has 10.0.10.2.
  static let arpRequest = RealFrame(
    "arp-request",
    """
    ffffffff ffff0050 56000001 08060001 08000604 00010050 56000001 0a000a01
    00000000 00000a00 0a02
    """)

  /// Where 10.0.10.2 is.
  static let arpReply = RealFrame(
    "arp-reply",
    """
    00505600 00010050 56000002 08060001 08000604 00020050 56000002 0a000a02
    00505600 00010a00 0a01
    """)

  /// What `arp_notify` sends when a device comes up.
  static let gratuitousARP = RealFrame(
    "gratuitous-arp",
    """
    ffffffff ffff0050 56000001 08060001 08000604 00010050 56000001 0a000a01
    00000000 00000a00 0a01
    """)

  /// DSCP 46.
  static let ping4 = RealFrame(
    "ping4",
    """
    00505600 00020050 56000001 080045b8 00545554 40004001 bc9a0a00 0a010a00
    0a020800 a7725042 000131de ff6a0000 00000a2e 06000000 00001011 12131415
    16171819 1a1b1c1d 1e1f2021 22232425 26272829 2a2b2c2d 2e2f3031 32333435
    3637
    """)

  /// 40 bytes of options.
  static let recordRoute4 = RealFrame(
    "ping4-record-route",
    """
    00505600 00020050 56000001 08004f00 007c5557 40004001 77170a00 0a010a00
    0a020107 27080a00 0a010000 00000000 00000000 00000000 00000000 00000000
    00000000 00000000 00000800 cc195048 000131de ff6a0000 0000e580 06000000
    00001011 12131415 16171819 1a1b1c1d 1e1f2021 22232425 26272829 2a2b2c2d
    2e2f3031 32333435 3637
    """)

  /// The last four bytes of a larger ping.
  static let fragment4 = RealFrame(
    "fragment4",
    """
    00505600 00020050 56000001 08004500 00181a26 00b94001 38040a00 0a010a00
    0a02c0c1 c2c3
    """)

  /// SYN to port 5432 with options.
  static let tcp4 = RealFrame(
    "tcp4-syn",
    """
    00505600 00020050 56000001 08004500 003ce482 40004006 2e370a00 0a010a00
    0a02df14 153848b5 1b0a0000 0000a002 faf02b96 00000204 05b40402 080a9063
    11040000 00000103 030a
    """)

  /// Three bytes to port 53.
  static let udp4 = RealFrame(
    "udp4",
    """
    00505600 00020050 56000001 08004500 001f8ac5 40004011 88060a00 0a010a00
    0a02a8bf 0035000b 5b7c6f64 64
    """)

  static let ping6 = RealFrame(
    "ping6",
    """
    00505600 00020050 56000001 86dd6008 92f10040 3a40fd00 00100000 00000000
    00000000 0001fd00 00100000 00000000 00000000 00028000 60c25043 000131de
    ff6a0000 0000de3d 06000000 00001011 12131415 16171819 1a1b1c1d 1e1f2021
    22232425 26272829 2a2b2c2d 2e2f3031 32333435 3637
    """)

  /// The last 13 bytes of a larger ping.
  static let fragment6 = RealFrame(
    "fragment6",
    """
    00505600 00020050 56000001 86dd6008 92f10015 2c40fd00 00100000 00000000
    00000000 0001fd00 00100000 00000000 00000000 00023a00 05a8be04 904ba0a1
    a2a3a4a5 a6a7a8a9 aaabac
    """)

  /// 13 bytes to port 5432.
  static let tcp6 = RealFrame(
    "tcp6",
    """
    00505600 00020050 56000001 86dd6002 cb8c002d 0640fd00 00100000 00000000
    00000000 0001fd00 00100000 00000000 00000000 0002d996 153819e7 f8025fbb
    72298018 00408920 00000101 080ad022 5175c55f 35606865 6c6c6f20 6d617274
    6c6574
    """)

  /// Three bytes to port 53.
  static let udp6 = RealFrame(
    "udp6",
    """
    00505600 00020050 56000001 86dd600c bf63000b 1140fd00 00100000 00000000
    00000000 0001fd00 00100000 00000000 00000000 000297b6 0035000b 9a636f64
    64
    """)

  /// An MLD report, behind hop-by-hop options.
  static let multicastReport = RealFrame(
    "mld-report",
    """
    33330000 00160050 56000001 86dd6000 00000024 00010000 00000000 00000000
    00000000 0000ff02 00000000 00000000 00000000 00163a00 05020000 01008f00
    6f890000 00010400 0000ff02 00000000 00000000 0001ff00 0001
    """)

  /// Is fe80::250:56ff:fe00:1 free? With a nonce option, which few know.
  static let duplicateProbe = RealFrame(
    "dad-ns",
    """
    3333ff00 00010050 56000001 86dd6000 00000020 3aff0000 00000000 00000000
    00000000 0000ff02 00000000 00000000 0001ff00 00018700 b9f10000 0000fe80
    00000000 00000250 56fffe00 00010e01 c028c2d3 d9dd
    """)

  /// Who has fd00:10::2.
  static let solicitation = RealFrame(
    "ns",
    """
    3333ff00 00020050 56000001 86dd6000 00000020 3afffd00 00100000 00000000
    00000000 0001ff02 00000000 00000000 0001ff00 00028700 29270000 0000fd00
    00100000 00000000 00000000 00020101 00505600 0001
    """)

  /// The answer.
  static let advertisement = RealFrame(
    "na",
    """
    00505600 00010050 56000002 86dd6000 00000020 3afffd00 00100000 00000000
    00000000 0002fd00 00100000 00000000 00000000 00018800 c8196000 0000fd00
    00100000 00000000 00000000 00020201 00505600 0002
    """)

  /// What `ndisc_notify` sends when a device comes up.
  static let unsolicitedAdvertisement = RealFrame(
    "unsolicited-na",
    """
    33330000 00010050 56000002 86dd6000 00000020 3afffd00 00100000 00000000
    00000000 0002ff02 00000000 00000000 00000000 00018800 06282000 0000fd00
    00100000 00000000 00000000 00020201 00505600 0002
    """)

  static let all = [
    arpRequest, arpReply, gratuitousARP, ping4, recordRoute4, fragment4, tcp4, udp4, ping6,
    fragment6, tcp6, udp6, multicastReport, duplicateProbe, solicitation, advertisement,
    unsolicitedAdvertisement,
  ]
}
