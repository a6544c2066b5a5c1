// Reading a table of a switch on its worker: by pages, so that a long table holds up no frames.

extension Worker {
  private static let pageEntries = 1_024

  /// All entries that `next` gives of a switch until nil; it moves the cursor on, which begins at 0.
  ///
  /// - Thread: any; between two pages the table may change.
  func entries<Entry: Sendable>(
    of name: String, _ next: @escaping @Sendable (SwitchRuntime, inout Int) -> Entry?
  ) -> [Entry] {
    var all: [Entry] = []
    var start: Int? = 0
    while let cursor = start {
      let page = perform { state -> (entries: [Entry], next: Int?) in
        guard let runtime = state.runtime(named: name) else { return ([], nil) }
        var cursor = cursor
        var entries: [Entry] = []
        while entries.count < Self.pageEntries {
          guard let found = next(runtime, &cursor) else { return (entries, nil) }
          entries.append(found)
        }
        return (entries, cursor)
      }
      all += page.entries
      start = page.next
    }
    return all
  }
}
