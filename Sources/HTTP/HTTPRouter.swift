// Which handler answers a request: by method and path.
//
// A pattern is a path whose `{name}` segments match any one segment. The first route that matches
// wins. An unknown path is 404, a known path with another method is 405 and says what is allowed.

public import Base

/// A table of routes that is itself a handler.
public struct HTTPRouter: Sendable {
  /// Answers a request, or fails in words, which become a 400.
  public typealias Handler = @Sendable (HTTPRequest) throws(Failure) -> HTTPResponse

  private struct Route: Sendable {
    var method: HTTPMethod
    var pattern: [Piece]
    var handler: Handler

    /// What the names in the pattern stand for; nil when the path is another one.
    func match(_ segments: [String]) -> [String: String]? {
      guard segments.count == pattern.count else { return nil }
      var parameters: [String: String] = [:]
      for (piece, segment) in zip(pattern, segments) {
        switch piece {
        case .literal(let text): if text != segment { return nil }
        case .parameter(let name): parameters[name] = segment
        }
      }
      return parameters
    }
  }

  private enum Piece: Sendable {
    case literal(String)
    case parameter(String)
  }

  private var routes: [Route] = []

  public init() {}

  /// Adds a route: `on(.get, "/v1/ports/{id}") { request in … }`.
  public mutating func on(
    _ method: HTTPMethod, _ pattern: String, _ handler: @escaping Handler
  ) {
    let pieces = pattern.split(separator: "/").map { piece in
      piece.hasPrefix("{") && piece.hasSuffix("}")
        ? Piece.parameter(String(piece.dropFirst().dropLast())) : .literal(String(piece))
    }
    routes.append(Route(method: method, pattern: pieces, handler: handler))
  }

  /// Answers with the first route that matches.
  public func respond(to request: HTTPRequest) -> HTTPResponse {
    var allowed: [String] = []
    for route in routes {
      guard let parameters = route.match(request.target.segments) else { continue }
      guard route.method == request.method else {
        allowed.append(route.method.rawValue)
        continue
      }
      var request = request
      request.parameters = parameters
      do throws(Failure) {
        return try route.handler(request)
      } catch {
        return .failure(error)
      }
    }
    let what = "cannot \(request.method.rawValue) \(request.target.text)"
    if allowed.isEmpty {
      return .failure(
        Failure(
          what, why: "there is no such path",
          remedy: "use a path of the API that this version speaks"),
        status: 404)
    }
    let methods = allowed.joined(separator: ", ")
    var response = HTTPResponse.failure(
      Failure(what, why: "the path does not take this method", remedy: "use \(methods)"),
      status: 405)
    response.headers.append(.init(name: "Allow", value: methods))
    return response
  }
}
