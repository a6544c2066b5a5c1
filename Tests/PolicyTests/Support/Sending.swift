// Putting frames in, and saying where they came out.
//
// That a frame did not come out is known without waiting for nothing: what an agent has counted at the
// port where it came in says that it was dealt with, and after it nothing moves any more.

import Attachments
import Base
import Linux
import Model
import Rig
import Synchronization
import Testing

/// Puts frames on a device as its owner sends them: a guest, or the physical switch on a cable.
final class Injector {
  private let socket: PacketSocket

  init(_ rig: Rig, _ place: Place) throws {
    let device = rig.device(at: place)
    var options = PacketSocket.Options()
    options.isPromiscuous = false
    options.receiveBufferBytes = 4_096
    socket = try PacketSocket(
      device: device.name, namespace: device.namespace, options: options)
  }

  func send(_ bytes: [UInt8]) throws {
    // Before each frame the kernel expects a virtio header; ten zeros ask for nothing.
    do { try socket.descriptor.write(Array(repeating: 0, count: 10) + bytes) } catch {
      throw error.failure("cannot send on \(socket.deviceName)")
    }
  }
}

private let markCounter = Atomic<UInt32>(0)

/// A number that no other frame of this run has.
func newMark() -> UInt32 { markCounter.add(1, ordering: .relaxed).newValue }

/// A frame, where it is put in, and where it must come out, how often; nowhere else.
typealias Expected = (origin: Place, frame: TestFrame, arrives: [Place: Int])

extension Watch {
  /// Sends a frame once, waits until the switches are done with it, and expects it exactly where it is
  /// said, as often as it is said; nowhere else among the places that are watched.
  @discardableResult
  func expect(
    _ frame: TestFrame, from origin: Place, arrives: [Place: Int],
    _ location: Testing.SourceLocation = #_sourceLocation
  ) throws -> [Place: [SeenFrame]] {
    try expectAll([(origin, frame, arrives)], location)[0]
  }

  /// The same with many frames, which are sent one after another without waiting.
  @discardableResult
  func expectAll(
    _ expected: [Expected], _ location: Testing.SourceLocation = #_sourceLocation
  ) throws -> [[Place: [SeenFrame]]] {
    var injectors: [Place: Injector] = [:]
    var marks: [UInt32] = []
    var due = try rig.received()
    for (origin, frame, _) in expected {
      due[rig.host(of: origin), default: 0] += 1
      let injector = try injectors[origin] ?? Injector(rig, origin)
      injectors[origin] = injector
      marks.append(newMark())
      try injector.send(frame.bytes(mark: marks[marks.count - 1]))
    }
    // What must come is waited for; then all that moves has to come to rest.
    _ = try eventually {
      let seen = try sorted(marks)
      return zip(expected, seen).allSatisfy { wanted, seen in
        wanted.arrives.allSatisfy { seen[$0.key]?.count ?? 0 >= $0.value }
      }
    }
    try rig.settle(received: due)
    let seen = try sorted(marks)
    for ((origin, frame, arrives), seen) in zip(expected, seen) {
      let counts = seen.mapValues(\.count)
      let wanted = arrives.filter { $0.value > 0 }
      if counts != wanted { keep() }
      let some = seen.mapValues { $0.prefix(3) }
      #expect(
        counts == wanted, "\(frame) from \(origin): \(some)", sourceLocation: location)
    }
    return seen
  }

  /// The frames of each mark by the places where they came out.
  private func sorted(_ marks: [UInt32]) throws -> [[Place: [SeenFrame]]] {
    let order = Dictionary(uniqueKeysWithValues: zip(marks, marks.indices))
    var result = [[Place: [SeenFrame]]](repeating: [:], count: marks.count)
    for place in places {
      for frame in try frames(place) {
        guard let seen = SeenFrame(frame), let index = order[seen.mark] else { continue }
        result[index][place, default: []].append(seen)
      }
    }
    return result
  }
}

extension Rig {
  /// The host that gets what is put in at a place.
  func host(of place: Place) -> String {
    switch place {
    case .wire(let host, _): host
    case .vm(let name, _): topology.vms.first { $0.name == name }?.host ?? ""
    }
  }

  /// How many frames the switches of each host have taken in.
  func received() throws -> [String: UInt64] {
    var result: [String: UInt64] = [:]
    for host in topology.hosts {
      result[host.name] = try switches(host.name).map(\.conservation.received).reduce(0, +)
    }
    return result
  }

  /// Waits until every host has taken in so many frames, and no agent counts another between two looks.
  func settle(received due: [String: UInt64] = [:]) throws {
    var last: [String: [UInt64]] = [:]
    let isQuiet = try MonotonicClock.wait(
      atMostNanoseconds: 5_000_000_000, everyNanoseconds: 25_000_000
    ) {
      var now: [String: [UInt64]] = [:]
      for host in topology.hosts { now[host.name] = try handled(host.name) }
      defer { last = now }
      return now == last && due.allSatisfy { now[$0.key]?.first ?? 0 >= $0.value }
    }
    #expect(isQuiet, "the network does not come to rest")
  }

  /// How many frames the switches of a host have received, delivered and dropped.
  private func handled(_ host: String) throws -> [UInt64] {
    let sums = try switches(host).map(\.conservation)
    return [
      sums.map(\.received).reduce(0, +), sums.map(\.delivered).reduce(0, +),
      sums.map(\.dropped).reduce(0, +),
    ]
  }
}
