// One request on one handle of libcurl: libcurl-easy(3).
//
// Invariant: a handle is used by one transfer at a time, which owns it. What its callbacks are given lives as
// long as the transfer, and they run only inside its calls.

internal import Base
internal import CCurl
internal import Glibc
internal import Linux
internal import Synchronization

/// Handles that have been used, with the connections that libcurl keeps open for them.
///
/// - Thread: any.
final class TransferPool: Sendable {
  /// As many requests of one client are rarely under way at once; a handle more is made, and not kept.
  private static let limit = 4

  private let idle = Mutex<[TransferHandle]>([])

  func take(for client: HTTPClient) throws(HTTPFailure) -> HTTPTransfer {
    let handle = idle.withLock { $0.popLast() }
    if let handle { return HTTPTransfer(for: client, on: handle) }
    return HTTPTransfer(for: client, on: try TransferHandle(for: client))
  }

  /// Keeps the handle, and so the connection, of a transfer that was answered to the end.
  func give(back transfer: consuming HTTPTransfer) {
    let handle = transfer.handle
    handle.reset()
    idle.withLock { if $0.count < Self.limit { $0.append(handle) } }
  }
}

/// Owns an easy handle.
// SAFETY: the handle is used by one transfer at a time, from any thread, which libcurl allows.
@safe
final class TransferHandle: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer

  /// Once a process; thread-safe because Swift initialises a static once.
  private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

  init(for client: HTTPClient) throws(HTTPFailure) {
    // SAFETY: the new handle has this object as its only owner.
    guard Self.isReady, let pointer = unsafe curl_easy_init() else {
      throw HTTPFailure(
        isUnsent: true,
        failure: Failure(
          "cannot ask \(client.place)", why: "libcurl does not start",
          remedy: "check the memory and the library (curl --version)"))
    }
    unsafe self.pointer = pointer
  }

  deinit {
    // SAFETY: the handle is live and this is its only owner.
    unsafe curl_easy_cleanup(pointer)
  }

  /// Forgets every option, and what they point to; connections stay.
  func reset() {
    // SAFETY: the handle is live, and no transfer is under way.
    unsafe curl_easy_reset(pointer)
  }
}

/// One request on its way.
@safe
struct HTTPTransfer: ~Copyable {
  let handle: TransferHandle
  private let client: HTTPClient
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

  init(for client: HTTPClient, on handle: TransferHandle) {
    self.client = client
    self.handle = handle
  }

  func perform(_ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8])
    throws(HTTPFailure) -> HTTPReply
  {
    set(CURLOPT_TIMEOUT_MS, client.timeoutMilliseconds)
    let code = send(method, target, body: body)
    guard code == CURLE_OK else { throw failure(code, method, target) }
    return HTTPReply(status: status, body: received.body)
  }

  /// The reply when it is not 2xx; the body of such a one is not handed on.
  func stream(
    _ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8], lastMilliseconds: Int?,
    _ each: @escaping ([UInt8]) -> Bool
  ) throws(HTTPFailure) -> HTTPReply? {
    set(CURLOPT_CONNECTTIMEOUT_MS, client.timeoutMilliseconds)
    if let lastMilliseconds { set(CURLOPT_TIMEOUT_MS, max(1, lastMilliseconds)) }
    received.each = each
    let handle = handle
    received.status = {
      var status = 0
      // SAFETY: the callback that asks runs inside the transfer, while the handle is live.
      unsafe martlet_curl_status(handle.pointer, &status)
      return status
    }
    let code = send(method, target, body: body)
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
    unsafe martlet_curl_status(handle.pointer, &status)
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
    if let tls = client.tls { set(tls) }
    if !body.isEmpty || method == .post || method == .put {
      set(CURLOPT_POSTFIELDSIZE, body.count)
      unsafe body.withUnsafeBytes { bytes in
        // SAFETY: libcurl copies the bytes during the call; their number was set before it.
        _ = unsafe martlet_curl_set_pointer(
          handle.pointer, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress)
      }
      // Without a pointer libcurl would read the body from standard input.
      if body.isEmpty { set(CURLOPT_COPYPOSTFIELDS, "") }
    }
    set(CURLOPT_CUSTOMREQUEST, method.rawValue)
    // SAFETY: the list is freed after the transfer that reads it.
    let headers = unsafe curl_slist_append(nil, "Content-Type: application/json")
    defer { unsafe curl_slist_free_all(headers) }
    unsafe martlet_curl_set_pointer(handle.pointer, CURLOPT_HTTPHEADER, headers)
    // SAFETY: `received` outlives the transfer, which runs inside this call.
    unsafe martlet_curl_set_writer(
      handle.pointer, Self.write, Unmanaged.passUnretained(received).toOpaque())
    return unsafe curl_easy_perform(handle.pointer)
  }

  private func set(_ tls: HTTPClientTLS) {
    set(CURLOPT_CAINFO, tls.authority)
    if let certificate = tls.certificate { set(CURLOPT_SSLCERT, certificate) }
    if let key = tls.key { set(CURLOPT_SSLKEY, key) }
  }

  private func set(_ option: CURLoption, _ value: Int) {
    // SAFETY: the handle is live; the option takes a long.
    let code = unsafe martlet_curl_set_long(handle.pointer, option, value)
    precondition(code == CURLE_OK, "libcurl does not know option \(option.rawValue)")
  }

  private func set(_ option: CURLoption, _ value: String) {
    // SAFETY: the handle is live; the option takes a string, which libcurl copies.
    let code = unsafe value.withCString {
      unsafe martlet_curl_set_pointer(handle.pointer, option, $0)
    }
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

  private func failure(_ code: CURLcode, _ method: HTTPMethod, _ target: HTTPTarget)
    -> HTTPFailure
  {
    let what = "cannot \(method.rawValue) \(target.text) at \(client.place)"
    // On a connection that was kept, libcurl may have sent it once before it had to connect again.
    let isUnsent =
      sentBytes == 0
      && [
        CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
        CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      ].contains(code)
    let (why, remedy) = words(for: code)
    return HTTPFailure(isUnsent: isUnsent, failure: Failure(what, why: why, remedy: remedy))
  }

  private func words(for code: CURLcode) -> (why: String, remedy: String) {
    if received.tooLong {
      return (
        "the answer has more than \(client.responseBytes) bytes", "ask for less with a filter"
      )
    }
    switch code {
    case CURLE_COULDNT_CONNECT where connectErrno.rawValue == EACCES:
      return (connectErrno.description, "run the command as root (sudo)")
    case CURLE_COULDNT_CONNECT:
      switch client.destination {
      case .socket: return ("no agent answers there", "is the lab up? see `martlet lab list`")
      case .url: return ("nobody answers there", "check that the server runs, and its address")
      }
    case CURLE_OPERATION_TIMEDOUT:
      return (
        "no answer within \(client.timeoutMilliseconds) ms",
        "check that the agent is alive, and try again"
      )
    case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR:
      return (
        "the answer was cut off",
        "the agent has ended, or this side was too slow for it: ask for less"
      )
    default:
      // SAFETY: libcurl returns a static string, which is copied.
      let words = unsafe String(cString: curl_easy_strerror(code))
      return (words, "check that the agent is alive, and try again")
    }
  }

  private var sentBytes: Int {
    var bytes = 0
    // SAFETY: the handle is live; `bytes` is a local that outlives the call.
    unsafe martlet_curl_request_size(handle.pointer, &bytes)
    return bytes
  }

  private var connectErrno: Errno {
    var number = 0
    // SAFETY: the handle is live; `number` is a local that outlives the call.
    unsafe martlet_curl_connect_errno(handle.pointer, &number)
    return Errno(rawValue: Int32(truncatingIfNeeded: number))
  }
}
