// libyaml's event parser (yaml.h), behind one owner: text in, events with their places out.
//
// The parser and its input live on the heap as long as the owner, because libyaml keeps pointers to
// both. An event is copied into Swift values and freed before the next is asked for.
//
// Invariant: `parser` is initialised from `init` to `deinit`, and `input` is what it reads.

internal import Base
internal import CYAML

/// What a YAML text says next, with the anchor that names it, where there is one.
enum YAMLEvent {
  case streamStart
  case streamEnd
  case documentStart
  case documentEnd
  case alias(String)
  case scalar(String, isQuoted: Bool, anchor: String?)
  case sequenceStart(anchor: String?)
  case sequenceEnd
  case mappingStart(anchor: String?)
  case mappingEnd
}

/// Reads one YAML text, event by event.
@safe
struct YAMLParser: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeMutableBufferPointer<UInt8>
  private let file: String

  /// Copies the text; `file` is its name in messages. Traps when there is no memory.
  init(_ bytes: [UInt8], file: String) {
    self.file = file
    unsafe parser = .allocate(capacity: 1)
    unsafe input = .allocate(capacity: max(bytes.count, 1))
    // SAFETY: `input` has room for all bytes, and outlives the parser, which keeps its address.
    _ = unsafe input.update(fromContentsOf: bytes)
    let isInitialised = unsafe yaml_parser_initialize(parser) == 1
    precondition(isInitialised, "no memory for a YAML parser")
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
  }

  deinit {
    // SAFETY: both were made by `init`, and the parser goes before the input that it points to.
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe input.deallocate()
  }

  /// The next event and where it begins. Throws where the text is not YAML, or has a tag.
  mutating func next() throws(Failure) -> (YAMLEvent, SourceLocation) {
    // SAFETY: libyaml fills the event when it returns 1, and then it is freed once, here.
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw syntaxFailure() }
    defer { unsafe yaml_event_delete(&event) }
    let location = unsafe location(of: event.start_mark)
    return (try unsafe copy(&event, at: location), location)
  }

  private func location(of mark: yaml_mark_t) -> SourceLocation {
    SourceLocation(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }

  private func copy(
    _ event: inout yaml_event_t, at location: SourceLocation
  ) throws(Failure) -> YAMLEvent {
    // SAFETY: the type of the event says which member of the union libyaml has filled.
    switch unsafe event.type {
    case YAML_STREAM_START_EVENT: return .streamStart
    case YAML_STREAM_END_EVENT: return .streamEnd
    case YAML_DOCUMENT_START_EVENT: return .documentStart
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_ALIAS_EVENT: return .alias(unsafe text(event.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      try refuse(tag: unsafe text(scalar.tag), at: location)
      // SAFETY: libyaml gives `length` bytes of UTF-8 at `value`, also when one of them is zero.
      let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      return .scalar(
        unsafe String(decoding: bytes, as: UTF8.self),
        isQuoted: unsafe scalar.style != YAML_PLAIN_SCALAR_STYLE,
        anchor: unsafe text(scalar.anchor))
    case YAML_SEQUENCE_START_EVENT:
      try refuse(tag: unsafe text(event.data.sequence_start.tag), at: location)
      return .sequenceStart(anchor: unsafe text(event.data.sequence_start.anchor))
    case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
    case YAML_MAPPING_START_EVENT:
      try refuse(tag: unsafe text(event.data.mapping_start.tag), at: location)
      return .mappingStart(anchor: unsafe text(event.data.mapping_start.anchor))
    case YAML_MAPPING_END_EVENT: return .mappingEnd
    default: preconditionFailure("libyaml gave an event that yaml.h does not name")
    }
  }

  /// A C string of libyaml, copied; nothing for a null pointer.
  private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    // SAFETY: libyaml ends its strings with a zero, and they live until the event is freed.
    unsafe pointer.map { unsafe String(cString: $0) }
  }

  private func refuse(tag: String?, at location: SourceLocation) throws(Failure) {
    guard let tag else { return }
    throw Failure(
      "YAML", why: "the tag `\(tag.prefix(64))` is not understood",
      remedy: "remove it; quotes say that a value is text", at: location)
  }
}

// What libyaml found wrong, in words with a remedy.
extension YAMLParser {
  private func syntaxFailure() -> Failure {
    // SAFETY: after a failed call these members of the parser are set, `problem` to a static text.
    let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "not YAML"
    let isUnreadable = unsafe parser.pointee.error == YAML_READER_ERROR
    let place =
      unsafe isUnreadable
      ? location(ofByte: Int(parser.pointee.problem_offset))
      : location(of: parser.pointee.problem_mark)
    return Failure("YAML", why: problem, remedy: Self.remedy(for: problem), at: place)
  }

  /// The reader of libyaml, which finds bytes that are no text, tells an offset instead of a mark.
  private func location(ofByte offset: Int) -> SourceLocation {
    // SAFETY: the buffer lives as long as the parser; `prefix` stays within it.
    let before = unsafe input.prefix(offset)
    let newline = UInt8(ascii: "\n")
    let line = unsafe before.count { $0 == newline } + 1
    let start = unsafe before.lastIndex(of: newline).map { $0 + 1 } ?? 0
    // Bytes 10xxxxxx continue a character.
    let column = unsafe before[start...].count { $0 & 0xC0 != 0x80 } + 1
    return SourceLocation(file: file, line: line, column: column)
  }

  private static func remedy(for problem: String) -> String {
    let remedies = [
      ("mapping values are not allowed", "check the indentation, and quote text that has a colon"),
      ("cannot start any token", "indent with spaces, not tabs, and quote text that begins so"),
      ("could not find expected ':'", "write `key: value`, with a blank after the colon"),
      ("did not find expected ',' or ']'", "close the list with `]`, with commas between"),
      ("did not find expected ',' or '}'", "close the mapping with `}`, with commas between"),
      ("did not find expected key", "check the indentation of this line and those before it"),
      ("did not find expected '-' indicator", "align the `- ` of the elements of the list"),
      ("unexpected end of stream", "close the quotes"),
      ("unexpected document indicator", "close the quotes"),
      ("UTF-8", "save the file as UTF-8"),
      ("control characters are not allowed", "remove the character that is no text"),
      ("tab", "indent with spaces, not tabs"),
    ]
    return remedies.first { problem.contains($0.0) }?.1
      ?? "mend the YAML here; `[`, `{` and quotes must be closed, and lists aligned"
  }
}
