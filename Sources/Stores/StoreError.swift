// Why a store did not do what it was asked for.

public import Base

/// What the caller has to tell apart.
public enum StoreError: Error, Hashable, Sendable {
  /// What is asked for was compacted away: list anew, at `oldest` or later.
  case compacted(oldest: StoreRevision)
  /// It cannot be reached or does not work now; nothing has happened.
  case unavailable(Failure)
  /// A commit was sent and not answered: it has happened, or not. Reading tells.
  case uncertain(Failure)
  /// It is over a bound. Nothing has happened, and never will.
  case refused(Failure)

  /// For a person.
  public var failure: Failure {
    switch self {
    case .unavailable(let failure), .uncertain(let failure), .refused(let failure): failure
    case .compacted(let oldest):
      Failure(
        "cannot read so far back", why: "what was before revision \(oldest) is not kept",
        remedy: "ask for revision \(oldest) or a later one")
    }
  }
}

extension StoreError {
  /// A record was to be put under a lease that is over.
  static let leaseEnded = StoreError.refused(
    Failure(
      "cannot store a record", why: "its lease has ended", remedy: "ask for a new lease"))

  static func notYet(_ revision: StoreRevision, newest: StoreRevision) -> StoreError {
    .refused(
      Failure(
        "cannot read revision \(revision)", why: "the newest is \(newest)",
        remedy: "ask for that one, or wait"))
  }
}
