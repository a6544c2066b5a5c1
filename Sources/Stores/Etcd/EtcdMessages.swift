// The JSON of etcd's gateway (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/): protobuf's mapping, in
// which a 64-bit number is text, bytes are Base64, and whatever is zero or empty is left out.

internal import Base
internal import FoundationEssentials

/// A 64-bit number.
struct EtcdNumber: Codable, Hashable, ExpressibleByIntegerLiteral {
  var value: Int64

  init(_ value: Int64) { self.value = value }
  init(integerLiteral value: Int64) { self.value = value }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int64.self) {
      value = number
      return
    }
    guard let number = Int64(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a number")
    }
    value = number
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode("\(value)")
  }
}

/// Bytes, which JSONEncoder writes as Base64.
typealias EtcdBytes = Data

/// What is asked. The gateway takes protobuf's names in camel case, too.
enum EtcdRequest {
  struct Range: Encodable {
    var key: EtcdBytes
    var rangeEnd: EtcdBytes?
    var limit: EtcdNumber?
    var revision: EtcdNumber?
  }

  struct Compare: Encodable {
    var key: EtcdBytes
    var target = "MOD"
    var result = "EQUAL"
    var modRevision: EtcdNumber
  }

  struct Put: Encodable {
    var key: EtcdBytes
    var value: EtcdBytes
    var lease: EtcdNumber?
  }

  struct DeleteRange: Encodable { var key: EtcdBytes }

  /// One of them.
  struct Operation: Encodable {
    var requestRange: Range?
    var requestPut: Put?
    var requestDeleteRange: DeleteRange?
  }

  struct Transaction: Encodable {
    var compare: [Compare]
    var success: [Operation]
    var failure: [Operation]
  }

  struct Watch: Encodable {
    struct Create: Encodable {
      var key: EtcdBytes
      var rangeEnd: EtcdBytes
      var startRevision: EtcdNumber
    }

    var createRequest: Create
  }

  struct Compaction: Encodable { var revision: EtcdNumber }

  struct Lease: Encodable {
    var id: EtcdNumber?
    var seconds: EtcdNumber?

    enum CodingKeys: String, CodingKey {
      case id = "ID"
      case seconds = "TTL"
    }
  }
}

/// What is answered, in protobuf's own names.
enum EtcdAnswer {
  struct Header: Decodable { var revision: EtcdNumber? }

  struct KeyValue: Decodable {
    var key: EtcdBytes
    var value: EtcdBytes?
    var createRevision: EtcdNumber?
    var modRevision: EtcdNumber?
    var version: EtcdNumber?
    var lease: EtcdNumber?

    enum CodingKeys: String, CodingKey {
      case key, value, version, lease
      case createRevision = "create_revision"
      case modRevision = "mod_revision"
    }
  }

  struct Range: Decodable {
    var header: Header
    var kvs: [KeyValue]?
    var more: Bool?
  }

  struct Transaction: Decodable {
    struct Response: Decodable {
      var range: Range?

      enum CodingKeys: String, CodingKey { case range = "response_range" }
    }

    var header: Header
    var succeeded: Bool?
    var responses: [Response]?
  }

  struct Watch: Decodable {
    struct Event: Decodable {
      /// "DELETE", or nothing for a put.
      var type: String?
      var kv: KeyValue
    }

    struct Result: Decodable {
      var header: Header?
      var canceled: Bool?
      var cancelReason: String?
      var compactRevision: EtcdNumber?
      var events: [Event]?

      enum CodingKeys: String, CodingKey {
        case header, canceled, events
        case cancelReason = "cancel_reason"
        case compactRevision = "compact_revision"
      }
    }

    var result: Result?
    var error: Problem?
  }

  struct Lease: Decodable {
    var id: EtcdNumber?
    var seconds: EtcdNumber?

    enum CodingKeys: String, CodingKey {
      case id = "ID"
      case seconds = "TTL"
    }
  }

  struct KeepAlive: Decodable { var result: Lease? }

  /// A gRPC status. In a stream its code has another name.
  struct Problem: Decodable {
    var code: Int?
    var streamCode: Int?
    var message: String?

    enum CodingKeys: String, CodingKey {
      case code, message
      case streamCode = "grpc_code"
    }

    /// google.rpc.Code
    var status: Int { code ?? streamCode ?? 0 }
    static let notFound = 5
    static let outOfRange = 11
    static let unavailable = 14
  }
}
