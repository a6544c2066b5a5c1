// What a lab has made, written down before it is made: whatever kills `lab up`, and whenever, a
// later `lab down` reads here what to remove.
//
// One record a line, appended in one write. The last line may be cut by a crash and is then passed
// over: what it announced was not begun. Words have no blanks: names are checked before.

internal import Base
internal import Linux

/// One line of the journal.
enum LabRecord: Hashable, Sendable {
  /// This process builds the lab.
  case builder(ProcessIdentity)
  /// A namespace with this name is about to be made.
  case namespaceIntended(String)
  /// It was made, and this is it.
  case namespaceMade(String, NetworkNamespace.Identity)
  /// It was not made: the name belonged to somebody else.
  case namespaceForeign(String)
  /// The agent of a host runs as this process.
  case agent(host: String, ProcessIdentity)
  /// Everything is up.
  case ready

  var line: String {
    switch self {
    case .builder(let process): "builder \(process.number) \(process.startTicks)"
    case .namespaceIntended(let name): "intended \(name)"
    case .namespaceMade(let name, let identity):
      "made \(name) \(identity.device) \(identity.inode)"
    case .namespaceForeign(let name): "foreign \(name)"
    case .agent(let host, let process): "agent \(host) \(process.number) \(process.startTicks)"
    case .ready: "ready"
    }
  }

  init?(line: Substring) {
    let words = line.split(separator: " ").map(String.init)
    switch (words.first, words.count) {
    case ("builder", 3):
      guard let process = ProcessIdentity(words[1], words[2]) else { return nil }
      self = .builder(process)
    case ("intended", 2): self = .namespaceIntended(words[1])
    case ("made", 4):
      guard let device = UInt64(words[2]), let inode = UInt64(words[3]) else { return nil }
      self = .namespaceMade(words[1], .init(device: device, inode: inode))
    case ("foreign", 2): self = .namespaceForeign(words[1])
    case ("agent", 4):
      guard let process = ProcessIdentity(words[2], words[3]) else { return nil }
      self = .agent(host: words[1], process)
    case ("ready", 1): self = .ready
    default: return nil
    }
  }
}

/// The journal of a lab, read.
struct LabJournal: Sendable {
  /// A lab has a bounded number of nodes, and each has a bounded number of lines.
  private static let limitBytes = 8 << 20

  /// A namespace that the lab meant to make.
  struct Namespace: Hashable, Sendable {
    var name: String
    /// Unknown when the builder was killed between making it and writing so.
    var identity: NetworkNamespace.Identity?
  }

  private(set) var builder: ProcessIdentity?
  /// In the order in which they were made.
  private(set) var namespaces: [Namespace] = []
  private(set) var agents: [(host: String, process: ProcessIdentity)] = []
  private(set) var isReady = false

  /// Adds a line. When it returns, a later reader sees it, whatever becomes of this process.
  static func write(_ record: LabRecord, in folder: LabFolder) throws(Failure) {
    try appendToFile(Array("\(record.line)\n".utf8), folder.journalPath)
  }

  /// Reads the journal of a lab; `nil` when nothing was begun.
  init?(in folder: LabFolder) throws(Failure) {
    guard let bytes = try readFileIfPresent(folder.journalPath, limitBytes: Self.limitBytes) else {
      return nil
    }
    // A line without its end was cut.
    let whole = bytes.prefix((bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1)
    for line in String(decoding: whole, as: UTF8.self).split(separator: "\n") {
      if let record = LabRecord(line: line) { take(record) }
    }
  }

  private mutating func take(_ record: LabRecord) {
    switch record {
    case .builder(let process): builder = process
    case .namespaceIntended(let name): namespaces.append(Namespace(name: name))
    case .namespaceMade(let name, let identity):
      guard let index = namespaces.lastIndex(where: { $0.name == name }) else { return }
      namespaces[index].identity = identity
    case .namespaceForeign(let name): namespaces.removeAll { $0.name == name }
    case .agent(let host, let process): agents.append((host, process))
    case .ready: isReady = true
    }
  }
}

extension ProcessIdentity {
  /// A process that was written down, alive or not.
  fileprivate init?(_ number: String, _ startTicks: String) {
    guard let number = Int32(number), let startTicks = UInt64(startTicks) else { return nil }
    self.init(number: number, startTicks: startTicks)
  }
}
