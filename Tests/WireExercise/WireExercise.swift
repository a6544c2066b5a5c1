// What the fuzzers, and the mutation test of the ordinary suite, do with an input: everything that
// the parsers of Wire offer. One case, one file, one protocol.
//
// An exercise reads every accessor of every view that the bytes allow, writes each value again and
// compares. It ends by trapping when a promise is broken and by returning when it is kept; what the
// bytes are makes no difference.

internal import Base
internal import Wire

/// The inputs that Wire takes from outside. The raw value is the name on the command line.
public enum WireExercise: String, CaseIterable, Sendable {
  case ethernet
  case vlan
  case arp
  case rarp
  case ipv4
  case ipv6
  case icmpv6
  case neighbor
  case udp
  case tcp
  case announcement
  case igmp
  case mld
  case group
  case beacon
  case checksum
  case text

  /// Runs the exercise; traps on a finding.
  public func run(_ bytes: RawSpan) {
    switch self {
    case .ethernet: exerciseEthernet(bytes)
    case .vlan: exerciseVLAN(bytes)
    case .arp: exerciseARP(bytes)
    case .rarp: exerciseRARP(bytes)
    case .ipv4: exerciseIPv4(bytes)
    case .ipv6: exerciseIPv6(bytes)
    case .icmpv6: exerciseICMPv6(bytes)
    case .neighbor: exerciseNeighborDiscovery(bytes)
    case .udp: exerciseUDP(bytes)
    case .tcp: exerciseTCP(bytes)
    case .announcement: exerciseAnnouncement(bytes)
    case .igmp: exerciseIGMP(bytes)
    case .mld: exerciseMLD(bytes)
    case .group: exerciseGroupMessage(bytes)
    case .beacon: exerciseBeacon(bytes)
    case .checksum: exerciseChecksum(bytes)
    case .text: exerciseText(bytes)
    }
  }
}

/// Writes `value` into bytes that hold a pattern, reads it again and compares.
///
/// - Parameter payloadBytes: what the value says follows it; room is made for that much.
func checkRoundTrip<Value: WireValue>(_ value: Value, payloadBytes: Int = 0) -> [UInt8] {
  let pattern: UInt8 = 0xA5
  var bytes = [UInt8](repeating: pattern, count: value.byteCount + payloadBytes)
  let count = bytes.withMutableRawSpan { value.emit(into: &$0) }
  precondition(count == value.byteCount, "emit wrote another count than it promised")
  precondition(
    bytes[count...].allSatisfy { $0 == pattern }, "emit wrote behind what it promised")
  precondition(Value(bytes.rawSpan) == value, "a value changed on its way through bytes")
  precondition(!value.description.isEmpty, "a value has no description")
  return Array(bytes[..<count])
}

/// The same, where the bytes that were read must come out again.
func checkBytes<Value: WireValue>(_ value: Value, of bytes: RawSpan, payloadBytes: Int = 0) {
  let written = checkRoundTrip(value, payloadBytes: payloadBytes)
  for (offset, byte) in written.enumerated() {
    precondition(bytes.byte(offset) == byte, "a byte changed on its way through a value")
  }
}

/// Keeps the compiler from leaving out a read whose result nobody wants.
@inline(never)
func read<Value: Hashable>(_ value: Value) {
  precondition(value == value, "a value differs from itself")
}

/// Reads every byte of a part of a view.
@inline(never)
func readAll(_ bytes: RawSpan) {
  var sum: UInt8 = 0
  for offset in 0..<bytes.byteCount { sum ^= bytes.byte(offset) }
  read(sum)
}

/// The bytes of a span, to be changed.
func copy(of bytes: RawSpan) -> [UInt8] { (0..<bytes.byteCount).map { bytes.byte($0) } }
