// One object from QEMU: a greeting, an answer, a refusal or an event (docs/interop/qmp-spec).

internal import Base
internal import FoundationEssentials

/// What came.
enum QMPMessage: Hashable, Sendable {
  case greeting
  /// An answer to the command with this number; filters when it was about them.
  case answer(id: Int?, filters: [RxFilter]?)
  case refusal(id: Int?, words: String)
  /// `nic` is its `id`, when it has one.
  case rxFilterChanged(nic: String?)
  case otherEvent

  init(_ bytes: [UInt8]) throws(Failure) {
    do {
      self = try JSONDecoder().decode(Form.self, from: Data(bytes)).message
    } catch {
      throw Failure(
        "cannot understand QEMU", why: Self.words(error),
        remedy: "check that it is QEMU 2.0 or later, and the path that of its QMP socket")
    }
  }

  private static func words(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .keyNotFound(let key, _): return "\(key.stringValue) is missing in what it said"
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .dataCorrupted(let context):
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return path.isEmpty ? "what it said is not JSON" : "\(path): \(context.debugDescription)"
    @unknown default: return "\(error)"
    }
  }
}

/// The JSON of a message.
private struct Form: Decodable {
  private enum Key: String, CodingKey {
    case greeting = "QMP"
    case answer = "return"
    case error, event, data, id
  }

  private struct Refusal: Decodable { var desc: String }
  private struct EventData: Decodable { var name: String? }

  var message: QMPMessage

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    let id = try? values.decodeIfPresent(Int.self, forKey: .id)
    if values.contains(.greeting) {
      message = .greeting
    } else if values.contains(.event) {
      guard try values.decode(String.self, forKey: .event) == "NIC_RX_FILTER_CHANGED" else {
        message = .otherEvent
        return
      }
      message = .rxFilterChanged(
        nic: try values.decodeIfPresent(EventData.self, forKey: .data)?.name)
    } else if values.contains(.error) {
      let words = try values.decode(Refusal.self, forKey: .error).desc
      message = .refusal(id: id, words: words)
    } else {
      // Other commands are answered with an object, empty or not.
      let isList = (try? values.nestedUnkeyedContainer(forKey: .answer)) != nil
      message = .answer(
        id: id, filters: isList ? try values.decode([RxFilter].self, forKey: .answer) : nil)
    }
  }
}
