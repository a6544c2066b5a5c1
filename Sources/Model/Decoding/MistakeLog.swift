// Where decoding and validation write down what is wrong, so that they can go on and find the rest.
//
// A message has a subject that the reader knows ("port group web"), what is wrong with it, and what
// to do. The log is as large as the file has nodes, at most.

internal import Base

/// The mistakes found so far. One decoding uses one log, on one thread.
final class MistakeLog {
  private(set) var failures: [Failure] = []

  func add(_ subject: String, _ why: String, remedy: String, at location: SourceLocation?) {
    failures.append(Failure(subject, why: why, remedy: remedy, at: location))
  }

  /// The remedy for an unknown word: the known word nearest to it, or all of them.
  ///
  /// `wordsAre` is what the known words are: "the keys here are", "the hosts are". Looking for them
  /// takes time, so a file with very many mistakes gets the same remedy as when there is none.
  func remedy(
    for word: String, among words: @autoclosure () -> [String], _ wordsAre: String, ifNone: String
  ) -> String {
    guard failures.count < 4 * ConfigErrors.toldLimit else { return ifNone }
    let known = words()
    if let nearest = nearest(to: word, among: known) { return "did you mean `\(nearest.excerpt)`?" }
    if known.isEmpty { return ifNone }
    let told = known.prefix(16).map(\.excerpt).joined(separator: ", ")
    return "\(wordsAre) \(told)\(known.count > 16 ? ", …" : "")"
  }

  /// The mistakes in the order of the file, each once.
  var sorted: [Failure] {
    var seen: Set<Failure> = []
    let unique = failures.filter { seen.insert($0).inserted }
    // The order of discovery decides where places are equal.
    return unique.enumerated().sorted { left, right in
      let (first, second) = (left.element.location, right.element.location)
      return (first?.line ?? 0, first?.column ?? 0, left.offset)
        < (second?.line ?? 0, second?.column ?? 0, right.offset)
    }.map(\.element)
  }
}

/// The word that a slip of the keyboard may have meant; nothing when none is near, or several are.
func nearest(to word: String, among known: [String]) -> String? {
  let wanted = Array(word.lowercased().utf8.prefix(64))
  let allowed = wanted.count < 4 ? 1 : 2
  var best: (word: String?, distance: Int)?
  for candidate in known {
    let letters = Array(candidate.lowercased().utf8.prefix(64))
    guard abs(letters.count - wanted.count) <= allowed else { continue }
    let distance = editDistance(wanted, letters)
    guard distance <= allowed, distance <= best?.distance ?? allowed else { continue }
    best = (distance == best?.distance ? nil : candidate, distance)
  }
  return best?.word
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour.
///
/// The optimal string alignment distance. Cost: the product of the lengths.
func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...right.count)
  for row in 0..<left.count {
    var current = [row + 1]
    for column in 0..<right.count {
      let change = last[column] + (left[row] == right[column] ? 0 : 1)
      var cost = min(change, last[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        cost = min(cost, beforeLast[column - 1] + 1)
      }
      current.append(cost)
    }
    (beforeLast, last) = (last, current)
  }
  return last[right.count]
}
