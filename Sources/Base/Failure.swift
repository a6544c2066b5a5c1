// The one shape of an error that a person reads: what failed, why, and what to do about it.
//
// The command line prints it as `martlet: error: WHAT: WHY; WHAT TO DO`, with `FILE:LINE:COLUMN:`
// first when a file is at fault. Modules throw it wherever the reader is a person; a malformed frame
// is a counted drop and a broken invariant is a trap, and neither is ever a `Failure`.

/// A place in a file that a person wrote. Lines and columns count from 1.
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
  public var file: String
  public var line: Int
  public var column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  public var description: String { "\(file):\(line):\(column)" }
}

/// An error told to a person: what failed, why, and what to do.
public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was being done, as a short phrase: "cannot create namespace lab1-web1".
  public var what: String
  /// The cause: "File exists".
  public var why: String
  /// What the reader can do next: "run `martlet lab down lab1` first". Never empty.
  public var remedy: String
  /// Where in a file, when a file is at fault.
  public var location: SourceLocation?

  public init(_ what: String, why: String, remedy: String, at location: SourceLocation? = nil) {
    self.what = what
    self.why = why
    self.remedy = remedy
    self.location = location
  }

  public var description: String {
    let place = location.map { "\($0): " } ?? ""
    return "\(place)martlet: error: \(what): \(why); \(remedy)"
  }
}
