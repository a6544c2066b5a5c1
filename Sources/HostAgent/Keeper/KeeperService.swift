// The keeper's side: a loop that serves one client after another.

public import Base
internal import Linux

/// Holds descriptors for an agent that may be killed at any moment.
public struct KeeperService: ~Copyable {
  /// More than the ports of all switches that a host has.
  package static let descriptorsMax = 4_096
  /// Without any client for this long, the keeper gives up and its TAPs lose their carrier.
  static let lingerNanoseconds: UInt64 = 3_600 * 1_000_000_000
  /// A keeper that ends has let go of its lock by then.
  private static let takeoverNanoseconds: UInt64 = 2_000_000_000
  private static let listenerToken: UInt64 = 0
  private static let signalToken: UInt64 = 1
  private static let clientToken: UInt64 = 2

  /// Held for life: whoever has it may remove the socket that a killed keeper left behind.
  private let lock: FileLock
  private let listener: UnixListener
  private var poller: Poller
  private let signals: SignalDescriptor
  private var client: UnixSocket?
  private var names: [String] = []
  private var kept = DescriptorList()
  private var isStopping = false

  /// Listens on `path`; fails when another keeper does.
  public init(path: String) throws(Failure) {
    OpenFileLimit.raise()
    let lock: FileLock
    do throws(Failure) {
      // A keeper that was killed loses its sockets before its lock: the agent may be that quick.
      lock = try FileLock.acquire("\(path).lock", timeoutNanoseconds: Self.takeoverNanoseconds)
    } catch {
      throw Failure(
        "cannot keep descriptors at \(path)", why: "another keeper does",
        remedy: "end the keeper that runs there, or choose another --socket")
    }
    try removeFile(path)
    do throws(Errno) {
      let listener = try UnixListener(path: path, backlog: 4)
      let poller = try Poller(capacity: 4)
      let signals = try SignalDescriptor([.terminate, .interrupt])
      try poller.add(listener.descriptor, token: Self.listenerToken)
      try poller.add(signals.descriptor, token: Self.signalToken)
      self.lock = lock
      self.listener = listener
      self.poller = poller
      self.signals = signals
    } catch {
      throw error.failure(
        "cannot keep descriptors at \(path)",
        remedy: "choose another --socket, in a folder that can be written")
    }
  }

  /// Serves until it is told to stop, or nobody has called for an hour.
  public mutating func run() {
    while !isStopping {
      let isAlone = client == nil
      let found = poller.wait(timeoutNanoseconds: isAlone ? Self.lingerNanoseconds : nil)
      if found == 0 && isAlone { return }
      events: for index in 0..<poller.count {
        switch poller[index].token {
        case Self.listenerToken:
          welcome()
          // What else was found may be about the client that went: the next round finds it again.
          break events
        case Self.signalToken: isStopping = true
        default: serve()
        }
      }
    }
  }

  /// A new client replaces the old one: an agent that was killed cannot say goodbye.
  private mutating func welcome() {
    guard let socket = try? listener.accept() else { return }
    dismiss()
    guard (try? poller.add(socket.descriptor, token: Self.clientToken)) != nil else { return }
    client = consume socket
  }

  private mutating func dismiss() {
    guard let old = client.take() else { return }
    try? poller.remove(old.descriptor)
  }

  private mutating func serve() {
    guard let socket = client.take() else { return }
    do throws(Errno) {
      guard var message = try socket.receive() else { throw .noProcess }
      guard let request = KeeperRequest(message.bytes) else {
        try socket.send(KeeperAnswer.unknown.bytes)
        client = consume socket
        return
      }
      switch request {
      case .put(let name):
        let answer = keep(message.takeDescriptor(), as: name)
        try socket.send(answer.bytes)
      case .drop(let name):
        drop(name)
        try socket.send(KeeperAnswer.ok.bytes)
      case .list:
        for index in names.indices {
          try socket.send(
            KeeperAnswer.have(names[index]).bytes, descriptors: [kept.number(at: index)])
        }
        try socket.send(KeeperAnswer.ok.bytes)
      case .stop:
        isStopping = true
        try socket.send(KeeperAnswer.ok.bytes)
      }
      client = consume socket
    } catch {
      // The client is gone; what it gave stays.
      try? poller.remove(socket.descriptor)
    }
  }

  private mutating func keep(_ descriptor: consuming Descriptor?, as name: String) -> KeeperAnswer {
    guard let descriptor else { return .unknown }
    drop(name)
    guard names.count < Self.descriptorsMax else { return .full }
    names.append(name)
    kept.append(descriptor)
    return .ok
  }

  private mutating func drop(_ name: String) {
    guard let index = names.firstIndex(of: name) else { return }
    names.remove(at: index)
    kept.remove(at: index)
  }
}

/// Descriptors in order; each closes when it is removed.
struct DescriptorList: ~Copyable {
  private var numbers: [Int32] = []

  deinit { for number in numbers { _ = Descriptor(owning: number) } }

  mutating func append(_ descriptor: consuming Descriptor) { numbers.append(descriptor.release()) }

  func number(at index: Int) -> Int32 { numbers[index] }

  mutating func remove(at index: Int) { _ = Descriptor(owning: numbers.remove(at: index)) }
}
