// What waits for the client of a capture: pcapng, with a bound.
//
// Each port and point is an interface of its own, named `HOST/VM-NIC:POINT` and described when its first
// frame comes. What does not fit is counted, and told in an interface statistics block.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Wire

/// The ports of one switch, as a capture sees them.
struct CapturePlace: Sendable {
  var switchName: String
  /// By port index; empty where nothing is wanted.
  var wanted: [CapturePoints] = []
  /// `HOST/VM-NIC`, by port index.
  var names: [String] = []
}

/// A pcapng section in the making.
///
/// - Thread: one at a time; the session holds a lock.
struct CaptureBuffer: ~Copyable, Sendable {
  private struct Interface {
    var seenFrames: UInt64 = 0
    var lostFrames: UInt64 = 0
    var toldLostFrames: UInt64 = 0
  }

  private struct Numbers {
    var switchName: String
    var names: [String] = []
    /// Of interfaces, by port index and point; -1 for none yet.
    var numbers: [Int] = []
  }

  private static let pointCount = CapturePoint.allCases.count
  private static let pointNames = CapturePoint.allCases.map(\.name)
  private static let comments = DropReason.allCases.map { "drop: \($0.name)" }

  private let filter: PcapFilter
  private let frameLimit: Int
  private var writer: PcapNGWriter
  private var places: [Numbers] = []
  private var interfaces: [Interface] = []
  private(set) var frameCount = 0

  init(filter: consuming PcapFilter, limitBytes: Int, snapBytes: Int, frameLimit: Int?) {
    self.filter = filter
    self.frameLimit = frameLimit ?? .max
    writer = PcapNGWriter(limitBytes: limitBytes, snapBytes: snapBytes)
  }

  var isEmpty: Bool { writer.bytes.isEmpty }
  /// As many frames as were asked for are in.
  var isComplete: Bool { frameCount >= frameLimit }

  mutating func takeBytes() -> [UInt8] { writer.takeBytes() }

  // MARK: - Places

  /// Says what ports there are from now on. Returns the number of each place.
  mutating func setPlaces(_ fresh: [CapturePlace], host: String) -> [Int] {
    let numbers = fresh.map { setPlace($0) }
    if interfaces.isEmpty { describeFirst(fresh, numbers, host) }
    return numbers
  }

  private mutating func setPlace(_ place: CapturePlace) -> Int {
    let known = places.firstIndex { $0.switchName == place.switchName }
    let number = known ?? places.count
    if known == nil { places.append(Numbers(switchName: place.switchName)) }
    for index in place.names.indices {
      if index >= places[number].names.count {
        places[number].names.append("")
        places[number].numbers += Array(repeating: -1, count: Self.pointCount)
      }
      guard places[number].names[index] != place.names[index] else { continue }
      // Another port has the index: its frames are of other interfaces.
      places[number].names[index] = place.names[index]
      for point in 0..<Self.pointCount {
        places[number].numbers[index * Self.pointCount + point] = -1
      }
    }
    return number
  }

  /// One interface at least, to tell statistics of.
  private mutating func describeFirst(
    _ fresh: [CapturePlace], _ numbers: [Int], _ host: String
  ) {
    for (place, number) in zip(fresh, numbers) {
      for index in place.wanted.indices {
        guard let point = CapturePoint.allCases.first(where: { place.wanted[index].contains($0) })
        else { continue }
        _ = interface(number, PortIndex(index), point)
        return
      }
    }
    if writer.addInterface(host) != nil { interfaces.append(Interface()) }
  }

  private mutating func interface(_ place: Int, _ port: PortIndex, _ point: CapturePoint) -> Int? {
    let slot = port.index * Self.pointCount + Int(point.rawValue)
    guard slot < places[place].numbers.count else { return nil }
    if places[place].numbers[slot] >= 0 { return places[place].numbers[slot] }
    let name = "\(places[place].names[port.index]):\(Self.pointNames[Int(point.rawValue)])"
    guard let number = writer.addInterface(name) else { return nil }
    places[place].numbers[slot] = number
    interfaces.append(Interface())
    return number
  }

  // MARK: - Frames

  /// Takes a frame, if the filter wants it: `bytes` as they are at that point, without the tag.
  mutating func add(
    _ bytes: RawSpan, _ entry: CaptureEntry, in place: Int, timeNanoseconds: UInt64
  ) {
    guard !isComplete, filter.accepts(bytes, tag: entry.tag) else { return }
    guard let number = interface(place, entry.port, entry.point) else {
      return countLost(1)
    }
    let isIn = entry.direction == .ingress
    let isTaken = writer.append(
      bytes, tag: entry.tag, timeNanoseconds: timeNanoseconds, interface: number,
      direction: isIn ? .inbound : .outbound,
      comment: entry.reason.map { Self.comments[Int($0.rawValue)] })
    interfaces[number].seenFrames += 1
    if isTaken { frameCount += 1 } else { interfaces[number].lostFrames += 1 }
  }

  /// Counts frames that could not even be put down to an interface.
  mutating func countLost(_ frames: UInt64) {
    guard !interfaces.isEmpty else { return }
    interfaces[0].seenFrames += frames
    interfaces[0].lostFrames += frames
  }

  /// Tells what was lost since it was last told; with `always`, tells something in any case.
  mutating func tellStatistics(timeNanoseconds: UInt64, always: Bool) {
    for number in interfaces.indices {
      let interface = interfaces[number]
      guard interface.lostFrames != interface.toldLostFrames || (always && number == 0),
        writer.appendStatistics(
          interface: number, seenFrames: interface.seenFrames, lostFrames: interface.lostFrames,
          timeNanoseconds: timeNanoseconds)
      else { continue }
      interfaces[number].toldLostFrames = interface.lostFrames
    }
  }
}
