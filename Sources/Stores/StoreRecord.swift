// What a store holds, and how it changes.

/// The count of transactions that changed something; zero is before the first.
public struct StoreRevision: RawRepresentable, Hashable, Comparable, Sendable,
  CustomStringConvertible
{
  public var rawValue: Int64

  public init(rawValue: Int64) { self.rawValue = rawValue }
  public init(_ value: Int64) { rawValue = value }

  /// Before every transaction; of a record: that there is none.
  public static let zero = StoreRevision(0)

  public var next: StoreRevision { StoreRevision(rawValue + 1) }
  public var description: String { "\(rawValue)" }

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A lease's number.
public struct StoreLease: RawRepresentable, Hashable, Sendable {
  public var rawValue: Int64

  public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// A key's value, and when it came about.
public struct StoreRecord: Hashable, Sendable {
  public var key: StoreKey
  public var value: [UInt8]
  /// When the key came to be; anew after a removal.
  public var created: StoreRevision
  public var changed: StoreRevision
  /// How many times it was put since it was created.
  public var version: Int64
  public var lease: StoreLease?

  public init(
    key: StoreKey, value: [UInt8], created: StoreRevision, changed: StoreRevision, version: Int64,
    lease: StoreLease? = nil
  ) {
    self.key = key
    self.value = value
    self.created = created
    self.changed = changed
    self.version = version
    self.lease = lease
  }
}

/// Records in order of their keys, all of one revision.
public struct StorePage: Hashable, Sendable {
  public var records: [StoreRecord]
  /// They are as of this one.
  public var revision: StoreRevision
  /// Others come after the last of these.
  public var hasMore: Bool

  public init(records: [StoreRecord], revision: StoreRevision, hasMore: Bool) {
    self.records = records
    self.revision = revision
    self.hasMore = hasMore
  }
}

/// One key changed.
public enum StoreEvent: Hashable, Sendable {
  case put(StoreRecord)
  case removed(StoreKey, StoreRevision)

  public var key: StoreKey {
    switch self {
    case .put(let record): record.key
    case .removed(let key, _): key
    }
  }

  public var revision: StoreRevision {
    switch self {
    case .put(let record): record.changed
    case .removed(_, let revision): revision
    }
  }
}

/// What came after a revision.
public struct StoreChanges: Hashable, Sendable {
  /// Whole transactions in order; within one, in order of the keys.
  public var events: [StoreEvent]
  /// Everything up to this one is in `events`, or was before.
  public var revision: StoreRevision

  public init(events: [StoreEvent], revision: StoreRevision) {
    self.events = events
    self.revision = revision
  }
}
