// `lab down`: removes everything that a lab made, also after a crash or a kill.

public import Base
internal import Linux

extension LabBuilder {
  /// How long another process may still work on the lab, such as a `lab up` after Ctrl-C.
  private static let waitNanoseconds: UInt64 = 20_000_000_000

  /// Takes a lab down. False when there is no such lab, which is no error: nothing was to be done.
  ///
  /// - Errors: something could not be removed; it is named, and the next `down` tries it again.
  @discardableResult
  public func down(_ name: String, progress: LabProgress = .silent) throws(Failure) -> Bool {
    // Before a path is made of it.
    guard directory.names.contains(name) else { return false }
    let folder = directory.folder(of: name)
    guard
      let lock = try lock(folder, creating: false, waitingNanoseconds: Self.waitNanoseconds)
    else { return false }
    defer { withExtendedLifetime(lock) {} }
    try refuseFromInside(folder)
    progress.note("taking down lab \(name)")
    let leftovers = Demolition(folder: folder, progress: progress).run()
    guard leftovers.isEmpty else {
      throw Failure(
        "cannot remove all of lab \(name)", why: leftovers.joined(separator: "; "),
        remedy: "end what holds it, then run `martlet lab down \(name)` again")
    }
    directory.removeIfEmpty()
    return true
  }

  /// Takes every lab down, and returns their names.
  ///
  /// - Errors: the first that could not be removed whole; all others were taken down.
  public func downAll(progress: LabProgress = .silent) throws(Failure) -> [String] {
    var names: [String] = []
    var problem: Failure?
    for name in directory.names {
      do throws(Failure) {
        if try down(name, progress: progress) { names.append(name) }
      } catch { problem = problem ?? error }
    }
    if let problem { throw problem }
    return names
  }

  /// A shell inside the lab would be ended by what it asks for, and with it the one who asks.
  private func refuseFromInside(_ folder: LabFolder) throws(Failure) {
    guard let own = NetworkNamespace.identity(of: .current),
      let journal = try LabJournal(in: folder),
      let inside = journal.namespaces.first(where: { $0.identity == own })
    else { return }
    throw Failure(
      "cannot take down lab \(folder.lab)", why: "this shell lives in its namespace \(inside.name)",
      remedy: "leave it (`exit`), and run the command again")
  }
}
