// The word that somebody meant: the known one with the fewest slips to it.
//
// A slip is a letter too many, missing, wrong, or two swapped (Damerau and Levenshtein, optimal
// string alignment). A word with more slips than a third of its letters is no suggestion.

/// The known word nearest to a mistyped one; nil when none is near.
func nearest(to word: String, among known: [String]) -> String? {
  // Every option of one letter is near to every other.
  if word.count <= 2, word.hasPrefix("-") { return nil }
  let best = known.map { (word: $0, slips: slips(from: word, to: $0)) }
    .min { $0.slips < $1.slips }
  guard let best, best.slips <= max(1, word.count / 3) else {
    // Half a word is a suggestion too: `--time` for `--timeout`.
    return known.first { $0.hasPrefix(word) }
  }
  return best.word
}

/// How many slips turn one word into another. Cost: product of the lengths.
private func slips(from: String, to: String) -> Int {
  let from = Array(from)
  let to = Array(to)
  var before = [Int](repeating: 0, count: to.count + 1)
  var last = Array(0...to.count)
  for row in 1..<(from.count + 1) {
    var line = [row] + [Int](repeating: 0, count: to.count)
    for column in 1..<(to.count + 1) {
      let wrong = from[row - 1] == to[column - 1] ? 0 : 1
      line[column] = min(last[column] + 1, line[column - 1] + 1, last[column - 1] + wrong)
      if row > 1, column > 1, from[row - 1] == to[column - 2], from[row - 2] == to[column - 1] {
        line[column] = min(line[column], before[column - 2] + 1)
      }
    }
    before = last
    last = line
  }
  return last[to.count]
}
