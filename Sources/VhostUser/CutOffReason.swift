// Why a front end was cut off. Each is a rule of the protocol or of virtio that it broke.

/// The broken rule. The names are a public surface: cases are added, never renamed.
public enum CutOffReason: String, Error, CaseIterable, Sendable {
  // The socket.
  /// It runs as a user that may not have this port.
  case wrongUser
  /// It does not read our replies.
  case slowReader
  // Messages.
  /// A header of another version, or a reply where a request belongs.
  case badHeader
  /// A payload that does not have the length of its request.
  case badLength
  /// More or fewer descriptors than the request carries.
  case badDescriptors
  /// A request that was not offered.
  case unknownRequest
  /// Features that were not offered.
  case badFeatures
  /// A ring beyond those that were offered.
  case badQueue
  /// Not a power of two, or more than 32,768.
  case badRingSize
  /// A ring outside the memory that was given, or not aligned.
  case badRingAddress
  /// A descriptor to signal with that is no eventfd, or none at all.
  case badEvent
  // Memory.
  /// Regions that overlap, wrap around, are empty or too many.
  case badMemoryTable
  /// A region beyond the end of its file.
  case memoryTooSmall
  /// Memory in a file that is neither tmpfs (memfd) nor hugetlbfs: touching it could block.
  case foreignMemory
  /// The kernel does not map it.
  case mappingFailed
  /// The file lost pages while it was in use.
  case memoryLost
  // Rings.
  /// More buffers made available than the ring has.
  case indexJump
  /// A buffer that starts outside the table of descriptors.
  case headOutOfRange
  /// A chain that goes on outside the table.
  case nextOutOfRange
  /// A chain that goes round in a circle, or has too many parts.
  case chainTooLong
  /// A buffer outside the memory that was given.
  case addressOutsideMemory
  /// A table of descriptors that was not negotiated, in a table, or of a strange length.
  case badIndirectTable
  /// A buffer to be written where it is to be read, or the other way round.
  case wrongDirection
  /// A buffer without room for the virtio-net header.
  case missingHeader

  /// For people.
  public var explanation: String {
    switch self {
    case .wrongUser: "it runs as a user that may not use this port"
    case .slowReader: "it does not read the replies"
    case .badHeader: "a message with a wrong header"
    case .badLength: "a message of a wrong length"
    case .badDescriptors: "a message with too many or too few descriptors"
    case .unknownRequest: "a request that was not offered"
    case .badFeatures: "it acknowledged features that were not offered"
    case .badQueue: "a ring that does not exist"
    case .badRingSize: "a ring of an impossible size"
    case .badRingAddress: "a ring outside the shared memory"
    case .badEvent: "an event descriptor that is no eventfd"
    case .badMemoryTable: "an impossible table of memory regions"
    case .memoryTooSmall: "a memory region beyond the end of its file"
    case .foreignMemory: "memory that is neither a memfd nor of huge pages"
    case .mappingFailed: "memory that the kernel does not map"
    case .memoryLost: "its memory file shrank while it was used"
    case .indexJump: "more buffers than the ring holds"
    case .headOutOfRange: "a buffer outside the descriptor table"
    case .nextOutOfRange: "a chain that leaves the descriptor table"
    case .chainTooLong: "a chain without an end"
    case .addressOutsideMemory: "a buffer outside the shared memory"
    case .badIndirectTable: "a wrong indirect descriptor table"
    case .wrongDirection: "a buffer of the wrong direction"
    case .missingHeader: "a buffer without room for the virtio-net header"
    }
  }
}
