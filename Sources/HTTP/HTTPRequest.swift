// A request as a handler sees it: whole, checked and bounded.
//
// The server reads the body to its end before it calls a handler, so a handler never waits for a
// peer. Methods are those of RFC 9110 that a JSON API needs; every other one is answered 405.

public import Base

/// What a request asks for.
public enum HTTPMethod: String, Sendable, CaseIterable {
  case get = "GET"
  case post = "POST"
  case put = "PUT"
  case delete = "DELETE"
}

/// The process at the other end of a Unix socket, as the kernel names it (SO_PEERCRED, unix(7)).
public struct HTTPPeer: Hashable, Sendable {
  public var processID: Int32
  public var userID: UInt32
  public var groupID: UInt32

  public init(processID: Int32, userID: UInt32, groupID: UInt32) {
    self.processID = processID
    self.userID = userID
    self.groupID = groupID
  }
}

/// What a client has shown of itself over TLS.
public enum HTTPClientCertificate: Hashable, Sendable {
  /// Nothing; or there is no TLS.
  case none
  /// A certificate that the server's client authority has signed for clients, and that is valid now: in DER
  /// form. Whether it has been revoked is the handler's to know.
  case verified([UInt8])
  /// Another one.
  case refused
}

/// One request, read to its end.
public struct HTTPRequest: Sendable {
  public var method: HTTPMethod
  public var target: HTTPTarget
  public var body: [UInt8]
  /// Who asks on a Unix socket; nil when the kernel does not say.
  public var peer: HTTPPeer?
  /// Who asks over TLS.
  public var certificate = HTTPClientCertificate.none
  /// The value of the Authorization header (RFC 9110, 11.6.2), if there is one.
  public var authorization: String?
  /// What the `{name}` segments of the route matched. Filled by `HTTPRouter`.
  public var parameters: [String: String] = [:]

  public init(
    method: HTTPMethod, target: HTTPTarget, body: [UInt8] = [], peer: HTTPPeer? = nil
  ) {
    self.method = method
    self.target = target
    self.body = body
    self.peer = peer
  }

  /// What a `{name}` segment matched. Traps when the route has no such segment.
  public func parameter(_ name: String) -> String {
    guard let value = parameters[name] else {
      preconditionFailure("the route has no {\(name)} segment")
    }
    return value
  }

  /// The JSON body as a value; a body that is not one is the sender's fault.
  public func decode<Value: Decodable>(_ type: Value.Type) throws(Failure) -> Value {
    try JSONText.decode(type, from: body, what: "cannot read the request body")
  }
}
