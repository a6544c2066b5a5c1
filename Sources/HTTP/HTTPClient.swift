// Asks one server, one request at a time: libcurl-easy(3).
//
// Each request is a transfer of its own with a deadline and a bound on the answer, so a server that
// hangs or floods costs a bounded wait and bounded memory. Failures are in words for the person who
// typed the command: a socket that nobody answers on means that no agent runs there.

public import Base
internal import CCurl
internal import Glibc
internal import Linux

/// What a server answered.
public struct HTTPReply: Sendable {
  public var status: Int
  public var body: [UInt8]
}

/// A server to ask, with the bounds of each request.
///
/// - Thread: any, several at once; each request waits on the calling thread.
public struct HTTPClient: Sendable {
  /// Where the server listens.
  public enum Destination: Hashable, Sendable {
    case socket(String)
    /// `http://host:port`, without a path.
    case url(String)
  }

  public var destination: Destination
  /// The whole request, from connecting to the last byte.
  public var timeoutMilliseconds: Int
  public var responseBytes: Int

  public init(
    _ destination: Destination, timeoutMilliseconds: Int = 30_000,
    responseBytes: Int = 64 * 1024 * 1024
  ) {
    self.destination = destination
    self.timeoutMilliseconds = timeoutMilliseconds
    self.responseBytes = responseBytes
  }

  /// Sends a request and waits for the whole answer, whatever its status.
  public func send(_ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8] = [])
    throws(Failure) -> HTTPReply
  {
    let transfer = try Transfer(to: self)
    return try transfer.perform(method, target, body: body)
  }

  /// Sends a request; an answer that is not 2xx is thrown as the failure that it carries.
  @discardableResult
  public func request(_ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8] = [])
    throws(Failure) -> [UInt8]
  {
    try self.body(of: try send(method, target, body: body), method, target)
  }

  /// Sends a request, and hands on each piece of the body as it comes, for as long as it comes.
  ///
  /// `timeoutMilliseconds` bounds the connecting only. An answer that is not 2xx is thrown as the failure
  /// that it carries; one that is cut off is a failure too.
  /// - Parameter lastMilliseconds: when to stop, which is no failure; `nil` goes on to the end.
  /// - Parameter each: called on this thread; false stops.
  public func stream(
    _ method: HTTPMethod, _ target: HTTPTarget, lastMilliseconds: Int? = nil,
    each: @escaping ([UInt8]) -> Bool
  ) throws(Failure) {
    let transfer = try Transfer(to: self)
    if let reply = try transfer.stream(method, target, lastMilliseconds, each) {
      _ = try body(of: reply, method, target)
    }
  }

  /// The body of an answer that says 2xx; any other is thrown as the failure that it carries.
  public func body(of reply: HTTPReply, _ method: HTTPMethod, _ target: HTTPTarget)
    throws(Failure) -> [UInt8]
  {
    if 200..<300 ~= reply.status { return reply.body }
    if let message = try? JSONText.decode(FailureMessage.self, from: reply.body) {
      throw message.failure
    }
    throw Failure(
      "cannot \(method.rawValue) \(target.text) at \(place)", why: "it answered \(reply.status)",
      remedy: "check that client and server are the same version (`martlet version`)")
  }

  /// Sends a request, and a value if there is one, and reads the answer as a value.
  public func request<Value: Decodable>(
    _ method: HTTPMethod, _ target: HTTPTarget, sending value: (any Encodable & Sendable)? = nil,
    as type: Value.Type
  ) throws(Failure) -> Value {
    var body: [UInt8] = []
    if let value { body = try JSONText.encode(value) }
    return try JSONText.decode(
      type, from: try request(method, target, body: body),
      what: "cannot read the answer of \(place) to \(target.text)")
  }

  /// The destination in words.
  var place: String {
    switch destination {
    case .socket(let path): path
    case .url(let url): url
    }
  }
}

/// Owns one easy handle of libcurl.
@safe private struct Transfer: ~Copyable {
  private let client: HTTPClient
  private let handle: UnsafeMutableRawPointer
  private let received = Received()

  /// The answer as it comes.
  private final class Received {
    var body: [UInt8] = []
    var limitBytes = 0
    var tooLong = false
    /// Takes the body of a 2xx answer, when it is to be handed on.
    var each: (([UInt8]) -> Bool)?
    /// `each` wanted no more.
    var stopped = false
    /// The status of the answer so far; 0 before it.
    var status: () -> Int = { 0 }
  }

  /// Once a process; thread-safe because Swift initialises a static once.
  private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

  init(to client: HTTPClient) throws(Failure) {
    // SAFETY: the new handle has this value as its only owner.
    guard Self.isReady, let handle = unsafe curl_easy_init() else {
      throw Failure(
        "cannot ask \(client.place)", why: "libcurl does not start",
        remedy: "check the memory and the library (curl --version)")
    }
    self.client = client
    unsafe self.handle = handle
  }

  deinit {
    // SAFETY: the handle is live and this is its only owner.
    unsafe curl_easy_cleanup(handle)
  }

  func perform(_ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8]) throws(Failure)
    -> HTTPReply
  {
    set(CURLOPT_TIMEOUT_MS, client.timeoutMilliseconds)
    let code = send(method, target, body: body)
    guard code == CURLE_OK else { throw failure(code, method, target) }
    return HTTPReply(status: status, body: received.body)
  }

  /// The reply when it is not 2xx; the body of such a one is not handed on.
  func stream(
    _ method: HTTPMethod, _ target: HTTPTarget, _ lastMilliseconds: Int?,
    _ each: @escaping ([UInt8]) -> Bool
  ) throws(Failure) -> HTTPReply? {
    set(CURLOPT_CONNECTTIMEOUT_MS, client.timeoutMilliseconds)
    if let lastMilliseconds { set(CURLOPT_TIMEOUT_MS, max(1, lastMilliseconds)) }
    received.each = each
    // SAFETY: the callback that asks runs inside the transfer, while the handle is live.
    let handle = unsafe handle
    received.status = {
      var status = 0
      unsafe martlet_curl_status(handle, &status)
      return status
    }
    let code = send(method, target, body: [])
    let isStopped =
      received.stopped
      || code == CURLE_OPERATION_TIMEDOUT && lastMilliseconds != nil && status != 0
    if isStopped { return nil }
    guard code == CURLE_OK else { throw failure(code, method, target) }
    return 200..<300 ~= status ? nil : HTTPReply(status: status, body: received.body)
  }

  private var status: Int {
    var status = 0
    // SAFETY: `status` is a local that outlives the call.
    unsafe martlet_curl_status(handle, &status)
    return status
  }

  private func send(_ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8]) -> CURLcode {
    received.limitBytes = client.responseBytes
    set(CURLOPT_NOSIGNAL, 1)
    // A proxy from the environment has no business between a command and its agent.
    set(CURLOPT_PROXY, "")
    set(CURLOPT_PATH_AS_IS, 1)
    switch client.destination {
    case .socket(let path):
      set(CURLOPT_UNIX_SOCKET_PATH, path)
      set(CURLOPT_URL, "http://martlet" + target.text)
    case .url(let url):
      set(CURLOPT_URL, url + target.text)
    }
    if !body.isEmpty || method == .post || method == .put {
      set(CURLOPT_POSTFIELDSIZE, body.count)
      unsafe body.withUnsafeBytes { bytes in
        // SAFETY: libcurl copies the bytes during the call; their number was set before it.
        _ = unsafe martlet_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress)
      }
      // Without a pointer libcurl would read the body from standard input.
      if body.isEmpty { set(CURLOPT_COPYPOSTFIELDS, "") }
    }
    set(CURLOPT_CUSTOMREQUEST, method.rawValue)
    // SAFETY: the list is freed after the transfer that reads it.
    let headers = unsafe curl_slist_append(nil, "Content-Type: application/json")
    defer { unsafe curl_slist_free_all(headers) }
    unsafe martlet_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
    // SAFETY: `received` outlives the transfer, which runs inside this call.
    unsafe martlet_curl_set_writer(
      handle, Self.write, Unmanaged.passUnretained(received).toOpaque())
    return unsafe curl_easy_perform(handle)
  }

  private func set(_ option: CURLoption, _ value: Int) {
    // SAFETY: the handle is live; the option takes a long.
    let code = unsafe martlet_curl_set_long(handle, option, value)
    precondition(code == CURLE_OK, "libcurl does not know option \(option.rawValue)")
  }

  private func set(_ option: CURLoption, _ value: String) {
    // SAFETY: the handle is live; the option takes a string, which libcurl copies.
    let code = unsafe value.withCString { unsafe martlet_curl_set_pointer(handle, option, $0) }
    precondition(code == CURLE_OK, "libcurl does not know option \(option.rawValue)")
  }

  private static let write:
    @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = {
      bytes, size, count, context in
      // SAFETY: the context is the `Received` of the running transfer; libcurl lends the bytes.
      guard let context = unsafe context else { return 0 }
      let received = unsafe Unmanaged<Received>.fromOpaque(context).takeUnretainedValue()
      let piece = unsafe Array(UnsafeRawBufferPointer(start: bytes, count: size * count))
      if let each = received.each, 200..<300 ~= received.status() {
        received.stopped = !each(piece)
        return received.stopped ? 0 : piece.count
      }
      guard received.body.count + piece.count <= received.limitBytes else {
        received.tooLong = true
        return 0
      }
      received.body += piece
      return piece.count
    }

  private func failure(_ code: CURLcode, _ method: HTTPMethod, _ target: HTTPTarget) -> Failure {
    let what = "cannot \(method.rawValue) \(target.text) at \(client.place)"
    if received.tooLong {
      return Failure(
        what, why: "the answer has more than \(client.responseBytes) bytes",
        remedy: "ask for less with a filter")
    }
    switch code {
    case CURLE_COULDNT_CONNECT where connectErrno.rawValue == EACCES:
      return Failure(what, why: connectErrno.description, remedy: "run the command as root (sudo)")
    case CURLE_COULDNT_CONNECT:
      return Failure(
        what, why: "no agent answers there",
        remedy: "is the lab up? see `martlet lab list`")
    case CURLE_OPERATION_TIMEDOUT:
      return Failure(
        what, why: "no answer within \(client.timeoutMilliseconds) ms",
        remedy: "check that the agent is alive, and try again")
    case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR:
      return Failure(
        what, why: "the answer was cut off",
        remedy: "the agent has ended, or this side was too slow for it: ask for less")
    default:
      // SAFETY: libcurl returns a static string, which is copied.
      let words = unsafe String(cString: curl_easy_strerror(code))
      return Failure(what, why: words, remedy: "check that the agent is alive, and try again")
    }
  }

  private var connectErrno: Errno {
    var number = 0
    // SAFETY: the handle is live; `number` is a local that outlives the call.
    unsafe martlet_curl_connect_errno(handle, &number)
    return Errno(rawValue: Int32(truncatingIfNeeded: number))
  }
}
