// `martlet-bench tool`: the parts that a comparison starts as programs of their own, so that each has its
// own processor time, its own namespace and its own end: cables, generator, and the ends of a round trip.

internal import Attachments
internal import Base
internal import CBenchPeers
internal import Glibc
internal import Linux
internal import Wire

enum ToolCommand {
  static let help = """
    usage: martlet-bench tool cable KIND NS:DEV NS:DEV
           martlet-bench tool attachments KIND NS:DEV NS:DEV
           martlet-bench tool generate --device DEV --source MAC --destination MAC [--bytes N]
                                       [--flows N] [--rate N] [--seconds S] [--processor N]
           martlet-bench tool echo|sink PORT [--processor N]
           martlet-bench tool memory-point KIND COUNT
           martlet-bench tool round-trips ADDRESS PORT [--count N] [--seconds S] [--processor N]

    The parts of the comparisons. A `cable` is C and has no switch: KIND is \(cables); those of TAPs
    make them. `attachments` is the same with Martlet's own attachments: KIND is tap, packet or xdp.
    `generate` sends UDP frames (sendmmsg, no queueing) from 10.99.0.1 to 10.99.0.2 port 9; --bytes is
    without FCS, --rate 0 as fast as it goes. `sink` binds a port and refuses. Times are in nanoseconds.
    """

  private static let cables = CableKind.allCases.map(\.rawValue).joined(separator: ", ")

  static func run(_ words: [String]) throws -> Bool {
    var options = Options(Array(words.dropFirst()), of: "tool")
    let processor = try options.number("--processor", default: -1, in: 0...4_095)
    if processor >= 0 { try check(bench_peers_pin(Int32(processor))) }
    switch words.first {
    case "cable": try cable(&options)
    case "attachments": try AttachmentCable.run(try ends(&options))
    case "generate": try generate(&options)
    case "echo": try check(bench_peers_echo(try port(&options)))
    case "sink": try check(bench_peers_sink(try port(&options)))
    case "round-trips": try roundTrips(&options)
    case "memory-point": try memoryPoint(&options)
    case "--help": print(help)
    default: throw WrongUsage(text: "there is no such tool; martlet-bench tool --help lists them")
    }
    return true
  }

  /// Throws what a call of the C part failed with.
  @discardableResult
  private static func check(_ result: Int32) throws(Failure) -> Int32 {
    guard result < 0 else { return result }
    let error = Errno.current
    // SAFETY: a C string that is constant for the life of the program.
    let step = unsafe String(cString: bench_peers_step())
    throw Failure("cannot run this tool", why: "\(step): \(error)", remedy: "run as root")
  }

  private static func port(_ options: inout Options) throws -> UInt16 {
    guard let word = options.word(), let port = UInt16(word) else {
      throw WrongUsage(text: "a UDP port is missing")
    }
    try options.end()
    return port
  }

  /// The kind, and where the two ends are.
  static func ends(_ options: inout Options) throws -> (kind: String, places: [SwitchCommand.Place])
  {
    guard let kind = options.word(), let first = options.word(), let second = options.word() else {
      throw WrongUsage(text: "a cable needs its kind and two NAMESPACE:DEVICE")
    }
    try options.end()
    let isTap = kind.hasPrefix("tap")
    return (
      kind,
      [
        try SwitchCommand.Place(first, isTap: isTap), try SwitchCommand.Place(second, isTap: isTap),
      ]
    )
  }

  private static func cable(_ options: inout Options) throws {
    let (name, places) = try ends(&options)
    guard let kind = CableKind(rawValue: name) else {
      throw WrongUsage(text: "there is no cable `\(name)`; there are \(cables)")
    }
    if kind == .xsk || kind == .xskSpin {
      return try xskCable(places, isSpinning: kind == .xskSpin)
    }
    let open = try places.map { place in
      try place.open().run { () throws(Failure) in
        // SAFETY: a C string for the call.
        let number =
          unsafe place.isTap
          ? bench_peers_tap_open(place.device) : bench_peers_packet_open(place.device)
        return Number(value: try check(number))
      }.value
    }
    sayReady()
    switch kind {
    case .tap: try check(bench_peers_tap_cable(open[0], open[1]))
    case .tapUring: try check(bench_peers_uring_cable(open[0], open[1]))
    default: try check(bench_peers_packet_cable(open[0], open[1]))
    }
  }

  private struct Number: Sendable { var value: Int32 }

  private static func xskCable(_ places: [SwitchCommand.Place], isSpinning: Bool) throws {
    for (end, place) in places.enumerated() {
      _ = try place.open().run { () throws(Failure) in
        // SAFETY: a C string for the call.
        Number(value: try check(unsafe bench_peers_xsk_open(place.device, Int32(end))))
      }
    }
    sayReady()
    try check(bench_peers_xsk_cable(isSpinning ? 1 : 0))
  }

  /// A line for whoever waits for it.
  static func sayReady() {
    print("ready")
    fflush(nil)
  }

  private static func generate(_ options: inout Options) throws {
    var load = bench_peers_load()
    guard let device = try options.text("--device"),
      let source = try options.text("--source").flatMap({ MACAddress($0) }),
      let destination = try options.text("--destination").flatMap({ MACAddress($0) })
    else { throw WrongUsage(text: "generate needs --device, --source and --destination") }
    let (from, to) = (octets(source.rawValue), octets(destination.rawValue))
    load.source_mac = (from[2], from[3], from[4], from[5], from[6], from[7])
    load.destination_mac = (to[2], to[3], to[4], to[5], to[6], to[7])
    load.source_address = (10, 99, 0, 1)
    load.destination_address = (10, 99, 0, 2)
    load.destination_port = 9
    load.frame_bytes = UInt16(try options.number("--bytes", default: 60, in: 60...1_514))
    load.flows = UInt32(try options.number("--flows", default: 1, in: 1...50_000))
    load.frames_per_second = Double(
      try options.number("--rate", default: 0, in: 0...100_000_000))
    load.seconds = try options.seconds("--seconds", default: 2)
    try options.end()
    var sent = bench_peers_sent()
    // SAFETY: a C string and two structs that live for the call.
    try check(unsafe bench_peers_generate(device, &load, &sent))
    let row: JSONValue = [
      "frames": .int(Int(sent.frames)), "refusals": .int(Int(sent.refusals)),
      "seconds": .double(sent.seconds), "processorSeconds": .double(sent.processor_seconds),
    ]
    print(row)
  }

  private static func memoryPoint(_ options: inout Options) throws {
    guard let kind = options.word().flatMap({ MemoryKind(rawValue: $0) }),
      let count = options.word().flatMap({ Int($0) }), count > 0
    else {
      let kinds = MemoryKind.allCases.map(\.rawValue).joined(separator: ", ")
      throw WrongUsage(text: "memory-point needs one of \(kinds), and a number")
    }
    try options.end()
    // Where this process is: whoever starts it has chosen the namespace.
    print(try MemoryPoint(kind, count: count, in: nil).json)
  }

  private static func octets(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
  }

  private static func roundTrips(_ options: inout Options) throws {
    guard let word = options.word(), let address = IPv4Address(word) else {
      throw WrongUsage(text: "round-trips needs an IPv4 address and a port")
    }
    let count = try options.number("--count", default: 20_000, in: 1...10_000_000)
    let seconds = try options.seconds("--seconds", default: 10)
    let port = try port(&options)
    var times = [UInt64](repeating: 0, count: count)
    let bytes = Array(octets(UInt64(address.rawValue))[4...])
    var lost: Int32 = 0
    // SAFETY: four bytes of address, room for `count` times, and one number.
    let measured = try check(
      unsafe bench_peers_round_trips(bytes, port, &times, Int32(count), seconds, &lost))
    print(RoundTripTimes(times.prefix(Int(measured)), lost: Int(lost)).json)
  }
}

/// The cables of the C part.
enum CableKind: String, CaseIterable {
  case tap
  case tapUring
  case packet
  case xsk
  case xskSpin
}

extension SwitchCommand.Place {
  func open() throws(Failure) -> NetworkNamespace { try NetworkNamespace.open(named: namespace) }
}
