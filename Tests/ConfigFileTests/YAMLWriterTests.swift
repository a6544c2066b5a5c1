// What is written, exactly; and that it reads back as the same value, for values made at random.

import Base
import ConfigFile
import Model
import Testing

private func readBack(_ text: String) throws -> JSONValue {
  try YAMLReader.read(Array(text.utf8), file: "f.yaml").value
}

@Suite struct YAMLWriterTests {
  @Test func writesBlockStyle() {
    let value: JSONValue = [
      "name": "web1", "ports": 2, "state": .null, "empty": [], "none": [:],
      "nics": [
        ["mac": "00:50:56:00:00:01", "up": true, "tags": ["a", ["b", "c"]]], ["mac": "x"], [],
      ],
    ]
    #expect(
      YAMLWriter.text(value) == """
        name: web1
        ports: 2
        state: null
        empty: []
        none: {}
        nics:
          - mac: "00:50:56:00:00:01"
            up: true
            tags:
              - a
              - - b
                - c
          - mac: x
          - []

        """)
  }

  @Test(arguments: [
    ("web1", "web1"), ("/run/martlet/host1.sock", "/run/martlet/host1.sock"),
    ("VM Network", "VM Network"), ("loadbalance_srcid", "loadbalance_srcid"),
    ("", "\"\""), ("yes", "\"yes\""), ("No", "\"No\""), ("null", "\"null\""), ("~", "\"~\""),
    ("1e3", "\"1e3\""), ("10", "\"10\""), ("0-99,200", "\"0-99,200\""),
    ("00:50:56:00:00:01", "\"00:50:56:00:00:01\""), ("fd00:10::1/64", "\"fd00:10::1/64\""),
    ("- a", "\"- a\""), ("a: b", "\"a: b\""), ("a #b", "\"a #b\""), ("a ", "\"a \""),
    ("&a", "\"&a\""), ("two\nlines", #""two\nlines""#), ("tab\t", #""tab\t""#),
    (#"back\slash"#, #""back\\slash""#), (#"say "hi""#, #""say \"hi\"""#),
    ("żółw 🐢", "\"żółw 🐢\""), ("\u{0}\u{85}\u{2028}\u{FEFF}", #""\u0000\u0085\u2028\ufeff""#),
  ])
  func quotesWhatAReaderCouldMistake(_ value: String, _ expected: String) throws {
    #expect(YAMLWriter.text(.string(value)) == expected + "\n")
    #expect(try readBack("[\(expected)]") == [.string(value)])
    #expect(try readBack(YAMLWriter.text(["k": .string(value)])) == ["k": .string(value)])
  }

  @Test(arguments: [
    (JSONValue.double(.infinity), ".inf"), (.double(-.infinity), "-.inf"), (.double(1), "1.0"),
    (.double(1e300), "1e+300"), (.double(-0.1), "-0.1"), (.int(.min), "-9223372036854775808"),
  ])
  func writesNumbers(_ value: JSONValue, _ expected: String) throws {
    #expect(YAMLWriter.text(value) == expected + "\n")
    #expect(try readBack(expected) == value)
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func readsBackAsTheSameValue(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let value: JSONValue = ["root": .random(depth: 4, using: &random)]
    let text = YAMLWriter.text(value)
    #expect(try readBack(text) == value, "seed \(seed):\n\(text)")
  }

  @Test func aLongKeyReadsBack() throws {
    let key = String(repeating: "key ", count: 500) + "end"
    let value: JSONValue = [
      "list": [["k": 1, "x": 2]], "outer": .object([key: ["a": [1]], "\(key)2": 3]),
    ]
    #expect(try readBack(YAMLWriter.text(value)) == value)
  }
}

extension JSONValue {
  /// A value with up to four elements a level and text of all kinds.
  fileprivate static func random(depth: Int, using random: inout SeededRandom) -> JSONValue {
    switch Int.random(in: depth > 0 ? 0..<10 : 2..<10, using: &random) {
    case 0:
      let count = Int.random(in: 0...4, using: &random)
      return .array((0..<count).map { _ in .random(depth: depth - 1, using: &random) })
    case 1:
      var object: JSONObject = [:]
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        object[.random(using: &random)] = .random(depth: depth - 1, using: &random)
      }
      return .object(object)
    case 2: return .null
    case 3: return .bool(.random(using: &random))
    case 4: return .int(.random(in: .min ... .max, using: &random))
    case 5: return .int(.random(in: -100...5000, using: &random))
    case 6: return .double(.random(in: -1e6...1e6, using: &random))
    default: return .string(.random(using: &random))
    }
  }
}

extension String {
  fileprivate static func random(using random: inout SeededRandom) -> String {
    let words = [
      "yes", "null", "1e3", "0x1F", "a", "web-1", "~", "- ", ": ", " #", "\n", "\r\n", "\t", "\"",
      "'", "\\", "{", "[", "*", "&", "!", "%", "@", "`", "|", ">", "?", "ż", "🐢", "\u{0}",
      "\u{7F}", "\u{2029}", "\u{FFFE}", "\u{10FFFF}", "---", "...", " ", "0", ".5",
    ]
    return (0..<Int.random(in: 0...4, using: &random)).map { _ in
      words[Int.random(in: words.indices, using: &random)]
    }.joined()
  }
}
