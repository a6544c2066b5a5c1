// A response as a handler gives it: a status, a few headers, and bytes or a stream of them.
//
// An error travels as `{"error":{"what","why","remedy"}}`, with `file`, `line` and `column` when a
// file is at fault, and becomes the same `Failure` again at the client.

public import Base

/// What a handler answers.
public struct HTTPResponse: Sendable {
  /// The bytes that follow the headers.
  public enum Body: Sendable {
    case bytes([UInt8])
    /// Sent as it comes, in chunks, until the stream is finished.
    case stream(HTTPStream)
  }

  /// One response header.
  public struct Header: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public var status: Int
  public var headers: [Header]
  public var body: Body

  public init(status: Int = 200, headers: [Header] = [], body: Body = .bytes([])) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// A value as JSON.
  public static func json(_ value: some Encodable, status: Int = 200) -> HTTPResponse {
    do {
      return HTTPResponse(
        status: status, headers: [jsonType], body: .bytes(try JSONText.encode(value)))
    } catch {
      return failure(error, status: 500)
    }
  }

  /// A failure as JSON. A client error (4xx) unless it is said otherwise.
  public static func failure(_ failure: Failure, status: Int = 400) -> HTTPResponse {
    // A struct of strings and integers always encodes.
    let bytes = (try? JSONText.encode(FailureMessage(failure))) ?? []
    return HTTPResponse(status: status, headers: [jsonType], body: .bytes(bytes))
  }

  /// Lines of JSON, one value each, sent as they come.
  public static func lines(_ stream: HTTPStream) -> HTTPResponse {
    HTTPResponse(
      headers: [Header(name: "Content-Type", value: "application/x-ndjson")],
      body: .stream(stream))
  }

  private static let jsonType = Header(name: "Content-Type", value: "application/json")
}

/// The JSON form of a `Failure`.
struct FailureMessage: Codable {
  struct Content: Codable {
    var what: String
    var why: String
    var remedy: String
    var file: String?
    var line: Int?
    var column: Int?
  }

  var error: Content

  init(_ failure: Failure) {
    error = Content(
      what: failure.what, why: failure.why, remedy: failure.remedy, file: failure.location?.file,
      line: failure.location?.line, column: failure.location?.column)
  }

  var failure: Failure {
    let location = error.file.map {
      SourceLocation(file: $0, line: error.line ?? 1, column: error.column ?? 1)
    }
    return Failure(error.what, why: error.why, remedy: error.remedy, at: location)
  }
}
