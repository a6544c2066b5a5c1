// Files and folders: whole reads with a bound, atomic writes, listings, removal of own trees.
//
// A file that must survive a crash is written beside its place, flushed, and renamed over it, and
// then its folder is flushed: a reader sees the old content or the new one, never a part of
// either (rename(2)).

public import Base
internal import CLinux
internal import Glibc

/// Reads a whole file. An error when it is larger than `limitBytes`, before all of it is in memory.
public func readFile(_ path: String, limitBytes: Int) throws(Failure) -> [UInt8] {
  do throws(Errno) {
    return try Descriptor(opening: path, O_RDONLY).readToEnd(limitBytes: limitBytes)
  } catch {
    let what = "cannot read \(path)"
    guard error.rawValue == EFBIG else { throw error.failure(what) }
    throw Failure(
      what, why: "it is larger than \(limitBytes) bytes",
      remedy: "check that it is the right file, or split it")
  }
}

/// Like `readFile`, and `nil` when there is no such file.
public func readFileIfPresent(_ path: String, limitBytes: Int) throws(Failure) -> [UInt8]? {
  // SAFETY: the path is a C string for the call.
  if unsafe access(path, F_OK) != 0, Errno.current == .notFound { return nil }
  return try readFile(path, limitBytes: limitBytes)
}

/// The names in a folder, in no order, `.` and `..` left out.
public func listDirectory(_ path: String) throws(Failure) -> [String] {
  do throws(Errno) { return try directoryEntries(path) } catch {
    throw error.failure("cannot list \(path)")
  }
}

/// Makes a folder, and those above it that are missing. Nothing happens when it is there.
public func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(Failure) {
  var made = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    made += part
    // SAFETY: the path is a C string for the call.
    if unsafe mkdir(made, mode) != 0 {
      let error = Errno.current
      if error != .exists { throw error.failure("cannot make folder \(made)") }
    }
    made += "/"
  }
}

/// Removes a file. Nothing happens when there is none.
public func removeFile(_ path: String) throws(Failure) {
  // SAFETY: the path is a C string for the call.
  if unsafe unlink(path) != 0, Errno.current != .notFound {
    throw Errno.current.failure("cannot remove \(path)")
  }
}

/// Removes a folder and all that is in it; does not follow symbolic links. Nothing happens when
/// there is none. At most 64 folders deep.
public func removeTree(_ path: String) throws(Failure) {
  do throws(Errno) { try removeEntry(AT_FDCWD, path, depth: 0) } catch {
    throw error.failure("cannot remove folder \(path)")
  }
}

private func removeEntry(_ parent: Int32, _ name: String, depth: Int) throws(Errno) {
  // SAFETY: names are C strings for each call.
  if unsafe unlinkat(parent, name, 0) == 0 { return }
  let error = Errno.current
  if error == .notFound { return }
  guard error.rawValue == EISDIR || error == .notPermitted else { throw error }
  guard depth < 64 else { throw Errno(rawValue: ELOOP) }
  let number = unsafe openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
  guard number >= 0 else { throw error }
  let folder = Descriptor(owning: number)
  for entry in try directoryEntries(folder) {
    try removeEntry(folder.number, entry, depth: depth + 1)
  }
  if unsafe unlinkat(parent, name, AT_REMOVEDIR) != 0, Errno.current != .notFound {
    throw .current
  }
}

/// The names in a folder, `.` and `..` left out.
func directoryEntries(_ path: String) throws(Errno) -> [String] {
  try directoryEntries(Descriptor(opening: path, O_RDONLY | O_DIRECTORY))
}

func directoryEntries(_ folder: borrowing Descriptor) throws(Errno) -> [String] {
  // The stream owns its descriptor, so it gets one of its own.
  let number = try folder.duplicate().release()
  // SAFETY: the stream is closed once, below; an entry is copied before the next is read.
  guard let stream = unsafe fdopendir(number) else { throw .current }
  defer { unsafe closedir(stream) }
  unsafe rewinddir(stream)
  var names: [String] = []
  while let entry = unsafe readdir(stream) {
    let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names
}

/// Writing a file so that a crash leaves the old content or the new one.
public enum AtomicFile {
  /// Replaces the content of `path`. When it returns, the new content survives a power cut.
  ///
  /// - Errors: nothing changed; no temporary file remains.
  public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws(Failure)
  {
    let temporary = "\(path).\(getpid()).new"
    do throws(Errno) {
      try writeDurably(bytes, to: temporary, mode: mode)
      // SAFETY: both are C strings for the call.
      guard unsafe rename(temporary, path) == 0 else { throw .current }
      let slash = path.lastIndex(of: "/")
      let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
      let parent = try Descriptor(opening: folder, O_RDONLY | O_DIRECTORY)
      guard fsync(parent.number) == 0 else { throw .current }
    } catch {
      // SAFETY: a C string for the call.
      _ = unsafe unlink(temporary)
      throw error.failure("cannot write \(path)")
    }
  }

  private static func writeDurably(_ bytes: [UInt8], to path: String, mode: UInt32) throws(Errno) {
    // What has this name is of a process that was killed, or a trap: a link to another's file.
    // SAFETY: a C string for the call.
    _ = unsafe unlink(path)
    let file = try Descriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
    try file.write(bytes)
    guard fsync(file.number) == 0 else { throw .current }
  }
}
