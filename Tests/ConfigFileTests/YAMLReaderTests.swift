// YAML that is no YAML, or beyond a bound, with its exact place; and what a good text reads as.

import Base
import ConfigFile
import Model
import Testing

private func read(_ text: String) throws(Failure) -> ConfigNode {
  try YAMLReader.read(Array(text.utf8), file: "f.yaml")
}

/// What is told about a text, without the file and the subject.
private func problem(_ bytes: [UInt8]) -> String {
  do throws(Failure) {
    _ = try YAMLReader.read(bytes, file: "f.yaml")
    return "none"
  } catch {
    guard let place = error.location else { return "no place: \(error)" }
    #expect(error.what == "YAML" && place.file == "f.yaml")
    return "\(place.line):\(place.column): \(error.why); \(error.remedy)"
  }
}

@Suite struct YAMLReaderTests {
  @Test(arguments: [
    ("", "1:1: the file is empty; begin it with `apiVersion: martlet/v1`"),
    ("# nothing\n", "1:1: the file is empty; begin it with `apiVersion: martlet/v1`"),
    ("---\n", "1:1: the file is empty; begin it with `apiVersion: martlet/v1`"),
    (
      "a: 1\n---\nb: 2\n",
      "2:1: a second document begins here; keep one document in a file, and remove this `---`"
    ),
    (
      "a: b: c\n",
      "1:5: mapping values are not allowed in this context; check the indentation, and quote "
        + "text that has a colon"
    ),
    (
      "a:\n\t- b\n",
      "2:1: found character that cannot start any token; indent with spaces, not tabs, and quote "
        + "text that begins so"
    ),
    (
      "a: [1, 2\nb: 3\n",
      "2:2: did not find expected ',' or ']'; close the list with `]`, with commas between"
    ),
    (
      "a: { b: 1\n",
      "2:1: did not find expected ',' or '}'; close the mapping with `}`, with commas between"
    ),
    ("a: \"b\n", "2:1: found unexpected end of stream; close the quotes"),
    (
      "a: 1\n b: 2\n",
      "2:3: mapping values are not allowed in this context; check the indentation, and quote "
        + "text that has a colon"
    ),
    (
      "- a\nb: 1\n",
      "2:1: did not find expected '-' indicator; align the `- ` of the elements of the list"
    ),
    (
      "a: *none\n",
      "1:4: unknown alias `*none`; name an anchor `&none` that ends above"
    ),
    (
      "a: &self [*self]\n",
      "1:11: `*self` refers to what it is part of; name an anchor `&self` that ends above"
    ),
    (
      "a: !!int 1\n",
      "1:4: the tag `tag:yaml.org,2002:int` is not understood; remove it; quotes say that a value "
        + "is text"
    ),
    ("[a]: 1\n", "1:1: a key must be plain text; write it as `key: value`"),
    (
      "a: 1\nb: \u{1}\n",
      "2:4: control characters are not allowed; remove the character that is no text"
    ),
  ])
  func refuses(_ text: String, _ expected: String) {
    #expect(problem(Array(text.utf8)) == expected)
  }

  @Test func refusesBytesThatAreNoText() {
    // The place counts characters, not bytes: ż is two of them.
    let bytes = Array("a: 1\nż: ".utf8) + [0xFF, 0x0A]
    #expect(problem(bytes) == "2:4: invalid leading UTF-8 octet; save the file as UTF-8")
  }

  @Test func boundsTheDepth() {
    let limit = YAMLReader.depthLimit
    func nested(_ depth: Int) -> [UInt8] {
      Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    #expect(problem(nested(limit)) == "none")
    let expected =
      "1:33: lists and mappings are more than 32 deep; no value of a Martlet file is that deep; "
      + "check the brackets"
    #expect(problem(nested(limit + 1)) == expected)
    #expect(problem(nested(500_000)) == expected)
  }

  @Test func boundsTheDepthThroughAliases() {
    // Each line stands one deeper than the one before, by its alias alone.
    var text = "a0: &a0 [1]\n"
    for line in 1...40 { text += "a\(line): &a\(line) [*a\(line - 1)]\n" }
    #expect(problem(Array(text.utf8)).contains("more than 32 deep"))
  }

  @Test func boundsWhatAliasesRepeat() {
    // Ten lines of ten aliases each would be ten thousand million values.
    var text = "a0: &a0 [1]\n"
    for line in 1...10 {
      let aliases = Array(repeating: "*a\(line - 1)", count: 10).joined(separator: ", ")
      text += "a\(line): &a\(line) [\(aliases)]\n"
    }
    #expect(
      problem(Array(text.utf8)) == "7:10: the file has more than 400000 values, aliases written "
        + "out; split it, or use fewer aliases")
  }

  @Test func boundsTheSize() {
    let text = "a: " + String(repeating: "x", count: YAMLReader.sizeLimitBytes)
    #expect(
      problem(Array(text.utf8)) == "1:1: the file is larger than 4194304 bytes; check that it is "
        + "the right file, or split it")
  }

  @Test func placesAreThoseOfTheText() throws {
    let root = try read("# comment\nż: [1, {b: \"2\"}]\nc:\n")
    #expect(root.location == SourceLocation(file: "f.yaml", line: 2, column: 1))
    let list = try #require(root["ż"])
    #expect(list.location == SourceLocation(file: "f.yaml", line: 2, column: 4))
    let inner = try #require(list.elements?.last?["b"])
    #expect(inner.location == SourceLocation(file: "f.yaml", line: 2, column: 12))
    #expect(inner.scalar == .init("2", isQuoted: true))
    #expect(root["c"]?.isNull == true)
    #expect(root.entries?.map(\.keyLocation.line) == [2, 3])
  }

  @Test func anAliasStandsWhereItIsWritten() throws {
    let root = try read("a: &x {b: 1}\nc: *x\n")
    #expect(root["c"]?.location.line == 2)
    #expect(root["c"]?["b"]?.location.line == 1)
    #expect(root.value == ["a": ["b": 1], "c": ["b": 1]])
  }

  @Test func scalarsFollowTheCoreSchema() throws {
    let root = try read(
      """
      [~, null, "", true, False, yes, 1, -1, +1, 0x1F, 0o17, 0x, 1_000, 012, 1.5, .5, 1., 1e3,
       -.inf, 1e, 0x+1, 9223372036854775808, 00:50:56:00:00:01, 'true', "1", nan, inf, .]
      """)
    #expect(
      root.value == [
        .null, .null, "", true, false, "yes", 1, -1, 1, 31, 15, "0x", "1_000", 12, 1.5, 0.5, 1.0,
        1000.0, .double(-.infinity), "1e", "0x+1", 9223372036854775808.0, "00:50:56:00:00:01",
        "true", "1", "nan", "inf", ".",
      ])
  }

  @Test func jsonIsYAML() throws {
    let root = try read(#"{"a": [1, true, null, "x\u0041\n\"\/"], "b": {}}"#)
    #expect(root.value == ["a": [1, true, .null, "xA\n\"/"], "b": [:]])
  }
}
