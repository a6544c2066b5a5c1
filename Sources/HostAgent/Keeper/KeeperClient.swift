// The agent's side of the keeper.

internal import Base
internal import Linux

/// A connection to the keeper, which is started when it does not answer.
///
/// A keeper that hangs costs a bounded wait, because the agent's control thread asks it, and is then
/// ended: it is of no use, and would keep the next one from starting.
struct KeeperClient: ~Copyable, Sendable {
  private static let startNanoseconds: UInt64 = 5_000_000_000
  private static let answerMilliseconds: Int32 = 2_000
  /// A process may still be ending when its socket is closed already.
  private static let endNanoseconds: UInt64 = 200_000_000

  private let path: String
  private let command: [String]
  private var socket: UnixSocket
  /// The keeper, if this agent started it: who starts a process has to wait for its end.
  private var child: ChildProcess?

  /// Connects to the keeper at `path`; starts one with `command` when there is none.
  init(path: String, starting command: [String]) throws(Failure) {
    self.path = path
    self.command = command
    child = nil
    if let socket = Self.connect(path) {
      self.socket = socket
    } else {
      var child = try Self.start(command)
      socket = try Self.connect(path, to: &child)
      self.child = consume child
    }
  }

  /// Readable when the keeper has gone: it speaks only when it is asked.
  var descriptor: Int32 { socket.descriptor }

  /// Finds or starts a keeper again, which has nothing yet.
  mutating func reconnect() throws(Failure) {
    _ = child?.wait(timeoutNanoseconds: Self.endNanoseconds)
    if let socket = Self.connect(path) {
      self.socket = socket
      return
    }
    var child = try Self.start(command)
    socket = try Self.connect(path, to: &child)
    self.child = consume child
  }

  private static func connect(_ path: String) -> UnixSocket? {
    try? UnixSocket(connectingTo: path, timeoutMilliseconds: answerMilliseconds)
  }

  private static func start(_ command: [String]) throws(Failure) -> ChildProcess {
    var keeper = ChildProcess.Command(command)
    keeper.startsSession = true
    return try ChildProcess(keeper)
  }

  /// Waits until a keeper that was just started listens, or has ended.
  private static func connect(_ path: String, to child: inout ChildProcess) throws(Failure)
    -> UnixSocket
  {
    var failure = Errno.notFound
    var connected: UnixSocket?
    _ = MonotonicClock.wait(atMostNanoseconds: startNanoseconds) {
      do throws(Errno) {
        connected = try UnixSocket(
          connectingTo: path, timeoutMilliseconds: answerMilliseconds)
      } catch { failure = error }
      return connected != nil || child.wait(timeoutNanoseconds: 0) != nil
    }
    guard let connected else {
      throw failure.failure(
        "cannot reach the keeper at \(path)", remedy: "look into the agent's log for its error")
    }
    return connected
  }

  /// Gives the keeper a second descriptor of an open file under a name.
  func put(_ descriptor: Int32, as name: String) throws(Failure) {
    try exchange(.put(name), descriptors: [descriptor])
  }

  /// Lets the keeper close what it has under a name.
  func drop(_ name: String) throws(Failure) { try exchange(.drop(name)) }

  /// Calls `body` with every name and descriptor that the keeper has.
  func list(_ body: (String, consuming Descriptor) -> Void) throws(Failure) {
    do throws(Errno) {
      try socket.send(KeeperRequest.list.bytes)
      while var message = try socket.receive() {
        guard case .have(let name) = KeeperAnswer(message.bytes) else { return }
        if let descriptor = message.takeDescriptor() { body(name, descriptor) }
      }
      throw .noProcess
    } catch { throw lost(error) }
  }

  private func exchange(_ request: KeeperRequest, descriptors: [Int32] = []) throws(Failure) {
    let answer: KeeperAnswer
    do throws(Errno) {
      try socket.send(request.bytes, descriptors: descriptors)
      guard let message = try socket.receive() else { throw .noProcess }
      answer = KeeperAnswer(message.bytes)
    } catch { throw lost(error) }
    guard answer == .ok else {
      throw Failure(
        "cannot keep a descriptor", why: "the keeper answered \(answer)",
        remedy: "restart the agent with fewer ports")
    }
  }

  private func lost(_ error: Errno) -> Failure {
    if error == .again, let hung = try? socket.peer().process {
      _ = try? ProcessIdentity(process: hung)?.kill()
    }
    return Failure(
      "lost the keeper of TAP descriptors",
      why: error == .again ? "it did not answer and was ended" : error.description,
      remedy: "restart the agent: guests keep their devices, their links may blink")
  }
}
