// Asks one server, one request at a time: libcurl-easy(3).
//
// Each request is a transfer of its own with a deadline and a bound on the answer, so a server that
// hangs or floods costs a bounded wait and bounded memory. Transfers that follow each other share
// connections (`TransferPool`). Failures are in words for the person who typed the command: a socket that
// nobody answers on means that no agent runs there.

public import Base

/// What a server answered.
public struct HTTPReply: Sendable {
  public var status: Int
  public var body: [UInt8]
}

/// What a client shows and asks for on `https:` URLs. All are paths of files in PEM form.
public struct HTTPClientTLS: Hashable, Sendable {
  /// The authority that must have signed the server's certificate.
  public var authority: String
  /// This client's own, where the server asks for one.
  public var certificate: String?
  public var key: String?

  public init(authority: String, certificate: String? = nil, key: String? = nil) {
    self.authority = authority
    self.certificate = certificate
    self.key = key
  }
}

/// A request that was not answered.
public struct HTTPFailure: Error, Hashable, Sendable {
  /// Nothing has reached the server: it cannot have done anything.
  public var isUnsent: Bool
  public var failure: Failure
}

/// A server to ask, with the bounds of each request.
///
/// - Thread: any, several at once; each request waits on the calling thread.
public struct HTTPClient: Sendable {
  /// Where the server listens.
  public enum Destination: Hashable, Sendable {
    case socket(String)
    /// `http://host:port` or `https://host:port`, without a path.
    case url(String)
  }

  public var destination: Destination
  /// The whole request, from connecting to the last byte.
  public var timeoutMilliseconds: Int
  public var responseBytes: Int
  public var tls: HTTPClientTLS?
  private let pool = TransferPool()

  public init(
    _ destination: Destination, timeoutMilliseconds: Int = 30_000,
    responseBytes: Int = 64 * 1024 * 1024, tls: HTTPClientTLS? = nil
  ) {
    self.destination = destination
    self.timeoutMilliseconds = timeoutMilliseconds
    self.responseBytes = responseBytes
    self.tls = tls
  }

  /// Sends a request and waits for the whole answer, whatever its status.
  public func send(_ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8] = [])
    throws(Failure) -> HTTPReply
  {
    do throws(HTTPFailure) { return try ask(method, target, body: body) } catch {
      throw error.failure
    }
  }

  /// The same, for who has to know whether a request without an answer may have been served.
  public func ask(_ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8] = [])
    throws(HTTPFailure) -> HTTPReply
  {
    let transfer = try pool.take(for: self)
    let reply = try transfer.perform(method, target, body: body)
    pool.give(back: transfer)
    return reply
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
  /// that it carries; one that is cut off is a failure too. The connection is not used again.
  /// - Parameter lastMilliseconds: when to stop, which is no failure; `nil` goes on to the end.
  /// - Parameter each: called on this thread; false stops.
  public func stream(
    _ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8] = [], lastMilliseconds: Int? = nil,
    each: @escaping ([UInt8]) -> Bool
  ) throws(Failure) {
    var reply: HTTPReply?
    do throws(HTTPFailure) {
      let transfer = try pool.take(for: self)
      reply = try transfer.stream(
        method, target, body: body, lastMilliseconds: lastMilliseconds, each)
    } catch { throw error.failure }
    if let reply { _ = try self.body(of: reply, method, target) }
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
