// Cuts a stream of JSON objects apart: each from its first brace to the one that closes it.
//
// QEMU ends an object with CR LF, and with `pretty=on` has line ends inside too, so braces are
// counted and not lines. What an object may be is bounded: bytes here, and levels, because the decoder
// calls itself for each.

internal import Base

/// Finds whole objects in what has come so far.
struct ObjectSplitter: Sendable {
  static let objectBytesMax = 256 << 10
  static let levelsMax = 32

  private var waiting: [UInt8] = []
  /// Where looking goes on; before it is one object that has begun, or nothing.
  private var position = 0
  private var level = 0
  private var isInString = false
  private var isEscaped = false

  mutating func feed(_ bytes: some Collection<UInt8>) { waiting += bytes }

  /// The next whole object; `nil` until more has come.
  ///
  /// - Errors: what comes is no object, or one that is too large or too deep.
  mutating func next() throws(Failure) -> [UInt8]? {
    while position < waiting.count {
      let byte = waiting[position]
      position += 1
      if level == 0 {
        guard byte == UInt8(ascii: "{") else {
          // Only white space stands between two objects.
          guard [0x20, 0x09, 0x0A, 0x0D].contains(byte) else {
            throw Self.failure("something that is not JSON came")
          }
          continue
        }
        waiting.removeFirst(position - 1)
        position = 1
        level = 1
      } else if try step(byte) {
        let object = Array(waiting[..<position])
        waiting.removeFirst(position)
        position = 0
        return object
      }
    }
    if level == 0 {
      waiting.removeAll(keepingCapacity: true)
      position = 0
    }
    guard waiting.count <= Self.objectBytesMax else {
      throw Self.failure("an object has more than \(Self.objectBytesMax) bytes")
    }
    return nil
  }

  /// One byte inside an object; true when it closes it.
  private mutating func step(_ byte: UInt8) throws(Failure) -> Bool {
    if isInString {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString = false
      }
      return false
    }
    switch byte {
    case UInt8(ascii: "\""): isInString = true
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      level += 1
      guard level <= Self.levelsMax else {
        throw Self.failure("an object has more than \(Self.levelsMax) levels")
      }
    case UInt8(ascii: "}"), UInt8(ascii: "]"): level -= 1
    default: break
    }
    return level == 0
  }

  private static func failure(_ why: String) -> Failure {
    Failure(
      "cannot understand QEMU", why: why,
      remedy: "give the path of a QMP socket (-qmp unix:PATH,server=on,wait=off), not of a monitor")
  }
}
