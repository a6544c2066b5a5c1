// Everything that is wrong with a configuration file, told at once.
//
// A reader who mends one line should not meet the next mistake only after the next run. The list is
// bounded, because a file can be wrong in every line.

public import Base

/// The mistakes found in a configuration file, in the order of the file.
public struct ConfigErrors: Error, Hashable, Sendable, CustomStringConvertible {
  /// At most this many are told; the rest is counted.
  public static let toldLimit = 20

  /// What is wrong; never empty, at most `toldLimit`.
  public let failures: [Failure]
  /// How many more were found.
  public let omittedCount: Int

  /// Keeps the first mistakes. Traps on an empty list: nothing wrong is not an error.
  public init(_ failures: [Failure]) {
    precondition(!failures.isEmpty, "configuration errors without an error")
    self.failures = Array(failures.prefix(Self.toldLimit))
    omittedCount = max(0, failures.count - Self.toldLimit)
  }

  public init(_ failure: Failure) { self.init([failure]) }

  /// One line for each mistake, and the count of those left out.
  public var description: String {
    var lines = failures.map(\.description)
    if omittedCount > 0 { lines.append("martlet: error: and \(omittedCount) more") }
    return lines.joined(separator: "\n")
  }
}
