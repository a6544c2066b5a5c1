// JSON text and the encoder: order, nulls, numbers at their limits.

import Base
import Testing

private struct Sample: Encodable {
  var zebra = 1
  var apple: String? = nil
  var present: String? = "x"
  var number: Int? = nil
  var flag: Bool? = nil
  var kind: Kind? = nil
  var nested: [Inner] = [Inner()]
  var counts: [String: UInt64] = ["b": 2, "a": 1, "c": .max]

  struct Inner: Encodable {
    var value: Double = 1.5
    var kind = Kind.second
  }

  enum Kind: String, Encodable { case second }
}

@Suite struct JSONValueTests {
  @Test func encodesInDeclaredOrderWithNulls() throws {
    let value = try JSONValue(encoding: Sample())
    #expect(
      value.description == """
        {"zebra":1,"apple":null,"present":"x","number":null,"flag":null,"kind":null,\
        "nested":[{"value":1.5,"kind":"second"}],\
        "counts":{"a":1,"b":2,"c":1.8446744073709552e+19}}
        """)
  }

  @Test func encodesTopLevelValues() throws {
    #expect(try JSONValue(encoding: [Int]()) == .array([]))
    #expect(try JSONValue(encoding: [String: Int]()) == .object([:]))
    #expect(try JSONValue(encoding: "text") == "text")
    #expect(try JSONValue(encoding: [[1, 2], []]) == [[1, 2], []])
    #expect(try JSONValue(encoding: [Int?.none, 3]) == [.null, 3])
    let ordered: JSONValue = ["b": 1, "a": [true, .null, 0.5, "x"]]
    #expect(try JSONValue(encoding: ordered) == ordered)
  }

  @Test func escapesText() {
    let value: JSONValue = ["quote\"", "back\\slash", "line\nfeed\r\t", "\u{1}\u{7F}", "żółw 🐢"]
    #expect(
      value.description
        == #"["quote\"","back\\slash","line\nfeed\r\t","\u0001\u007f","żółw 🐢"]"#)
  }

  @Test func writesForReaders() {
    let value: JSONValue = ["a": [1, ["b": .null]], "empty": [], "none": [:]]
    #expect(
      value.prettyText == """
        {
          "a": [
            1,
            {
              "b": null
            }
          ],
          "empty": [],
          "none": {}
        }

        """)
  }

  @Test func notANumberIsNull() {
    #expect(JSONValue.double(.nan).description == "null")
    #expect(JSONValue.double(-.infinity).description == "null")
  }

  @Test func setsAndRemovesMembers() {
    var object: JSONObject = ["a": 1, "b": 2]
    object["a"] = 3
    object["c"] = 4
    object["b"] = nil
    object["none"] = nil
    #expect(JSONValue.object(object).description == #"{"a":3,"c":4}"#)
    #expect(object["c"] == 4)
  }
}
