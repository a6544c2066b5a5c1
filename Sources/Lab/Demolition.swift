// Takes down what the journal of a lab says, and what carries its mark, in this order: processes of
// the lab, other processes in its namespaces, the namespaces (their devices go with them), files.
//
// It may be killed and run again at any place: the journal goes last. It touches nothing that the
// lab did not make: processes are known by number and start, namespaces by their identity.

internal import Base
internal import Linux

struct Demolition {
  /// How long a process may take to end by itself.
  static let graceNanoseconds: UInt64 = 3_000_000_000

  let folder: LabFolder
  let progress: LabProgress

  /// Removes everything; returns what could not be removed, and why.
  func run() -> [String] {
    let journal: LabJournal?
    do { journal = try LabJournal(in: folder) } catch { return ["\(error)"] }
    let own = ownNamespaces(journal)
    var leftovers: [String] = []
    leftovers += end("processes", graceNanoseconds: Self.graceNanoseconds) {
      folder.markedProcesses()
    }
    let identities = Set(own.compactMap(\.identity))
    leftovers += end("processes in namespaces", graceNanoseconds: 1_000_000_000) {
      NetworkNamespace.processes(in: identities)
    }
    leftovers += delete(own)
    leftovers += end("late processes", graceNanoseconds: 0) {
      folder.markedProcesses()
    }
    // With something left, the journal is needed by the next try.
    guard leftovers.isEmpty else { return leftovers }
    do {
      for entry in try listDirectory(folder.path) where entry != "journal" {
        try removeTree("\(folder.path)/\(entry)")
      }
      try removeTree(folder.path)
    } catch { return ["\(error.what): \(error.why)"] }
    return []
  }

  /// The namespaces that are the lab's: still there under their names, and the same ones.
  private func ownNamespaces(_ journal: LabJournal?) -> [LabJournal.Namespace] {
    let present = Set(NetworkNamespace.names())
    return (journal?.namespaces ?? []).filter { present.contains($0.name) }.compactMap { made in
      // Not a namespace: a file that was made when its maker was killed.
      guard let found = try? NetworkNamespace.open(named: made.name) else { return made }
      if let identity = made.identity, identity != found.identity {
        progress.note("  namespace \(made.name) was replaced by somebody else's: left alone")
        return nil
      }
      return LabJournal.Namespace(name: made.name, identity: found.identity)
    }
  }

  /// Ends processes until a look finds none: those found, all at once, are asked first.
  private func end(
    _ what: String, graceNanoseconds: UInt64, _ find: () -> [ProcessIdentity]
  ) -> [String] {
    var found = find()
    guard !found.isEmpty else { return [] }
    let total = found.count
    progress.begin(what, of: total)
    for process in found { _ = try? process.send(.terminate) }
    _ = MonotonicClock.wait(atMostNanoseconds: graceNanoseconds) {
      progress.advance(to: total - found.count { $0.isAlive }, "")
      return !found.contains { $0.isAlive }
    }
    // A process may start another while it is looked for; bounded, because nothing starts for ever.
    for _ in 0..<10 {
      found = find()
      if found.isEmpty { break }
      for process in found { _ = try? process.kill() }
    }
    progress.end()
    return found.map { process in
      "process \(process.number) (\(process.arguments.first ?? "?")) does not end"
    }
  }

  private func delete(_ namespaces: [LabJournal.Namespace]) -> [String] {
    guard !namespaces.isEmpty else { return [] }
    progress.begin("namespaces", of: namespaces.count)
    var leftovers: [String] = []
    for (index, namespace) in namespaces.enumerated() {
      progress.advance(to: index, namespace.name)
      do { try NetworkNamespace.delete(named: namespace.name) } catch {
        leftovers.append("namespace \(namespace.name): \(error.why)")
      }
    }
    progress.end()
    return leftovers
  }
}
