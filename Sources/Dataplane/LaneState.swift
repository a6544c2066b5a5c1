// What a lane keeps to work with the others: notes that wait to be taken, and what orders them.
//
// Order. Two lanes can learn the same address at the same time at two ports. Every note has a stamp that is
// later than all that its lane knew (a Lamport clock on nanoseconds), and of two places the later one counts,
// for the same stamp that of the higher lane; so all lanes end with the same. The stamps of the addresses
// that were told of last are kept here. Where one was pushed out by others, the later second counts; should
// two lanes then disagree, the address's next age mends it.
//
// Control calls (a plan, an attachment, a nic, a flush) are made on every lane, but not at one moment. They
// are counted: a note of a lane that is ahead waits, and one of a lane that is behind is dropped where the
// call has cleared what it is about.
//
// Bounds: `noteCapacity` notes and `messageCapacity` messages wait. What finds no room is counted, and the
// lane is out of step: it tells all that it knows anew (Lane+Retell).

internal import Base
internal import FrameMemory
internal import Tables

/// When control calls last cleared what is known about a port.
struct LanePort: Sendable, BitwiseCopyable {
  var places: UInt32 = 0
  var guest: UInt32 = 0
  var attachment: UInt32 = 0
  /// The port itself, or its VLAN.
  var policy: UInt32 = 0
}

/// The order of the last note about an address.
struct LaneOrder: Sendable, BitwiseCopyable {
  var key: UInt64 = 0
  var stamp: UInt64 = 0
  var lane: UInt8 = 0

  func isBefore(_ note: LaneNote) -> Bool { (stamp, lane) < (note.stamp, note.lane) }
}

/// How far the retelling of all that is known has come.
enum LaneRetelling: Sendable, BitwiseCopyable {
  case port(Int)
  case places(Int)
}

/// One lane's side of the others.
///
/// - Thread: the lane's worker.
struct LaneState: ~Copyable, Sendable {
  static let noteCapacity = 4_096
  static let messageCapacity = 64
  static let orderCapacity = 4_096
  static let handoverCapacity = 4_096

  let number: UInt8
  let count: Int
  /// Control calls so far.
  var epoch: UInt32 = 0
  var ports: FixedArray<LanePort>
  /// Notes that wait, oldest first from `firstNote` on.
  var notes: FixedArray<LaneNote>
  var firstNote = 0
  var noteCount = 0
  var messages: FixedArray<LaneMessage>
  var messageCount = 0
  var orders: FixedArray<LaneOrder>
  var stamp: UInt64 = 0
  /// Ports whose group messages were lost.
  var unheard = PortSet()
  /// Frames of the batch at hand for ports that are shaped in another lane.
  var handovers: FixedArray<LaneHandover>
  var handoverCount = 0
  var lostCount: UInt64 = 0
  var isOutOfStep = false
  var retelling: LaneRetelling?
  var retold = MonotonicTime.zero
  /// Bytes of each port as the other lanes have reported them, and by this one: the first lane's.
  var foreignLoads: FixedArray<LaneLoad>

  /// Lane `number` of `count`. A lane that is alone takes no memory.
  init(number: Int, count: Int, ports: Int) {
    precondition(count >= 1 && count <= SwitchLimits.lanesMax, "a switch has 1 to 16 lanes")
    precondition(number >= 0 && number < count, "no such lane")
    self.number = UInt8(number)
    self.count = count
    let isAlone = count == 1
    self.ports = FixedArray(repeating: LanePort(), count: isAlone ? 0 : ports)
    notes = FixedArray(repeating: .none, count: isAlone ? 0 : Self.noteCapacity)
    messages = FixedArray(repeating: .none, count: isAlone ? 0 : Self.messageCapacity)
    orders = FixedArray(repeating: LaneOrder(), count: isAlone ? 0 : Self.orderCapacity)
    handovers = FixedArray(repeating: .none, count: isAlone ? 0 : Self.handoverCapacity)
    foreignLoads = FixedArray(repeating: LaneLoad(), count: isAlone ? 0 : ports)
  }

  /// What a lane takes that is not alone.
  static func memoryBytes(ports: Int) -> Int {
    ports * (MemoryLayout<LanePort>.stride + MemoryLayout<LaneLoad>.stride)
      + noteCapacity * MemoryLayout<LaneNote>.stride
      + messageCapacity * MemoryLayout<LaneMessage>.stride
      + orderCapacity * MemoryLayout<LaneOrder>.stride
      + handoverCapacity * MemoryLayout<LaneHandover>.stride
  }

  /// There are others to tell.
  @inline(__always)
  var hasOthers: Bool { count > 1 }

  /// This lane does what only one may do: beacons, queries, announcements, load balancing.
  @inline(__always)
  var isFirst: Bool { number == 0 }

  /// The lane that decides about a port, whichever takes its frames.
  @inline(__always)
  func isHome(of port: UInt16) -> Bool {
    count == 1 || LaneHome.lane(of: PortIndex(rawValue: port), lanes: count) == Int(number)
  }

  /// A stamp later than all that this lane knows.
  mutating func nextStamp(_ now: MonotonicTime) -> UInt64 {
    stamp = max(stamp &+ 1, now.nanoseconds)
    return stamp
  }

  /// Notes something for the others. Without room it is lost, and all is told anew later.
  mutating func append(_ fact: LaneNote.Fact, at port: PortIndex, _ now: MonotonicTime) {
    let note = LaneNote(fact, at: port, lane: number, epoch: epoch, stamp: nextStamp(now))
    if case .place(let key, _) = fact { remember(key, note) }
    append(note)
  }

  mutating func append(_ note: LaneNote) {
    guard noteCount < notes.count else {
      lostCount &+= 1
      isOutOfStep = true
      return
    }
    notes[(firstNote + noteCount) & (Self.noteCapacity - 1)] = note
    noteCount += 1
  }

  /// The `index`-th note that waits.
  func note(_ index: Int) -> LaneNote {
    notes[(firstNote + index) & (Self.noteCapacity - 1)]
  }

  /// The oldest notes and messages were taken.
  mutating func remove(notes count: Int, messages taken: Int) {
    firstNote = (firstNote + count) & (Self.noteCapacity - 1)
    noteCount -= count
    for index in taken..<messageCount { messages[index - taken] = messages[index] }
    messageCount -= taken
  }

  mutating func append(_ message: LaneMessage) {
    guard messageCount < messages.count else { return lose(messageOf: message.port) }
    messages[messageCount] = message
    messageCount += 1
  }

  /// A group message finds no room: the others are told that they do not know what the port wants.
  mutating func lose(messageOf port: PortIndex) {
    lostCount &+= 1
    unheard.insert(port.index)
  }

  mutating func remember(_ key: MACKey, _ note: LaneNote) {
    orders[Self.slot(of: key)] = LaneOrder(
      key: key.rawValue, stamp: note.stamp, lane: note.lane)
  }

  /// The order of the last note about an address; nil when it is too long ago.
  func order(of key: MACKey) -> LaneOrder? {
    let order = orders[Self.slot(of: key)]
    return order.key == key.rawValue ? order : nil
  }

  /// Addresses that share a slot only forget each other's order: nothing that is worth a secret.
  private static func slot(of key: MACKey) -> Int {
    Int(truncatingIfNeeded: (key.rawValue &* 0x9E37_79B9_7F4A_7C15) >> 40) & (orderCapacity - 1)
  }

  // MARK: - Control calls

  mutating func countControlCall() { epoch &+= 1 }

  /// What was learned at a port, or at all, was forgotten.
  mutating func clearedPlaces(of port: PortIndex?) {
    guard hasOthers else { return }
    for index in ports.indices where port == nil || index == port?.index {
      ports[index].places = epoch
    }
  }

  mutating func clearedGuest(of port: PortIndex) {
    if hasOthers { ports[port.index].guest = epoch }
  }

  mutating func clearedAttachment(of port: PortIndex) {
    if hasOthers { ports[port.index].attachment = epoch }
  }

  mutating func clearedPolicy(of port: PortIndex) {
    if hasOthers { ports[port.index].policy = epoch }
  }
}

/// Bytes that the other lanes have counted at a port.
struct LaneLoad: Sendable, BitwiseCopyable {
  var out: UInt64 = 0
  var `in`: UInt64 = 0
}
