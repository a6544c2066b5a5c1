// Words to an `Invocation`, or to help, or to words about what is wrong with them.
//
// Options may stand anywhere after the command and before `--`, as `--name value` or `--name=value`.
// An option given twice is refused, because which of the two counts would be a guess.

internal import Base

/// The command line cannot be understood: exit status 2.
struct UsageError: Error {
  var failure: Failure

  init(_ what: String, why: String, remedy: String) {
    failure = Failure(what, why: why, remedy: remedy)
  }
}

/// What a command line asks for.
enum Request {
  case run(Invocation)
  /// Help on everything, a noun, or one command: to standard output.
  case help(String)
}

/// Reads command lines against a catalogue.
struct CommandParser {
  let catalogue: Catalogue

  func parse(_ words: [String]) throws(UsageError) -> Request {
    guard let first = words.first else {
      throw UsageError(
        "cannot tell what to do", why: "no command was given",
        remedy: "run `martlet --help` to see the commands")
    }
    switch first {
    case "help", "--help", "-h":
      return .help(try help(on: Array(words.dropFirst().filter { !$0.hasPrefix("-") })))
    case "--version":
      return try parse(["version"])
    default:
      return try parse(noun: first, Array(words.dropFirst()))
    }
  }

  private func help(on words: [String]) throws(UsageError) -> String {
    guard let noun = words.first else { return catalogue.help }
    let commands = try commands(of: noun)
    if let alone = commands.first(where: { $0.verb == nil }) { return catalogue.help(on: alone) }
    guard words.count > 1 else { return catalogue.help(onNoun: noun) }
    return catalogue.help(on: try command(words[1], of: noun, commands))
  }

  private func parse(noun: String, _ words: [String]) throws(UsageError) -> Request {
    let commands = try commands(of: noun)
    if let alone = commands.first(where: { $0.verb == nil }) { return try read(words, for: alone) }
    guard let verb = words.first else {
      throw UsageError(
        "cannot tell what to do with \(noun)", why: "no verb was given",
        remedy: "use \(Self.list(commands.compactMap(\.verb))); see `martlet help \(noun)`")
    }
    if verb == "--help" || verb == "-h" { return .help(catalogue.help(onNoun: noun)) }
    return try read(Array(words.dropFirst()), for: try command(verb, of: noun, commands))
  }

  private func commands(of noun: String) throws(UsageError) -> [Command] {
    let commands = catalogue.commands.filter { $0.noun == noun }
    guard commands.isEmpty else { return commands }
    if noun.hasPrefix("-") {
      throw UsageError(
        "unknown option \(noun)", why: "options come after the command",
        remedy: "run `martlet --help` to see the commands")
    }
    var known: [String] = []
    for command in catalogue.commands where !known.contains(command.noun) {
      known.append(command.noun)
    }
    throw UsageError(
      "unknown command \(noun)", why: "there is no such command",
      remedy: Self.suggest(noun, among: known) ?? "run `martlet --help` to see the commands")
  }

  private func command(_ verb: String, of noun: String, _ commands: [Command])
    throws(UsageError) -> Command
  {
    if let command = commands.first(where: { $0.verb == verb }) { return command }
    let known = commands.compactMap(\.verb)
    throw UsageError(
      "unknown command \(noun) \(verb)", why: "\(noun) has no such verb",
      remedy: Self.suggest(verb, among: known, before: "\(noun) ") ?? "use \(Self.list(known))")
  }

  // MARK: Arguments and options

  private func read(_ words: [String], for command: Command) throws(UsageError) -> Request {
    var invocation = Invocation(command: command)
    var places = command.arguments.filter { $0.count == .one || $0.count == .optional }[...]
    let takesAny = command.arguments.contains { $0.count == .any }
    let takesRest = command.arguments.contains { $0.count == .rest }
    var words = words[...]
    while let word = words.popFirst() {
      if word == "--" {
        invocation.rest = Array(words)
        break
      }
      if word == "--help" || word == "-h" { return .help(catalogue.help(on: command)) }
      if word.hasPrefix("-"), word != "-" {
        try readOption(word, &words, &invocation)
      } else if let place = places.popFirst() {
        invocation.arguments[place.name] = word
      } else if takesAny {
        invocation.words.append(word)
      } else {
        throw UsageError(
          "cannot take \(word)", why: "`\(command.path)` has no place for another argument",
          remedy: takesRest
            ? "put `--` before the command to run" : "usage: \(command.usage)")
      }
    }
    if let missing = places.first(where: { $0.count == .one }) {
      throw UsageError(
        "\(missing.name) is missing", why: "`\(command.path)` needs \(missing.summary)",
        remedy: "for example: \(command.examples[0].line)")
    }
    if takesRest == invocation.rest.isEmpty {
      throw UsageError(
        takesRest ? "the command to run is missing" : "cannot take \(invocation.rest)",
        why: takesRest ? "nothing follows `--`" : "`\(command.path)` takes nothing after `--`",
        remedy: "for example: \(command.examples[0].line)")
    }
    for option in command.options where option.isRequired && invocation.options[option.name] == nil
    {
      throw UsageError(
        "\(option.flag) is missing", why: "`\(command.path)` needs \(option.summary)",
        remedy: "for example: \(command.examples[0].line)")
    }
    return .run(invocation)
  }

  private func readOption(
    _ word: String, _ words: inout ArraySlice<String>, _ invocation: inout Invocation
  ) throws(UsageError) {
    let (name, attached) = Self.split(word)
    let command = invocation.command
    guard let option = command.options.first(where: { $0.answers(to: name) }) else {
      let known = command.options.flatMap {
        ["--\($0.name)"] + ($0.letter.map { ["-\($0)"] } ?? [])
      }
      throw UsageError(
        "unknown option \(name)", why: "`\(command.path)` does not have it",
        remedy: Self.suggest(name, among: known) ?? "see `martlet \(command.path) --help`")
    }
    guard invocation.options[option.name] == nil, !invocation.flags.contains(option.name) else {
      throw UsageError(
        "cannot take \(name) twice", why: "only one of the two could count",
        remedy: "give it once")
    }
    guard let value = option.value else {
      guard attached == nil else {
        throw UsageError(
          "cannot take \(word)", why: "\(name) has no value", remedy: "write \(name) alone")
      }
      invocation.flags.insert(option.name)
      return
    }
    guard let given = attached ?? words.popFirst() else {
      throw UsageError(
        "\(name) has no value", why: "it needs \(value), \(option.summary)",
        remedy: "write \(name) \(option.choices.first ?? value)")
    }
    try check(given, option, name)
    invocation.options[option.name] = given
  }

  private func check(_ given: String, _ option: Command.Option, _ name: String)
    throws(UsageError)
  {
    if !option.choices.isEmpty, !option.choices.contains(given) {
      throw UsageError(
        "cannot take \(name) \(given)", why: "it is none of \(Self.list(option.choices))",
        remedy: Self.suggest(given, among: option.choices, before: "\(name) ")
          ?? "for example: \(name) \(option.choices[0])")
    }
    if let range = option.range, Int(given).map(range.contains) != true {
      throw UsageError(
        "cannot take \(name) \(given)",
        why: "it is not a whole number from \(range.lowerBound) to \(range.upperBound)",
        remedy: "for example: \(name) \(range.lowerBound)")
    }
  }

  /// `--name=value` and `-nvalue` carry their value.
  private static func split(_ word: String) -> (name: String, attached: String?) {
    if word.hasPrefix("--") {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (String(parts[0]), parts.count == 2 ? String(parts[1]) : nil)
    }
    let value = word.dropFirst(2)
    return (String(word.prefix(2)), value.isEmpty ? nil : String(value))
  }

  private static func suggest(_ word: String, among known: [String], before: String = "")
    -> String?
  {
    nearest(to: word, among: known).map { "did you mean `\(before)\($0)`?" }
  }

  /// "up, down or list".
  static func list(_ words: [String]) -> String {
    guard words.count > 1, let last = words.last else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }
}

extension Command.Option {
  fileprivate func answers(to word: String) -> Bool {
    word == "--\(name)" || letter.map { word == "-\($0)" } == true
  }
}
