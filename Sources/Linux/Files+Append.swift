// Writing at the end of a file, writing settings of the kernel, and removing an empty folder.

public import Base
internal import Glibc

/// Writes at the end of a file in one call, and makes the file when there is none.
public func appendToFile(_ bytes: [UInt8], _ path: String) throws(Failure) {
  do throws(Errno) {
    try Descriptor(opening: path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644).write(bytes)
  } catch { throw error.failure("cannot write \(path)") }
}

/// Writes a setting of the kernel: a file of /proc/sys or /sys, which must be there.
///
/// - Thread: what /proc/sys/net shows is of the calling thread's network namespace.
public func writeKernelSetting(_ text: String, _ path: String) throws(Failure) {
  do throws(Errno) { try Descriptor(opening: path, O_WRONLY).write(Array(text.utf8)) } catch {
    throw error.failure("cannot set \(path) to \(text)")
  }
}

/// Removes a folder if it is empty. False when it is not there or something is in it.
@discardableResult
public func removeDirectoryIfEmpty(_ path: String) -> Bool {
  // SAFETY: the path is a C string for the call.
  unsafe rmdir(path) == 0
}

/// What a symbolic link points to; `nil` when it is none.
public func linkTarget(_ path: String) -> String? {
  let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
    // SAFETY: room for PATH_MAX bytes; the path is a C string for the call.
    guard let start = buffer.baseAddress else { return }
    count = max(0, unsafe readlink(path, start, buffer.count))
  }
  return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
}
