// What the daemon calls: from the first header of a request to the queued response.
//
// The daemon calls `target` once with the request line, then `access` with the headers, with each
// piece of the body, and at its end, then `completed`. The state of one request is an `Incoming`,
// retained from the first call to the last. A body over the limit is read and thrown away up to four
// times the limit, so that the client gets to read its 413 instead of a reset connection.

internal import Base
internal import CMicrohttpd
internal import Synchronization

/// The handler with its limits, shared by all connections of a server.
final class HTTPExchange: Sendable {
  private let limits: HTTPServer.Limits
  private let admit: HTTPServer.Admission
  private let handler: HTTPServer.Handler
  private let streams = Mutex<Streams>(Streams())

  private struct Streams {
    var open: [ObjectIdentifier: HTTPStream] = [:]
    var stopping = false
  }

  /// A request that is still coming in. Only ever touched by the thread of its connection.
  private final class Incoming {
    let target: String
    var begun = false
    var body: [UInt8] = []
    var discardedBytes = 0

    init(target: String) { self.target = target }
  }

  init(
    limits: HTTPServer.Limits, admit: @escaping HTTPServer.Admission,
    handler: @escaping HTTPServer.Handler
  ) {
    self.limits = limits
    self.admit = admit
    self.handler = handler
  }

  /// Ends every streamed response, and every one that is still to begin.
  func finishStreams() {
    let open = streams.withLock { streams in
      streams.stopping = true
      return Array(streams.open.values)
    }
    for stream in open { stream.finish() }
  }

  // MARK: The daemon's callbacks

  static let targetCallback:
    @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?)
      -> UnsafeMutableRawPointer? = { _, target, _ in
        // SAFETY: the daemon hands over a C string, which is copied.
        let text = unsafe target.map { unsafe String(cString: $0) } ?? ""
        return unsafe Unmanaged.passRetained(Incoming(target: text)).toOpaque()
      }

  static let accessCallback: MHD_AccessHandlerCallback = {
    context, connection, _, method, _, upload, uploadSize, request in
    guard let context = unsafe context, let connection = unsafe connection,
      let method = unsafe method, let uploadSize = unsafe uploadSize,
      let request = unsafe request?.pointee
    else { return .NO }
    // SAFETY: the context is the exchange, which outlives the daemon; the request was retained by
    // the target callback and is released by the completed callback.
    let exchange = unsafe Unmanaged<HTTPExchange>.fromOpaque(context).takeUnretainedValue()
    let incoming = unsafe Unmanaged<Incoming>.fromOpaque(request).takeUnretainedValue()
    let piece = unsafe UnsafeRawBufferPointer(start: upload, count: uploadSize.pointee)
    let verdict = unsafe exchange.receive(
      piece, of: incoming, method: String(cString: method), on: connection)
    unsafe uploadSize.pointee = 0
    return verdict
  }

  static let completedCallback: MHD_RequestCompletedCallback = { _, _, request, _ in
    guard let pointer = unsafe request?.pointee else { return }
    unsafe request?.pointee = nil
    // SAFETY: balances the retain of the target callback; the daemon calls this once a request.
    unsafe Unmanaged<Incoming>.fromOpaque(pointer).release()
  }

  // MARK: One request

  private func receive(
    _ piece: UnsafeRawBufferPointer, of incoming: Incoming, method: String,
    on connection: OpaquePointer
  ) -> MHD_Result {
    // SAFETY: the daemon lends the connection and the piece for this call.
    if !incoming.begun {
      incoming.begun = true
      if let refusal = unsafe refuse(connection) { return unsafe queue(refusal, on: connection) }
      return .YES
    }
    if piece.count > 0 {
      let tooLong = incoming.body.count + piece.count > limits.bodyBytes
      if tooLong || incoming.discardedBytes > 0 {
        incoming.discardedBytes += piece.count
        return incoming.discardedBytes > 4 * limits.bodyBytes ? .NO : .YES
      }
      unsafe incoming.body.append(contentsOf: piece)
      return .YES
    }
    let response = unsafe answer(incoming, method: method, on: connection)
    return unsafe queue(response, on: connection)
  }

  /// What can be refused before the body is read.
  private func refuse(_ connection: OpaquePointer) -> HTTPResponse? {
    // SAFETY: the connection lives during the callback.
    if let peer = unsafe Self.peer(of: connection), !admit(peer) {
      return .failure(
        Failure(
          "cannot serve user \(peer.userID)", why: "only root and the agent's own user are served",
          remedy: "run the command as root (sudo)"),
        status: 403)
    }
    // SAFETY: the daemon's string lives as long as the request, and is copied.
    let length = unsafe MHD_lookup_connection_value(connection, .HEADER_KIND, "Content-Length")
    let declaredBytes = unsafe length.flatMap { unsafe Int(String(cString: $0)) } ?? 0
    let waits = unsafe MHD_lookup_connection_value(connection, .HEADER_KIND, "Expect") != nil
    if declaredBytes > (waits ? limits.bodyBytes : 4 * limits.bodyBytes) { return tooLarge }
    return nil
  }

  private func answer(_ incoming: Incoming, method: String, on connection: OpaquePointer)
    -> HTTPResponse
  {
    if incoming.discardedBytes > 0 { return tooLarge }
    guard let target = HTTPTarget(parsing: incoming.target) else {
      return .failure(
        Failure(
          "cannot read the request", why: "its target is not a path in UTF-8",
          remedy: "send an absolute path, with other bytes than A-Z a-z 0-9 - . _ ~ as %XX"))
    }
    guard let method = HTTPMethod(rawValue: method == "HEAD" ? "GET" : method) else {
      return .failure(
        Failure(
          "cannot \(method) \(incoming.target)", why: "this server does not take the method",
          remedy: "use GET, POST, PUT or DELETE"),
        status: 405)
    }
    var request = HTTPRequest(method: method, target: target, body: incoming.body)
    // SAFETY: the connection lives during the callback; its strings are copied.
    request.peer = unsafe Self.peer(of: connection)
    request.certificate = unsafe Self.certificate(of: connection)
    request.authorization = unsafe MHD_lookup_connection_value(
      connection, .HEADER_KIND, "Authorization"
    ).map { unsafe String(cString: $0) }
    return handler(request)
  }

  private static func certificate(of connection: OpaquePointer) -> HTTPClientCertificate {
    var bytes: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    // SAFETY: the connection lives during the callback, and owns the bytes, which are copied.
    switch unsafe martlet_httpd_certificate(connection, &bytes, &count) {
    case 1: return unsafe .verified(Array(UnsafeBufferPointer(start: bytes, count: Int(count))))
    case 0: return .none
    default: return .refused
    }
  }

  private var tooLarge: HTTPResponse {
    .failure(
      Failure(
        "cannot read the request", why: "its body has more than \(limits.bodyBytes) bytes",
        remedy: "send less at once"),
      status: 413)
  }

  private static func peer(of connection: OpaquePointer) -> HTTPPeer? {
    var peer = martlet_httpd_credentials()
    // SAFETY: the connection lives during the callback, and `peer` during the call.
    guard unsafe martlet_httpd_peer(connection, &peer) == 0 else { return nil }
    return HTTPPeer(processID: peer.process, userID: peer.user, groupID: peer.group)
  }
}

// MARK: Responses

extension HTTPExchange {
  /// A stream that a connection reads, owned by the daemon's response until it is freed.
  @safe private final class Reading {
    let stream: HTTPStream
    let exchange: HTTPExchange
    let connection: OpaquePointer

    init(stream: HTTPStream, exchange: HTTPExchange, connection: OpaquePointer) {
      self.stream = stream
      self.exchange = exchange
      // SAFETY: a response is freed before its connection.
      unsafe self.connection = connection
    }
  }

  fileprivate func queue(_ response: HTTPResponse, on connection: OpaquePointer) -> MHD_Result {
    guard let made = unsafe make(response, for: connection) else { return .NO }
    // SAFETY: `made` is a fresh response; queueing takes its own reference, ours is given back.
    defer { unsafe MHD_destroy_response(made) }
    for header in response.headers {
      guard unsafe MHD_add_response_header(made, header.name, header.value) == .YES else {
        return .NO
      }
    }
    return unsafe MHD_queue_response(connection, UInt32(response.status), made)
  }

  private func make(_ response: HTTPResponse, for connection: OpaquePointer) -> OpaquePointer? {
    switch response.body {
    case .bytes(var bytes):
      // SAFETY: the daemon copies the bytes during the call.
      return unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe MHD_create_response_from_buffer(
          buffer.count, buffer.baseAddress, .RESPMEM_MUST_COPY)
      }
    case .stream(let stream):
      register(stream)
      let reading = unsafe Reading(stream: stream, exchange: self, connection: connection)
      let context = unsafe Unmanaged.passRetained(reading)
      // SAFETY: the free callback gives back the retain, once, when the response is freed.
      let made = unsafe MHD_create_response_from_callback(
        UInt64.max, 16 * 1024, Self.readCallback, context.toOpaque(), Self.freeCallback)
      if unsafe made == nil { unsafe Self.free(context) }
      return unsafe made
    }
  }

  private func register(_ stream: HTTPStream) {
    let stopping = streams.withLock { streams in
      streams.open[ObjectIdentifier(stream)] = stream
      return streams.stopping
    }
    if stopping { stream.finish() }
  }

  private static let readCallback: MHD_ContentReaderCallback = { context, _, buffer, count in
    guard let context = unsafe context, let buffer = unsafe buffer else { return -2 }
    // SAFETY: retained until the free callback; the buffer holds `count` bytes during this call.
    let reading = unsafe Unmanaged<Reading>.fromOpaque(context).takeUnretainedValue()
    return unsafe reading.stream.read(
      into: UnsafeMutableRawBufferPointer(start: buffer, count: count), for: reading.connection)
  }

  private static let freeCallback: MHD_ContentReaderFreeCallback = { context in
    // SAFETY: the daemon calls this once, with the context that `make` retained.
    guard let context = unsafe context else { return }
    unsafe free(Unmanaged<Reading>.fromOpaque(context))
  }

  private static func free(_ context: Unmanaged<Reading>) {
    // SAFETY: balances the retain in `make`.
    let reading = unsafe context.takeRetainedValue()
    reading.exchange.streams.withLock {
      $0.open[ObjectIdentifier(reading.stream)] = nil
    }
    reading.stream.close()
  }
}
