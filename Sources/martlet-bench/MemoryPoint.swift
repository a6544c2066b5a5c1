// One process with so many ports, addresses or flows: what it holds in memory, and what the data plane's
// own sum says. Two such processes of different size give the cost of one more.

internal import Attachments
internal import Base
internal import BenchReport
internal import Dataplane
internal import FrameMemory
internal import HostAgent
internal import Linux
internal import Tables
internal import Wire

/// What is counted.
enum MemoryKind: String, CaseIterable {
  /// A VM port of a switch: plan, state, counters, shapers' places.
  case port
  /// A learned MAC address.
  case mac
  /// A flow whose filter verdict is known.
  case flow
  /// A VM port of a running switch with its TAP.
  case tap

  /// The two sizes whose difference is looked at. Those of tables are powers of two, as tables are.
  var counts: (small: Int, large: Int) {
    switch self {
    case .port: (64, 1_024)
    case .mac: (65_536, 1_048_576)
    case .flow: (32_768, 1_048_576)
    case .tap: (8, 1_000)
    }
  }
}

/// A process of one size.
struct MemoryPoint: Codable {
  var residentBytes: Int
  /// `SwitchLimits.memoryBytes` and the plan's ports; 0 where nothing is written down.
  var writtenBytes: Int

  /// Makes everything in this process and looks at it. `namespace` is for TAPs.
  init(_ kind: MemoryKind, count: Int, in namespace: NetworkNamespace?) throws {
    switch kind {
    case .tap:
      OpenFileLimit.raise()
      let network = try BareSwitch(
        try (0..<count).map { index in
          TapAttachment(try TapDevice.open(name: "tap\(index)", namespace: namespace))
        })
      residentBytes = try Self.resident()
      writtenBytes = 0
      network.stop()
    case .port, .mac, .flow:
      var content = MemoryContent(kind, count: count)
      try content.fill()
      residentBytes = try Self.resident()
      writtenBytes =
        content.limits.memoryBytes + content.limits.ports * MemoryLayout<PortPlan>.stride
    }
  }

  private static func resident() throws -> Int {
    do throws(Errno) { return try ResourceUse.current().residentBytes } catch {
      throw error.failure("cannot read the memory of this process")
    }
  }

  var json: JSONValue {
    ["residentBytes": .int(residentBytes), "writtenBytes": .int(writtenBytes)]
  }
}

/// A switch that is filled by frames, as guests do it.
private struct MemoryContent: ~Copyable {
  private static let learningPorts = 64

  let kind: MemoryKind
  let count: Int
  let limits: SwitchLimits
  private var network: Switch

  init(_ kind: MemoryKind, count: Int) {
    self.kind = kind
    self.count = count
    var limits = SwitchLimits()
    limits.ports = kind == .port ? count : Self.learningPorts
    limits.macEntries = kind == .mac ? count : 1_024
    limits.flows = kind == .flow ? count : 1_024
    self.limits = limits
    network = Switch(limits: limits, seed: 1)
    let plans = (0..<limits.ports).map { index in
      var port = PortPlan()
      port.kind = .vm
      port.id = UInt32(index)
      port.mac = MACAddress(rawValue: 0x0250_5700_0000 + UInt64(index))
      port.learnsMACs = kind == .mac
      port.allowsForgedTransmits = kind == .mac
      port.macLimit = .max
      port.ingressRules = kind == .flow ? 1 : 0
      return port
    }
    // It matches nothing: the verdict is kept all the same.
    var rule = FilterRule(.drop)
    rule.protocol = .tcp
    rule.destinationPorts = [23...23]
    _ = network.apply(
      SwitchPlan(
        revision: 1, mtu: 1_500, ports: plans,
        teams: [TeamPlan(policy: .originatingPortID, active: [])],
        ruleSets: kind == .flow ? [[rule]] : []), now: .zero)
    for port in 0..<limits.ports { network.setAttached(PortIndex(port), true, now: .zero) }
  }

  /// Sends a frame for each port, address or flow.
  mutating func fill() throws(Failure) {
    var batch = FrameBatch(capacity: 64, frameCapacityBytes: 128)
    var deliveries = DeliveryList(capacity: 4_096, portCapacity: limits.ports)
    let now = MonotonicTime(seconds: 1)
    for first in stride(from: 0, to: count, by: 64) {
      batch.removeAll()
      for number in first..<min(first + 64, count) { append(number, to: &batch) }
      var next = 0
      while next < batch.count {
        next = network.process(batch, from: next, into: &deliveries, now: now)
        deliveries.removeAll()
      }
    }
    guard kind != .mac || network.macCount >= count else {
      throw Failure(
        "cannot fill the MAC table", why: "it has \(network.macCount) of \(count)",
        remedy: "report this: the table refused an address below its limit")
    }
  }

  private func append(_ number: Int, to batch: inout FrameBatch) {
    let ingress = number % limits.ports
    let index = batch.appendZeroed(byteCount: 60, ingress: PortIndex(ingress))
    var bytes = batch.mutableBytes(of: index)
    let own = 0x0250_5700_0000 + UInt64(ingress)
    let learned = 0x0250_5900_0000 + UInt64(number)
    bytes.setMACAddress(MACAddress(rawValue: 0x0250_5700_0000), at: 0)
    bytes.setMACAddress(MACAddress(rawValue: kind == .mac ? learned : own), at: 6)
    bytes.setBig16(0x0800, at: 12)
    bytes.setByte(0x45, at: 14)
    bytes.setBig16(46, at: 16)
    bytes.setByte(17, at: 23)
    bytes.setBig32(0x0A00_0000 + UInt32(number), at: 26)
    bytes.setBig32(0x0B00_0001, at: 30)
  }
}
