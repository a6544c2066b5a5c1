// One at a time on a folder that may come and go (flock(2) on the folder itself).
//
// A lock file beside the folder would have to outlive it. Invariant: a held lock is on the folder
// that the path names now: a waiter whose folder was removed meanwhile looks again.

public import Base
internal import Glibc

/// Holds an exclusive lock on a folder for as long as it lives; the kernel lets go when it dies.
public struct DirectoryLock: ~Copyable, Sendable {
  /// What became of an attempt.
  public enum Attempt: ~Copyable, Sendable {
    case held(DirectoryLock)
    /// Another process holds it.
    case busy
    /// There is no such folder.
    case missing
  }

  private let folder: Descriptor

  private init(holding folder: consuming Descriptor) { self.folder = folder }

  /// Takes the lock at once or not at all; makes the folder, and those above it, when asked to.
  public static func attempt(_ path: String, creating: Bool) throws(Failure) -> Attempt {
    // Bounded: each round loses only to a process that removed the folder in between.
    for _ in 0..<100 {
      if creating { try makeDirectory(path) }
      do throws(Errno) {
        let folder = try Descriptor(opening: path, O_RDONLY | O_DIRECTORY)
        do throws(Errno) { _ = try retried { flock(folder.number, LOCK_EX | LOCK_NB) } } catch {
          if error == .again { return .busy }
          throw error
        }
        if isPlace(path, of: folder) { return .held(DirectoryLock(holding: folder)) }
      } catch {
        guard error == .notFound else { throw error.failure("cannot lock folder \(path)") }
        if !creating { return .missing }
      }
    }
    return .busy
  }

  private static func isPlace(_ path: String, of folder: borrowing Descriptor) -> Bool {
    var (named, opened) = (stat(), stat())
    // SAFETY: the path is a C string, and both structs live for the calls.
    guard unsafe stat(path, &named) == 0, unsafe fstat(folder.number, &opened) == 0 else {
      return false
    }
    return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino
  }
}
