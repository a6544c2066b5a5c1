// Members of an etcd cluster, each a process of its own on its own loopback address.

import Base
import Glibc
import HTTP
import Linux
import Stores
import Synchronization

/// One member. Its data stays when the process is killed, until the folder goes.
// SAFETY: a node is touched by the test that has made it, and by nobody at the same time.
final class EtcdNode: @unchecked Sendable {
  let address: String
  private let command: ChildProcess.Command
  private var process: ChildProcess?

  static var isInstalled: Bool {
    // SAFETY: C strings for the calls.
    unsafe access("/usr/bin/etcd", X_OK) == 0
  }

  fileprivate init(
    _ name: String, address: String, peers: String, folder: String, diesWithThread: Bool
  ) throws {
    self.address = address
    var command = ChildProcess.Command([
      "/usr/bin/etcd", "--name", name, "--data-dir", "\(folder)/\(name)",
      "--listen-client-urls", "http://\(address):2379",
      "--advertise-client-urls", "http://\(address):2379",
      "--listen-peer-urls", "http://\(address):2380",
      "--initial-advertise-peer-urls", "http://\(address):2380",
      "--initial-cluster", peers, "--initial-cluster-state", "new",
      "--heartbeat-interval", "50", "--election-timeout", "500", "--logger", "zap",
    ])
    command.output = .append("\(folder)/\(name).log")
    command.errors = .append("\(folder)/\(name).log")
    command.diesWithParent = diesWithThread
    self.command = command
    try start()
  }

  deinit { kill() }

  func start() throws { process = try ChildProcess(command) }

  func kill() {
    process?.send(.kill)
    _ = process?.wait()
    process = nil
  }

  /// It is there and does not answer, as one behind a broken network.
  func pause() { process?.send(.stop) }
  func resume() { process?.send(.continue) }

  func client(timeoutMilliseconds: Int = 5_000) -> HTTPClient {
    HTTPClient(.url("http://\(address):2379"), timeoutMilliseconds: timeoutMilliseconds)
  }
}

/// Members that form a cluster.
final class EtcdCluster: Sendable {
  let nodes: [EtcdNode]
  private let folder: TemporaryFolder

  /// Waits until it takes writes. The whole of 127.0.0.0/8 is this machine; the process number keeps runs apart.
  ///
  /// - Parameter diesWithThread: the kernel ends it with the thread that makes it; for one that nobody frees.
  init(members: Int, diesWithThread: Bool = false) throws {
    let number = Self.count.add(1, ordering: .relaxed).newValue
    let process = Int(getpid())
    let addresses = (1...members).map {
      "127.\(100 + number % 100).\(process & 255).\((process >> 8 & 31) * 8 + $0)"
    }
    let peers = addresses.enumerated().map { "n\($0.offset)=http://\($0.element):2380" }
      .joined(separator: ",")
    let folder = try TemporaryFolder("martlet-etcd")
    self.folder = folder
    nodes = try addresses.enumerated().map { index, address in
      try EtcdNode(
        "n\(index)", address: address, peers: peers, folder: folder.path,
        diesWithThread: diesWithThread)
    }
    let isReady = MonotonicClock.wait(
      atMostNanoseconds: 30_000_000_000, everyNanoseconds: 50_000_000
    ) { (try? store().grantLease(seconds: 5)) != nil }
    guard isReady else {
      throw Failure("cannot start etcd", why: "no leader", remedy: "see its log")
    }
  }

  /// Ends every member, and removes what they have written.
  func remove() throws {
    for node in nodes { node.kill() }
    try removeTree(folder.path)
  }

  func store(root: String = "/test", timeoutMilliseconds: Int = 5_000) -> EtcdStore {
    EtcdStore(
      members: nodes.map { $0.client(timeoutMilliseconds: timeoutMilliseconds) }, root: root)
  }

  private static let count = Atomic(0)
  /// One member for all tests that need no more. Its thread waits until the process ends, however that ends.
  static let single: Result<EtcdCluster, any Error> = {
    let made = Mutex<Result<EtcdCluster, any Error>?>(nil)
    let isMade = Latch()
    do {
      _ = try Thread(named: "etcd") {
        let cluster = Result { try EtcdCluster(members: 1, diesWithThread: true) }
        made.withLock { $0 = cluster }
        isMade.open()
        // Nothing frees it: what it has written would stay.
        atexit { try? EtcdCluster.single.get().remove() }
        Latch().wait()
      }
    } catch { return .failure(error) }
    isMade.wait()
    return made.withLock { $0! }
  }()
}
