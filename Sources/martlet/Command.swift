// What a command is: declared once, and from that parsed, helped and run.
//
// A command without a verb stands alone (`martlet validate`). Help, usage lines and suggestions are
// made from these values, so they cannot disagree with what is accepted.

/// How the program ends (design: 0 done, 1 it failed, 2 wrong usage).
enum ExitStatus: Equatable {
  case done
  case failed
  case wrongUsage
  /// The status of a command that ran inside a lab.
  case passedOn(Int32)

  var code: Int32 {
    switch self {
    case .done: 0
    case .failed: 1
    case .wrongUsage: 2
    case .passedOn(let code): code
    }
  }
}

/// One thing that `martlet` can do.
struct Command: Sendable {
  /// A word that stands for itself by its place.
  struct Argument: Sendable {
    enum Count: Sendable {
      case one
      case optional
      /// Any number of words, after all others; none too.
      case any
      /// Everything after `--`, at least one word.
      case rest
    }

    var name: String
    var summary: String
    var count = Count.one
  }

  /// A word that starts with `-`, with a value or without.
  struct Option: Sendable {
    var name: String
    var letter: Character?
    /// What the value is called in help; a flag has none.
    var value: String?
    var summary: String
    /// The only values that are taken; empty when any is.
    var choices: [String] = []
    /// The value is a whole number in this range.
    var range: ClosedRange<Int>?
    var isRequired = false

    /// As it is written: `--output` or, where only a letter exists, `-o`.
    var flag: String { letter.map { "-\($0)" } ?? "--\(name)" }

    fileprivate var usage: String { value.map { "\(flag) \($0)" } ?? flag }
  }

  /// A command line that works, and what it does.
  struct Example: Sendable {
    var line: String
    var effect: String
  }

  typealias Body = @Sendable (Invocation) throws -> ExitStatus

  var noun: String
  var verb: String?
  var summary: String
  var arguments: [Argument] = []
  var options: [Option] = []
  /// At least one; the first is the plainest.
  var examples: [Example]
  var run: Body

  /// `lab up`.
  var path: String { verb.map { "\(noun) \($0)" } ?? noun }

  /// `martlet lab exec NODE [--lab N] -- COMMAND…`. More than three free options are `[OPTION…]`.
  var usage: String {
    var words = ["martlet", path]
    for argument in arguments {
      switch argument.count {
      case .one: words.append(argument.name)
      case .optional: words.append("[\(argument.name)]")
      case .any: words.append("[\(argument.name)…]")
      case .rest: words += ["--", "\(argument.name)…"]
      }
    }
    var optionWords = options.filter(\.isRequired).map(\.usage)
    let free = options.filter { !$0.isRequired }
    optionWords += free.count > 3 ? ["[OPTION…]"] : free.map { "[\($0.usage)]" }
    // Options stand before a `--`, which ends them.
    let place = words.firstIndex(of: "--") ?? words.endIndex
    words.insert(contentsOf: optionWords, at: place)
    return words.joined(separator: " ")
  }
}

/// A word that several commands share.
struct Noun: Sendable {
  var name: String
  var summary: String
}

/// A command line, read: which command, and what was given with it.
struct Invocation {
  var command: Command
  var arguments: [String: String] = [:]
  /// Those of the argument that takes any number.
  var words: [String] = []
  /// What followed `--`.
  var rest: [String] = []
  var options: [String: String] = [:]
  var flags: Set<String> = []

  /// An argument that the command requires. Traps when it does not declare it.
  func argument(_ name: String) -> String {
    guard let value = arguments[name] else {
      preconditionFailure("\(command.path) does not require \(name)")
    }
    return value
  }

  /// The number given with an option that declares a range.
  func number(_ option: String) -> Int? { options[option].flatMap { Int($0) } }
}
