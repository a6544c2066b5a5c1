// One line for one frame, for a person who watches: when, where, from whom to whom, what, how long, and
// why it went no further. For more there is tshark; this reads no deeper than ports.

internal import Attachments
internal import Base
internal import Wire

enum FrameLine {
  /// `08:30:00.123456 host1/web1-eth0:drop 02:… > 02:…, vlan 10, IPv4 10.0.10.1:80 > …, 60 bytes [drop: …]`
  static func text(_ frame: PcapNGParser.Frame, at interface: String) -> String {
    var words = "\(time(frame.timeNanoseconds)) \(clean(interface)) "
    words += what(frame.bytes.rawSpan)
    words += ", \(frame.originalBytes) bytes"
    if let comment = frame.comment { words += " [\(clean(comment))]" }
    return words
  }

  /// The time of day in UTC, to the microsecond.
  static func time(_ nanoseconds: UInt64) -> String {
    let seconds = nanoseconds / 1_000_000_000 % 86_400
    let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { digits($0, 2) }
    return "\(parts.joined(separator: ":")).\(digits(nanoseconds / 1000 % 1_000_000, 6))"
  }

  private static func digits(_ value: UInt64, _ count: Int) -> String {
    let text = "\(value)"
    return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
  }

  /// Names come from elsewhere; a control character would write over the terminal.
  private static func clean(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || 0x7F..<0xA0 ~= $0.value ? " " : $0 }))
  }

  private static func what(_ frame: RawSpan) -> String {
    guard let ethernet = EthernetView(frame), let tags = VLANStack(frame) else { return "a runt" }
    var words = "\(ethernet.source) > \(ethernet.destination)"
    for tag in [tags.outer, tags.inner] where tag.isPresent { words += ", \(tag)" }
    let payload = frame.extracting(last: frame.byteCount - tags.payloadOffset)
    switch tags.etherType {
    case .arp: words += ", \(ARPPacket(payload)?.description ?? "ARP")"
    case .ipv4: words += ", \(ipv4(payload) ?? "IPv4")"
    case .ipv6: words += ", \(ipv6(payload) ?? "IPv6")"
    case let type where type.isLength: words += ", 802.3"
    default: words += ", \(tags.etherType)"
    }
    return words
  }

  /// The packet may have been cut, so only what is there is looked at.
  private static func ipv4(_ packet: RawSpan) -> String? {
    guard packet.byteCount >= IPv4.headerBytes else { return nil }
    let headerBytes = Int(packet.byte(0) & 0xF) * 4
    let isLaterFragment = packet.big16(IPv4.fragmentOffset) & 0x1FFF != 0
    return flow(
      packet.ipv4Address(at: IPv4.sourceOffset).description,
      packet.ipv4Address(at: IPv4.destinationOffset).description,
      IPProtocol(rawValue: packet.byte(IPv4.protocolOffset)),
      isLaterFragment ? nil : ports(packet, headerBytes), hasColons: false)
  }

  private static func ipv6(_ packet: RawSpan) -> String? {
    guard packet.byteCount >= IPv6.headerBytes else { return nil }
    return flow(
      packet.ipv6Address(at: IPv6.sourceOffset).description,
      packet.ipv6Address(at: IPv6.destinationOffset).description,
      IPProtocol(rawValue: packet.byte(IPv6.nextHeaderOffset)), ports(packet, IPv6.headerBytes),
      hasColons: true)
  }

  private static func ports(_ packet: RawSpan, _ offset: Int) -> (UInt16, UInt16)? {
    guard packet.byteCount >= offset + 4 else { return nil }
    return (packet.big16(offset), packet.big16(offset + 2))
  }

  private static func flow(
    _ source: String, _ destination: String, _ type: IPProtocol, _ ports: (UInt16, UInt16)?,
    hasColons: Bool
  ) -> String {
    guard let ports, [.tcp, .udp, .sctp].contains(type) else {
      return "\(type) \(source) > \(destination)"
    }
    func end(_ address: String, _ port: UInt16) -> String {
      hasColons ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
    return "\(type) \(end(source, ports.0)) > \(end(destination, ports.1))"
  }
}
