// One at a time across processes (flock(2)): the kernel lets go when the holder dies.

public import Base
internal import Glibc

/// Holds an exclusive lock on a file for as long as it lives. The file stays, empty.
public struct FileLock: ~Copyable, Sendable {
  private let file: Descriptor

  private init(holding file: consuming Descriptor) { self.file = file }

  /// Takes the lock, or returns `nil` when somebody holds it.
  public static func attempt(_ path: String) throws(Failure) -> FileLock? {
    do throws(Errno) {
      let file = try Descriptor(opening: path, O_RDWR | O_CREAT, mode: 0o600)
      do throws(Errno) { _ = try retried { flock(file.number, LOCK_EX | LOCK_NB) } } catch {
        if error == .again { return nil }
        throw error
      }
      return FileLock(holding: file)
    } catch { throw error.failure("cannot lock \(path)") }
  }

  /// Takes the lock, and waits for it as long as it is held. An error when the time is up.
  public static func acquire(_ path: String, timeoutNanoseconds: UInt64) throws(Failure)
    -> FileLock
  {
    var lock: FileLock?
    _ = try MonotonicClock.wait(atMostNanoseconds: timeoutNanoseconds) { () throws(Failure) in
      lock = try attempt(path)
      return lock != nil
    }
    guard let held = lock.take() else {
      throw Failure(
        "cannot lock \(path)", why: "another process holds it",
        remedy: "wait for it to finish; `fuser -v \(path)` shows which one it is")
    }
    return held
  }
}
