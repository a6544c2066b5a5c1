// An HTTP/1.1 server on a Unix socket or a TCP address, for a JSON API: libmicrohttpd(3).
//
// A few threads of the daemon poll the connections and call the handler; a handler that waits holds
// up the connections of its thread, so it must not wait. Everything has a bound (`Limits`): a
// connection too many waits in the backlog, a body too long is answered 413, a silent client is
// dropped. On a Unix socket only root and the user of this process are served, whatever the file's mode. On
// an address that others can reach there is TLS or no server.

public import Base
internal import CMicrohttpd
internal import Glibc
internal import Linux
internal import Synchronization

/// What a server shows on TLS connections. All are in PEM form.
public struct HTTPServerTLS: Sendable {
  public var certificate: [UInt8]
  public var key: [UInt8]
  /// Who signs the certificates of clients; a client without one is served, too, and known as such.
  public var clientAuthority: [UInt8]?

  public init(certificate: [UInt8], key: [UInt8], clientAuthority: [UInt8]? = nil) {
    self.certificate = certificate
    self.key = key
    self.clientAuthority = clientAuthority
  }
}

/// Serves one handler on one socket path or address until it is stopped or released.
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

    fileprivate func check() {
      precondition(1...4 ~= threads, "one to four threads")
      precondition(connections >= threads, "each thread needs a connection")
    }
  }

  /// Where it listens: a path, or `address:port` with the port that was given to it.
  public let place: String
  private let exchange: HTTPExchange
  private let running: Mutex<Running?>

  /// Binds the path and serves until `stop`.
  public init(
    socketPath: String, limits: Limits = Limits(), admit: @escaping Admission = isRootOrSelf,
    handler: @escaping Handler
  ) throws(Failure) {
    limits.check()
    var listener = try UnixListener(path: socketPath, backlog: Int32(limits.connections))
    exchange = HTTPExchange(limits: limits, admit: admit, handler: handler)
    let daemon = try Daemon(
      socket: listener.releaseSocket(), at: socketPath, tls: nil, limits: limits,
      exchange: exchange)
    place = socketPath
    running = Mutex(Running(daemon: daemon, listener: listener))
  }

  /// Binds an address and serves until `stop`.
  ///
  /// - Parameter address: a numeric address, and a port; port 0 takes a free one.
  /// - Throws: also when the address is not a loopback one and there is no TLS.
  public init(
    address: HTTPAddress, tls: HTTPServerTLS?, limits: Limits = Limits(),
    handler: @escaping Handler
  ) throws(Failure) {
    limits.check()
    guard tls != nil || address.isLoopback else {
      throw Failure(
        "cannot listen on \(address)", why: "others can reach it, and there is no TLS",
        remedy: "give a certificate and its key, or listen on 127.0.0.1 or [::1]")
    }
    var listener = try TCPListener(address, backlog: Int32(limits.connections))
    exchange = HTTPExchange(limits: limits, admit: { _ in true }, handler: handler)
    place = listener.place
    let daemon = try Daemon(
      socket: listener.releaseSocket(), at: place, tls: tls, limits: limits, exchange: exchange)
    running = Mutex(Running(daemon: daemon, listener: nil))
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
    var listener: UnixListener?

    init(daemon: consuming Daemon, listener: consuming UnixListener?) {
      self.daemon = daemon
      self.listener = listener
    }
  }

  /// Owns a running daemon, which owns the listening socket.
  // SAFETY: the pointer is used once more after it was made, to stop the daemon, from any thread.
  @safe private struct Daemon: ~Copyable, @unchecked Sendable {
    private let pointer: OpaquePointer
    private let tls: TLSTexts?

    /// Takes the socket over.
    init(
      socket: Int32, at place: String, tls: HTTPServerTLS?, limits: Limits, exchange: HTTPExchange
    ) throws(Failure) {
      var callbacks = unsafe martlet_httpd_callbacks()
      // SAFETY: the server keeps the exchange for longer than the daemon runs.
      unsafe callbacks.context = Unmanaged.passUnretained(exchange).toOpaque()
      unsafe callbacks.target = HTTPExchange.targetCallback
      unsafe callbacks.access = HTTPExchange.accessCallback
      unsafe callbacks.completed = HTTPExchange.completedCallback
      let texts = tls.map { TLSTexts($0) }
      // SAFETY: the daemon takes the socket over; the callbacks are functions without captures, and the texts
      // live as long as this value.
      guard
        let daemon = unsafe martlet_httpd_start(
          socket, limits.threads, limits.connections, limits.idleSeconds, callbacks,
          texts?.pointers)
      else {
        throw Failure(
          "cannot serve on \(place)", why: "the HTTP daemon did not start (\(Errno.current))",
          remedy: tls == nil
            ? "check the limits on threads and open files (ulimit -a)"
            : "check that certificate and key belong together, and the limits (ulimit -a)")
      }
      unsafe pointer = daemon
      self.tls = texts
    }

    deinit {
      // SAFETY: the pointer is a running daemon, and this is its only owner.
      unsafe MHD_stop_daemon(pointer)
    }
  }
}

/// The texts of a server's TLS as C strings, which libmicrohttpd does not copy.
@safe
private final class TLSTexts {
  let pointers: UnsafeMutablePointer<martlet_httpd_tls>

  init(_ tls: HTTPServerTLS) {
    unsafe pointers = .allocate(capacity: 1)
    // SAFETY: room for one; each text is owned by this object from here on.
    unsafe pointers.initialize(
      to: martlet_httpd_tls(
        key: Self.text(tls.key), certificate: Self.text(tls.certificate),
        trust: tls.clientAuthority.map { unsafe Self.text($0) }))
  }

  deinit {
    // SAFETY: the daemon that used them has ended; each was made by `text`.
    unsafe pointers.pointee.key.deallocate()
    unsafe pointers.pointee.certificate.deallocate()
    unsafe pointers.pointee.trust?.deallocate()
    unsafe pointers.deallocate()
  }

  private static func text(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar> {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    // SAFETY: room for the bytes and a zero.
    for (index, byte) in bytes.enumerated() { unsafe text[index] = CChar(bitPattern: byte) }
    unsafe text[bytes.count] = 0
    return unsafe text
  }
}
