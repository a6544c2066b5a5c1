// The agent's side of the keeper.

internal import Base
internal import Linux

/// A connection to the keeper, which is started when it does not answer.
struct KeeperClient: ~Copyable, Sendable {
  private static let startNanoseconds: UInt64 = 5_000_000_000

  private let path: String
  private let command: [String]
  private var socket: UnixSocket

  /// Connects to the keeper at `path`; starts one with `command` when there is none.
  init(path: String, starting command: [String]) throws(Failure) {
    self.path = path
    self.command = command
    socket = try Self.connect(path, command)
  }

  /// Readable when the keeper has gone: it speaks only when it is asked.
  var descriptor: Int32 { socket.descriptor }

  /// Finds or starts a keeper again, which has nothing yet.
  mutating func reconnect() throws(Failure) { socket = try Self.connect(path, command) }

  private static func connect(_ path: String, _ command: [String]) throws(Failure) -> UnixSocket {
    if let socket = try? UnixSocket(connectingTo: path) { return socket }
    var keeper = ChildProcess.Command(command)
    keeper.startsSession = true
    _ = try ChildProcess(keeper)
    var failure = Errno.notFound
    var connected: UnixSocket?
    _ = MonotonicClock.wait(atMostNanoseconds: Self.startNanoseconds) {
      do throws(Errno) { connected = try UnixSocket(connectingTo: path) } catch { failure = error }
      return connected != nil
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
    } catch { throw Self.lost(error) }
  }

  private func exchange(_ request: KeeperRequest, descriptors: [Int32] = []) throws(Failure) {
    let answer: KeeperAnswer
    do throws(Errno) {
      try socket.send(request.bytes, descriptors: descriptors)
      guard let message = try socket.receive() else { throw .noProcess }
      answer = KeeperAnswer(message.bytes)
    } catch { throw Self.lost(error) }
    guard answer == .ok else {
      throw Failure(
        "cannot keep a descriptor", why: "the keeper answered \(answer)",
        remedy: "restart the agent with fewer ports")
    }
  }

  private static func lost(_ error: Errno) -> Failure {
    error.failure(
      "lost the keeper of TAP descriptors",
      remedy: "restart the agent: guests keep their devices, their links may blink")
  }
}
