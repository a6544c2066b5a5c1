// An HTTP/1.1 server on a Unix socket, for the JSON API of one process: libmicrohttpd(3).
//
// A few threads of the daemon poll the connections and call the handler; a handler that waits holds
// up the connections of its thread, so it must not wait. Everything has a bound (`Limits`): a
// connection too many waits in the backlog, a body too long is answered 413, a silent client is
// dropped. Only root and the user of this process are served, whatever the file's mode.

public import Base
internal import CMicrohttpd
internal import Glibc
internal import Linux
internal import Synchronization

/// Serves one handler on one socket path until it is stopped or released.
///
/// - Thread: any, but `stop` must not be called from the handler, which it waits for.
public final class HTTPServer: Sendable {
  /// Answers a request. Called on a thread of the server; must not wait.
  public typealias Handler = @Sendable (HTTPRequest) -> HTTPResponse
  /// Says whether a process is served.
  public typealias Admission = @Sendable (HTTPPeer) -> Bool

  /// The bounds of a server.
  public struct Limits: Sendable {
    public var threads: UInt32 = 2
    public var connections: UInt32 = 64
    public var bodyBytes = 1024 * 1024
    public var idleSeconds: UInt32 = 30

    public init() {}
  }

  public let socketPath: String
  private let exchange: HTTPExchange
  private let running: Mutex<Running?>

  /// Binds the path and serves until `stop`.
  public init(
    socketPath: String, limits: Limits = Limits(), admit: @escaping Admission = isRootOrSelf,
    handler: @escaping Handler
  ) throws(Failure) {
    precondition(1...4 ~= limits.threads, "one to four threads")
    precondition(limits.connections >= limits.threads, "each thread needs a connection")
    var listener = try UnixListener(path: socketPath, backlog: Int32(limits.connections))
    let exchange = HTTPExchange(limits: limits, admit: admit, handler: handler)
    let daemon = try Daemon(listener: &listener, limits: limits, exchange: exchange)
    self.socketPath = socketPath
    self.exchange = exchange
    running = Mutex(Running(daemon: daemon, listener: listener))
  }

  deinit { stop() }

  /// Cuts every connection, waits for handlers that run, and removes the socket file.
  public func stop() {
    exchange.finishStreams()
    running.withLock { $0 = nil }
  }

  /// The default admission: root, and the user that this process runs as.
  public static let isRootOrSelf: Admission = { $0.userID == 0 || $0.userID == geteuid() }

  /// Ends in the order of its fields: first the daemon, then the file.
  private struct Running: ~Copyable {
    var daemon: Daemon
    var listener: UnixListener

    init(daemon: consuming Daemon, listener: consuming UnixListener) {
      self.daemon = daemon
      self.listener = listener
    }
  }

  /// Owns a running daemon, which owns the listening socket.
  // SAFETY: the pointer is used once more after it was made, to stop the daemon, from any thread.
  @safe private struct Daemon: ~Copyable, @unchecked Sendable {
    private let pointer: OpaquePointer

    init(listener: inout UnixListener, limits: Limits, exchange: HTTPExchange) throws(Failure) {
      var callbacks = unsafe martlet_httpd_callbacks()
      // SAFETY: the server keeps the exchange for longer than the daemon runs.
      unsafe callbacks.context = Unmanaged.passUnretained(exchange).toOpaque()
      unsafe callbacks.target = HTTPExchange.targetCallback
      unsafe callbacks.access = HTTPExchange.accessCallback
      unsafe callbacks.completed = HTTPExchange.completedCallback
      let path = listener.path
      // SAFETY: the daemon takes the socket over; the callbacks are functions without captures.
      guard
        let daemon = unsafe martlet_httpd_start(
          listener.releaseSocket(), limits.threads, limits.connections, limits.idleSeconds,
          callbacks
        )
      else {
        throw Failure(
          "cannot serve on \(path)", why: "the HTTP daemon did not start (\(Errno.current))",
          remedy: "check the limits on threads and open files (ulimit -a)")
      }
      unsafe pointer = daemon
    }

    deinit {
      // SAFETY: the pointer is a running daemon, and this is its only owner.
      unsafe MHD_stop_daemon(pointer)
    }
  }
}
