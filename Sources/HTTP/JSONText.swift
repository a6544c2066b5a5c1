// Values to JSON and back, the same bytes every time.
//
// Keys are sorted and slashes are not escaped, so two answers that mean the same are the same bytes
// and a script can compare them. RFC 8259.

public import Base
internal import FoundationEssentials

/// JSON as the API and the command line write it.
public enum JSONText {
  /// One line, or indented for people.
  public static func encode(_ value: some Encodable, indented: Bool = false) throws(Failure)
    -> [UInt8]
  {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if indented { encoder.outputFormatting.insert(.prettyPrinted) }
    do {
      return [UInt8](try encoder.encode(value))
    } catch {
      throw Failure(
        "cannot write \(type(of: value)) as JSON", why: "\(error)",
        remedy: "report this with the command that you ran")
    }
  }

  /// - Parameter what: what was being done, for the error: "cannot read the answer of host1".
  public static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], what: String = "cannot read JSON"
  ) throws(Failure) -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw Failure(what, why: Self.words(error), remedy: "send JSON of the documented shape")
    } catch {
      throw Failure(what, why: "\(error)", remedy: "send JSON of the documented shape")
    }
  }

  /// "ports[2].vlan: expected Int"
  private static func words(_ error: DecodingError) -> String {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "\(path(context.codingPath)): \(context.debugDescription)"
    case .keyNotFound(let key, let context):
      "\(path(context.codingPath + [key])): the key is missing"
    case .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "it is not JSON" : "\(path(context.codingPath)): \(context.debugDescription)"
    @unknown default:
      "\(error)"
    }
  }

  private static func path(_ keys: [any CodingKey]) -> String {
    var text = ""
    for key in keys {
      if let index = key.intValue {
        text += "[\(index)]"
      } else {
        text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
      }
    }
    return text.isEmpty ? "the top level" : text
  }
}
