// Reading options and writing tables: the little that every benchmark needs of a command line.

internal import Base
internal import BenchReport
internal import Glibc
internal import Linux

/// The command line asks for something that there is not: exit 2.
struct WrongUsage: Error {
  var text: String
}

/// `--name value` pairs and `--flags`, each asked for once by the benchmark that knows it.
struct Options {
  private var words: [String]
  let benchmark: String

  init(_ words: [String], of benchmark: String) {
    self.words = words
    self.benchmark = benchmark
  }

  mutating func flag(_ name: String) -> Bool {
    guard let index = words.firstIndex(of: name) else { return false }
    words.remove(at: index)
    return true
  }

  mutating func text(_ name: String) throws -> String? {
    guard let index = words.firstIndex(of: name) else { return nil }
    guard index + 1 < words.count else { throw WrongUsage(text: "\(name) needs a value") }
    words.remove(at: index)
    return words.remove(at: index)
  }

  mutating func number(_ name: String, default value: Int, in range: ClosedRange<Int>) throws -> Int
  {
    try numbers(name, default: [value], in: range).first ?? value
  }

  mutating func seconds(_ name: String, default value: Double) throws -> Double {
    guard let text = try text(name) else { return value }
    guard let seconds = Double(text), seconds >= 0.001, seconds <= 3_600 else {
      throw WrongUsage(text: "\(name): `\(text)` is not a time from 0.001 to 3600 seconds")
    }
    return seconds
  }

  /// A comma-separated list of numbers.
  mutating func numbers(_ name: String, default values: [Int], in range: ClosedRange<Int>) throws
    -> [Int]
  {
    guard let text = try text(name) else { return values }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let number = Int(word), range.contains(number) else {
        throw WrongUsage(
          text: "\(name): `\(word)` is not a number from \(range.lowerBound) to \(range.upperBound)"
        )
      }
      return number
    }
  }

  /// The first word that is no option; nil when there is none left.
  mutating func word() -> String? {
    guard let index = words.firstIndex(where: { !$0.hasPrefix("-") }) else { return nil }
    return words.remove(at: index)
  }

  /// Refuses what nobody asked for.
  func end() throws {
    guard let word = words.first else { return }
    throw WrongUsage(
      text: "unknown option `\(word)`; martlet-bench \(benchmark) --help lists the options")
  }
}

/// A program of this name in the folder that this one was started from.
func besideThisProgram(_ name: String) -> String {
  let own = ProcessIdentity.current.arguments.first ?? ""
  let folder = own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
  return folder.isEmpty ? name : folder.joined(separator: "/") + "/" + name
}

/// Writes a line to standard error.
func complain(_ text: String) {
  let line = text + "\n"
  // SAFETY: the text lives for the call.
  _ = unsafe line.withCString { unsafe write(STDERR_FILENO, $0, strlen($0)) }
}

/// As `TextTable.pad`.
func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
  TextTable.pad(text, width, left: left)
}

/// As `TextTable.decimal`.
func decimal(_ value: Double, _ places: Int) -> String { TextTable.decimal(value, places) }

/// Prints rows under headings, numbers to the right.
func printTable(_ headings: [String], _ rows: [[String]]) {
  for line in TextTable.lines(headings, rows) { print(line) }
}
