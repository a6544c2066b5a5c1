// Opening, reading and writing through descriptors (open(2), read(2), write(2)).

internal import Glibc

extension Descriptor {
  /// Opens a file, always close-on-exec. `mode` counts when the file is made.
  init(opening path: String, _ flags: Int32, mode: UInt32 = 0o600) throws(Errno) {
    // SAFETY: the path is passed as a C string for the call.
    self.init(owning: try retried { unsafe open(path, flags | O_CLOEXEC, mode) })
  }

  /// Opens a file for writing; makes it when there is none, and empties it when there is one.
  public init(creating path: String, mode: UInt32 = 0o644) throws(Errno) {
    try self.init(opening: path, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
  }

  /// Reads what is there, at most `limitBytes`. Empty at the end of the file.
  public func read(limitBytes: Int) throws(Errno) -> [UInt8] {
    var failure: Errno?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limitBytes) { buffer, count in
      do throws(Errno) {
        // SAFETY: the buffer has room for `limitBytes`.
        count = try retried { unsafe Glibc.read(number, buffer.baseAddress, limitBytes) }
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes everything, however many calls it takes.
  public func write(_ bytes: [UInt8]) throws(Errno) {
    var done = 0
    while done < bytes.count {
      let rest = bytes[done...]
      done += try retried {
        // SAFETY: the bytes live for the call, and the count is theirs.
        unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
      }
    }
  }

  /// Reads to the end of the file or stream. EFBIG when there is more than `limitBytes`.
  public func readToEnd(limitBytes: Int) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let part = try read(limitBytes: min(65536, limitBytes - bytes.count + 1))
      if part.isEmpty { return bytes }
      bytes += part
      if bytes.count > limitBytes { throw Errno(rawValue: EFBIG) }
    }
  }
}

/// A file of /proc or /sys, whole; `nil` when it cannot be read. At most 1 MiB.
func readKernelFile(_ path: String) -> [UInt8]? {
  guard let file = try? Descriptor(opening: path, O_RDONLY) else { return nil }
  return try? file.readToEnd(limitBytes: 1 << 20)
}

func readKernelText(_ path: String) -> String? {
  readKernelFile(path).map { String(decoding: $0, as: UTF8.self) }
}
