// The conversation with QEMU, without the socket: what to say next, and what was heard.
//
//   QEMU: greeting    we: qmp_capabilities    QEMU: {}    we: query-rx-filter    QEMU: the filter ...
//
// One command is under way at a time. Each has a deadline; a QEMU that misses it is given up, because
// a late answer could not be told from an early one by somebody who has to know the present.

public import Base

/// A pure state machine: bytes and the time go in, bytes to send and news come out.
struct QMPSession: Sendable {
  private enum State: Hashable {
    case greeting
    case capabilities
    case ready
  }

  private enum Question: Hashable {
    case capabilities
    case rxFilter(nic: String?)
  }

  /// Nics that wait to be asked about; each at most once, so the bound is the number of nics.
  static let waitingMax = 256

  private let answerNanoseconds: UInt64
  private var splitter = ObjectSplitter()
  private var state = State.greeting
  private var asked: (id: Int, question: Question)?
  private var wanted: [String?] = []
  private var lastID = 0
  /// When the answer that is waited for is too late.
  private(set) var deadline: MonotonicTime
  /// What has to be sent now; whoever sends it takes it away.
  var output: [UInt8] = []

  init(now: MonotonicTime, answerNanoseconds: UInt64) {
    self.answerNanoseconds = answerNanoseconds
    deadline = now.advanced(byNanoseconds: answerNanoseconds)
  }

  /// Wants to know the filter of a nic as it is from now on.
  mutating func query(nic: String?, now: MonotonicTime) throws(Failure) {
    guard !wanted.contains(nic) else { return }
    guard wanted.count < Self.waitingMax else {
      throw Failure(
        "cannot ask QEMU about one more nic", why: "\(Self.waitingMax) questions wait",
        remedy: "wait for its answers first")
    }
    wanted.append(nic)
    askNext(now)
  }

  mutating func receive(_ bytes: some Collection<UInt8>, now: MonotonicTime) throws(Failure)
    -> [QMPNews]
  {
    splitter.feed(bytes)
    var news: [QMPNews] = []
    while let object = try splitter.next() {
      // A change that is told twice in one go is one change.
      if let heard = try hear(try QMPMessage(object), now), heard != news.last {
        news.append(heard)
      }
    }
    return news
  }

  /// Gives up when the deadline has passed.
  func check(now: MonotonicTime) throws(Failure) {
    guard now >= deadline else { return }
    throw Failure(
      "QEMU does not answer", why: "nothing came within \(answerNanoseconds / 1_000_000) ms",
      remedy: state == .greeting
        ? "check that nobody else is connected to the socket; QEMU serves one at a time"
        : "see whether QEMU hangs")
  }

  private mutating func hear(_ message: QMPMessage, _ now: MonotonicTime) throws(Failure)
    -> QMPNews?
  {
    switch message {
    case .greeting:
      guard state == .greeting else { return nil }
      state = .capabilities
      ask(.capabilities, now)
      return nil
    case .otherEvent: return nil
    case .rxFilterChanged(let nic): return .rxFilterChanged(nic: nic)
    case .answer(let id, let filters):
      guard let asked, asked.id == id else { return nil }
      self.asked = nil
      defer { askNext(now) }
      guard case .rxFilter(let nic) = asked.question else {
        state = .ready
        return .ready
      }
      return Self.news(nic, filters)
    case .refusal(let id, let words):
      guard let asked, asked.id == id else { return nil }
      guard case .rxFilter(let nic) = asked.question else {
        throw Failure(
          "QEMU refuses to talk", why: words, remedy: "check that it is QEMU 2.0 or later")
      }
      self.asked = nil
      defer { askNext(now) }
      let failure = Failure(
        "cannot ask QEMU about nic \(nic ?? "")", why: words,
        remedy: "give as qmpNic the id of its -device option")
      return .refused(nic: nic, failure)
    }
  }

  /// The one filter of an answer.
  private static func news(_ nic: String?, _ filters: [RxFilter]?) -> QMPNews {
    let filters = filters ?? []
    guard filters.count == 1 else {
      let names = filters.prefix(8).map(\.name).joined(separator: ", ")
      return .refused(
        nic: nic,
        Failure(
          "cannot choose a nic of the guest",
          why: filters.isEmpty ? "it has none with a filter" : "it has several: \(names)",
          remedy: "give as qmpNic the id of one"))
    }
    return .rxFilter(nic: nic, filters[0])
  }

  private mutating func askNext(_ now: MonotonicTime) {
    guard asked == nil, state == .ready else { return }
    deadline = .never
    guard !wanted.isEmpty else { return }
    ask(.rxFilter(nic: wanted.removeFirst()), now)
  }

  private mutating func ask(_ question: Question, _ now: MonotonicTime) {
    lastID += 1
    asked = (lastID, question)
    deadline = now.advanced(byNanoseconds: answerNanoseconds)
    var command: JSONObject =
      switch question {
      case .capabilities: ["execute": "qmp_capabilities"]
      case .rxFilter: ["execute": "query-rx-filter"]
      }
    if case .rxFilter(let nic?) = question { command["arguments"] = ["name": .string(nic)] }
    command["id"] = .int(lastID)
    output += Array("\(JSONValue.object(command))\n".utf8)
  }
}

/// What was heard from QEMU.
public enum QMPNews: Hashable, Sendable {
  /// It answers questions from now on.
  case ready
  /// The filter of the nic that was asked about.
  case rxFilter(nic: String?, RxFilter)
  /// It does not say, for example because there is no such nic.
  case refused(nic: String?, Failure)
  /// A filter has changed; QEMU is silent about it from now until it is asked. `nil` without an id.
  case rxFilterChanged(nic: String?)
}
