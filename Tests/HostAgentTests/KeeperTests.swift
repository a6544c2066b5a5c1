// The keeper of descriptors: its messages, its bounds, and clients that die at any moment.
//
// It runs in this process, on a thread of its own; what it keeps are pipes, so that a descriptor can be
// told by what comes out of it.

import Base
import Glibc
import HostAgent
import Linux
import Rig
import Testing

@Suite struct KeeperTests {
  @Test func requestsAreReadBackAsTheyWereWritten() {
    let requests: [KeeperRequest] = [.put("web1/eth0"), .drop("a b"), .list, .stop]
    for request in requests { #expect(KeeperRequest(request.bytes) == request) }
    let answers: [KeeperAnswer] = [.ok, .have("web1/eth0"), .have("a b"), .full, .unknown]
    for answer in answers { #expect(KeeperAnswer(answer.bytes) == answer) }
  }

  @Test(arguments: ["", " ", "put", "put ", "drop", "list x", "stop now", "LIST", "have x", "ok"])
  func whatIsNoRequest(_ text: String) { #expect(KeeperRequest(Array(text.utf8)) == nil) }

  @Test func namesHaveABound() {
    let longest = String(repeating: "x", count: KeeperRequest.nameBytesMax)
    #expect(KeeperRequest(Array("put \(longest)".utf8)) == .put(longest))
    #expect(KeeperRequest(Array("put \(longest)x".utf8)) == nil)
    #expect(KeeperRequest(Array("drop \(longest)x".utf8)) == nil)
  }

  @Test(arguments: 0..<4 as Range<UInt64>)
  func anyBytes(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let seeds = ["put web1/eth0", "drop web1/eth0", "list", "stop"].map { Array($0.utf8) }
    for _ in 0..<5_000 {
      var bytes = seeds[Int(random.next() % 4)]
      for _ in 0..<random.next() % 4 {
        let byte = UInt8(truncatingIfNeeded: random.next())
        switch random.next() % 3 {
        case 0 where !bytes.isEmpty: bytes.remove(at: Int(random.next() % UInt64(bytes.count)))
        case 1 where !bytes.isEmpty: bytes[Int(random.next() % UInt64(bytes.count))] = byte
        default: bytes.insert(byte, at: Int(random.next() % UInt64(bytes.count + 1)))
        }
      }
      // What is taken for a request is understood the same way the second time.
      guard let request = KeeperRequest(bytes) else { continue }
      #expect(KeeperRequest(request.bytes) == request, "seed \(seed): \(bytes)")
    }
  }

  @Test func keepsWhatItIsGivenForTheNextClient() throws {
    try withKeeper { path in
      let first = try PipeEnds()
      try withClient(path) { client in
        try put("a", first.write, client)
        try put("b", first.write, client)
        try #expect(names(client) == ["a", "b"])
      }
      try withClient(path) { client in
        try write("hello", to: "a", client)
        try #expect(first.read(limitBytes: 64) == "hello")
        try drop("a", client)
        try #expect(names(client) == ["b"])
        try drop("never there", client)
        // Under the same name the new one replaces the old one.
        let second = try PipeEnds()
        try put("b", second.write, client)
        try #expect(names(client) == ["b"])
        try write("again", to: "b", client)
        try #expect(second.read(limitBytes: 64) == "again")
      }
    }
  }

  @Test func nonsenseIsAnsweredAndSurvived() throws {
    try withKeeper { path in
      try withClient(path) { client in
        try client.send(Array("nonsense".utf8))
        try #expect(answer(client) == .unknown)
        // A put without a descriptor has nothing to keep.
        try client.send(KeeperRequest.put("a").bytes)
        try #expect(answer(client) == .unknown)
        // Descriptors that nobody asked for are closed.
        let pipe = try PipeEnds()
        try client.send(Array("nonsense".utf8), descriptors: [pipe.write])
        try #expect(answer(client) == .unknown)
        try #expect(names(client) == [])
      }
    }
  }

  @Test func aClientThatDiesInTheMiddleCostsNothing() throws {
    try withKeeper { path in
      let pipe = try PipeEnds()
      for round in 0..<50 {
        // Asks, and is gone before the answer; or leaves without a word.
        try withClient(path) { client in
          if round % 3 != 0 {
            try client.send(KeeperRequest.put("\(round % 5)").bytes, descriptors: [pipe.write])
          }
          if round % 3 == 1 { try client.send(KeeperRequest.list.bytes) }
        }
      }
      try withClient(path) { client in
        try put("last", pipe.write, client)
        try #expect(names(client).contains("last"))
      }
    }
  }

  /// An agent that hangs must not keep its successor out.
  @Test func aNewClientReplacesOneThatIsStillThere() throws {
    try withKeeper { path in
      let pipe = try PipeEnds()
      try withClient(path) { first in
        try put("a", pipe.write, first)
        try withClient(path) { second in
          try #expect(names(second) == ["a"])
        }
      }
    }
  }

  /// The new client is there and the old one gone before the keeper looks: it must not take the words of
  /// the one for those of the other, and wait for them.
  @Test func aSilentClientInPlaceOfADeadOneHoldsNobodyUp() throws {
    let path = "/tmp/\(RigEnvironment.uniquePrefix())silent.sock"
    defer { for name in [path, path + ".lock"] { try? removeFile(name) } }
    var keeper = try ChildProcess(.init([martletProgram, "host", "keep", "--socket", path]))
    try #require(eventually { (try? UnixSocket(connectingTo: path)) != nil })
    let number = keeper.identity.number
    do {
      let dead = try UnixSocket(connectingTo: path)
      try #expect(names(dead) == [])
      kill(number, SIGSTOP)
      let silent = try UnixSocket(connectingTo: path)
      withExtendedLifetime(consume dead) {}
      kill(number, SIGCONT)
      keeper.send(.terminate)
      #expect(keeper.wait(timeoutNanoseconds: 5_000_000_000) == .exited(0))
      withExtendedLifetime(silent.descriptor) {}
    } catch {
      _ = keeper.terminate()
      throw error
    }
    _ = keeper.terminate()
  }

  @Test func refusesMoreThanItsBound() throws {
    var limit = rlimit()
    // SAFETY: one structure that lives for the call.
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let needed = KeeperService.descriptorsMax + 512
    try withKeeper { path in
      try withClient(path) { client in
        let pipe = try PipeEnds()
        guard limit.rlim_max >= rlim_t(needed) else { return }
        limit.rlim_cur = max(limit.rlim_cur, rlim_t(needed))
        // SAFETY: as above.
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        for index in 0..<KeeperService.descriptorsMax { try put("\(index)", pipe.write, client) }
        try client.send(KeeperRequest.put("more").bytes, descriptors: [pipe.write])
        try #expect(answer(client) == .full)
        try drop("7", client)
        try put("more", pipe.write, client)
      }
    }
  }

  @Test func aSecondKeeperIsRefusedAndADeadOnesSocketIsNot() throws {
    try withKeeper { path in
      #expect(throws: Failure.self) { _ = try KeeperService(path: path) }
      try withClient(path) { client in try #expect(names(client) == []) }
    }
    let path = "/tmp/\(RigEnvironment.uniquePrefix())stale.sock"
    defer { for name in [path, path + ".lock"] { try? removeFile(name) } }
    try AtomicFile.write([], to: path)
    _ = try KeeperService(path: path)
  }

  // MARK: - A keeper and its clients

  private func withKeeper(_ body: (String) throws -> Void) throws {
    let path = "/tmp/\(RigEnvironment.uniquePrefix())keeper.sock"
    defer { for name in [path, path + ".lock"] { try? removeFile(name) } }
    let thread = try Thread(named: "keeper") {
      guard var service = try? KeeperService(path: path) else { return }
      service.run()
    }
    do {
      try #require(eventually { (try? UnixSocket(connectingTo: path)) != nil })
      try body(path)
    } catch {
      try stop(path)
      thread.join()
      throw error
    }
    try stop(path)
    thread.join()
  }

  private func stop(_ path: String) throws {
    try withClient(path) { client in
      try client.send(KeeperRequest.stop.bytes)
      _ = try client.receive()
    }
  }

  private func withClient(_ path: String, _ body: (borrowing UnixSocket) throws -> Void) throws {
    try body(UnixSocket(connectingTo: path))
  }

  private func answer(_ client: borrowing UnixSocket) throws -> KeeperAnswer {
    guard let message = try client.receive() else { return .unknown }
    return KeeperAnswer(message.bytes)
  }

  private func put(_ name: String, _ descriptor: Int32, _ client: borrowing UnixSocket) throws {
    try client.send(KeeperRequest.put(name).bytes, descriptors: [descriptor])
    try #require(try answer(client) == .ok, "\(name)")
  }

  private func drop(_ name: String, _ client: borrowing UnixSocket) throws {
    try client.send(KeeperRequest.drop(name).bytes)
    try #require(try answer(client) == .ok)
  }

  private func names(_ client: borrowing UnixSocket) throws -> [String] {
    var names: [String] = []
    try client.send(KeeperRequest.list.bytes)
    while let message = try client.receive() {
      guard case .have(let name) = KeeperAnswer(message.bytes) else { break }
      #expect(message.descriptorCount == 1)
      names.append(name)
    }
    return names
  }

  /// Writes into what is kept under a name.
  private func write(_ text: String, to name: String, _ client: borrowing UnixSocket) throws {
    var isFound = false
    try client.send(KeeperRequest.list.bytes)
    while var message = try client.receive() {
      guard case .have(let kept) = KeeperAnswer(message.bytes) else { break }
      guard kept == name, let descriptor = message.takeDescriptor() else { continue }
      try descriptor.write(Array(text.utf8))
      isFound = true
    }
    #expect(isFound, "\(name)")
  }
}

/// Both ends of a pipe.
private final class PipeEnds {
  private let reading: Descriptor
  private let writing: Descriptor
  var write: Int32 { writing.number }

  init() throws {
    var ends: [Int32] = [-1, -1]
    // SAFETY: room for two descriptors.
    guard unsafe pipe(&ends) == 0 else { throw Errno.current }
    reading = Descriptor(owning: ends[0])
    writing = Descriptor(owning: ends[1])
  }

  func read(limitBytes: Int) throws -> String {
    String(decoding: try reading.read(limitBytes: limitBytes), as: UTF8.self)
  }
}
