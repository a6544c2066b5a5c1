// The engine of several controllers: an etcd cluster (https://etcd.io/docs/v3.4/learning/api/).
//
// The rules of the store are those of etcd, so each call is one request: a commit is a transaction whose
// comparisons are on `mod_revision`, and waiting for changes is a watch that is given up with the first
// answer. Other applications may use the cluster, too: our keys have a prefix, and revisions that are not ours
// are simply gaps.

internal import Base
internal import FoundationEssentials
public import HTTP
internal import Synchronization

/// A store in an etcd cluster.
public final class EtcdStore: Store {
  /// What an answer may take that is there already.
  private static let leastMilliseconds = 500

  private let gateway: EtcdGateway
  private let root: String

  /// - Parameter members: a client for each member; every call tries one after the other.
  /// - Parameter root: what every key in etcd begins with.
  public init(members: [HTTPClient], root: String = "/martlet") {
    gateway = EtcdGateway(members: members)
    self.root = root
  }

  public func record(for key: StoreKey) throws(StoreError) -> StoreRecord? {
    let request = EtcdRequest.Range(key: bytes(key.description))
    let answer = try read(["kv", "range"], request, as: EtcdAnswer.Range.self)
    return answer.kvs?.first.flatMap { record($0) }
  }

  public func records(
    under prefix: StoreKey, after: StoreKey?, limit: Int, at revision: StoreRevision?
  ) throws(StoreError) -> StorePage {
    // The next key behind one is that with a zero byte.
    let start = after.map { max($0.description + "\0", prefix.description) }
    let request = EtcdRequest.Range(
      key: bytes(start ?? prefix.description),
      rangeEnd: bytes(prefix.endOfPrefix),
      limit: EtcdNumber(Int64(min(limit, StoreLimits.pageRecords))),
      revision: revision.map { EtcdNumber($0.rawValue) })
    let answer = try read(["kv", "range"], request, as: EtcdAnswer.Range.self)
    return StorePage(
      records: (answer.kvs ?? []).compactMap { record($0) },
      revision: revision ?? self.revision(answer.header), hasMore: answer.more ?? false)
  }

  public func commit(_ transaction: StoreTransaction) throws(StoreError) -> StoreOutcome {
    try transaction.check()
    let conditions = transaction.conditions.sorted { $0.key < $1.key }
    let request = EtcdRequest.Transaction(
      compare: conditions.map { key, revision in
        EtcdRequest.Compare(
          key: bytes(key.description), modRevision: EtcdNumber(revision.rawValue))
      },
      success: transaction.changesInOrder.map { operation($0.key, $0.change) },
      failure: conditions.map { key, _ in
        EtcdRequest.Operation(requestRange: EtcdRequest.Range(key: bytes(key.description)))
      })
    do throws(EtcdGateway.Refusal) {
      let answer = try gateway.ask(
        ["kv", "txn"], request, as: EtcdAnswer.Transaction.self, isRepeatable: false)
      if answer.succeeded ?? false { return .committed(revision(answer.header)) }
      let found = (answer.responses ?? []).compactMap { $0.range?.kvs?.first }
      let revisions = Dictionary(
        found.compactMap { record($0) }.map { ($0.key, $0.changed) }, uniquingKeysWith: max)
      let broken = conditions.filter { revisions[$0.key] ?? .zero != $0.value }
      return .conflict(
        Dictionary(uniqueKeysWithValues: broken.map { ($0.key, revisions[$0.key] ?? .zero) }))
    } catch { throw outcome(of: error) }
  }

  /// Why a commit was not answered well, and whether it can have happened.
  private func outcome(of refusal: EtcdGateway.Refusal) -> StoreError {
    switch refusal {
    case .unreached(let failure): .unavailable(failure)
    case .unanswered(let failure): .uncertain(failure)
    case .status(EtcdAnswer.Problem.unavailable, let failure): .uncertain(failure)
    case .status(EtcdAnswer.Problem.notFound, _): .leaseEnded
    case .status(_, let failure): .refused(failure)
    }
  }

  public func changes(
    under prefix: StoreKey, after revision: StoreRevision, limit: Int, waitingMilliseconds: Int
  ) throws(StoreError) -> StoreChanges {
    let request = EtcdRequest.Watch(
      createRequest: EtcdRequest.Watch.Create(
        key: bytes(prefix.description), rangeEnd: bytes(prefix.endOfPrefix),
        startRevision: EtcdNumber(revision.next.rawValue)))
    let watched = Watched()
    do throws(EtcdGateway.Refusal) {
      try gateway.watch(request, forMilliseconds: max(waitingMilliseconds, Self.leastMilliseconds))
      { answer in
        let isNews = (answer.result?.header?.revision?.value ?? .max) > revision.rawValue
        return watched.take(answer) && (isNews || waitingMilliseconds > 0)
      }
    } catch { throw .unavailable(error.failure) }
    if let oldest = watched.compacted { throw .compacted(oldest: StoreRevision(oldest)) }
    if let failure = watched.failure { throw .unavailable(failure) }
    let events = watched.events.compactMap { event($0) }
    return StoreChanges(events: events, revision: events.last?.revision ?? revision)
  }

  public func compact(to revision: StoreRevision) throws(StoreError) {
    struct Empty: Decodable {}
    do throws(EtcdGateway.Refusal) {
      _ = try gateway.ask(
        ["kv", "compaction"], EtcdRequest.Compaction(revision: EtcdNumber(revision.rawValue)),
        as: Empty.self, isRepeatable: true)
    } catch {
      // Compacted as far already, or not as far yet: nothing is to be done, as with the other engines.
      if case .status(EtcdAnswer.Problem.outOfRange, _) = error { return }
      throw .unavailable(error.failure)
    }
  }

  // MARK: Leases

  public func grantLease(seconds: Int) throws(StoreError) -> StoreLease {
    let answer = try read(
      ["lease", "grant"], EtcdRequest.Lease(seconds: EtcdNumber(Int64(seconds))),
      as: EtcdAnswer.Lease.self)
    return StoreLease(rawValue: answer.id?.value ?? 0)
  }

  public func keepAlive(_ lease: StoreLease) throws(StoreError) -> Bool {
    let answer = try read(
      ["lease", "keepalive"], EtcdRequest.Lease(id: EtcdNumber(lease.rawValue)),
      as: EtcdAnswer.KeepAlive.self)
    return (answer.result?.seconds?.value ?? 0) > 0
  }

  public func revoke(_ lease: StoreLease) throws(StoreError) {
    do throws(EtcdGateway.Refusal) {
      _ = try gateway.ask(
        ["lease", "revoke"], EtcdRequest.Lease(id: EtcdNumber(lease.rawValue)),
        as: EtcdAnswer.Lease.self, isRepeatable: true)
    } catch {
      if case .status(EtcdAnswer.Problem.notFound, _) = error { return }
      throw .unavailable(error.failure)
    }
  }

  // MARK: To etcd's terms and back

  private func read<Answer: Decodable>(
    _ path: [String], _ request: some Encodable, as type: Answer.Type
  ) throws(StoreError) -> Answer {
    do throws(EtcdGateway.Refusal) {
      return try gateway.ask(path, request, as: type, isRepeatable: true)
    } catch {
      guard case .status(EtcdAnswer.Problem.outOfRange, let failure) = error else {
        throw .unavailable(error.failure)
      }
      // Its words tell the two cases apart, and it does not say how far it was compacted.
      guard failure.why.contains("compacted") else { throw .refused(failure) }
      throw .compacted(oldest: try newestRevision())
    }
  }

  private func newestRevision() throws(StoreError) -> StoreRevision {
    let request = EtcdRequest.Range(key: bytes("/"))
    return revision(try read(["kv", "range"], request, as: EtcdAnswer.Range.self).header)
  }

  private func bytes(_ text: String) -> EtcdBytes { EtcdBytes((root + text).utf8) }

  private func operation(
    _ key: StoreKey, _ change: StoreTransaction.Change
  ) -> EtcdRequest.Operation {
    switch change {
    case .put(let value, let lease):
      EtcdRequest.Operation(
        requestPut: EtcdRequest.Put(
          key: bytes(key.description), value: EtcdBytes(value),
          lease: lease.map { EtcdNumber($0.rawValue) }))
    case .remove:
      EtcdRequest.Operation(
        requestDeleteRange: EtcdRequest.DeleteRange(key: bytes(key.description)))
    }
  }

  private func key(_ bytes: EtcdBytes) -> StoreKey? {
    let text = String(decoding: bytes, as: UTF8.self)
    return text.hasPrefix(root) ? StoreKey(String(text.dropFirst(root.count))) : nil
  }

  /// Nothing for a key that is not one of ours.
  private func record(_ found: EtcdAnswer.KeyValue) -> StoreRecord? {
    guard let key = key(found.key) else { return nil }
    let lease = found.lease?.value ?? 0
    return StoreRecord(
      key: key, value: [UInt8](found.value ?? EtcdBytes()),
      created: StoreRevision(found.createRevision?.value ?? 0),
      changed: StoreRevision(found.modRevision?.value ?? 0), version: found.version?.value ?? 0,
      lease: lease == 0 ? nil : StoreLease(rawValue: lease))
  }

  private func event(_ event: EtcdAnswer.Watch.Event) -> StoreEvent? {
    if event.type != "DELETE" { return record(event.kv).map { .put($0) } }
    let revision = StoreRevision(event.kv.modRevision?.value ?? 0)
    return key(event.kv.key).map { .removed($0, revision) }
  }

  private func revision(_ header: EtcdAnswer.Header) -> StoreRevision {
    StoreRevision(header.revision?.value ?? 0)
  }

  /// What a watch has brought. etcd keeps the events of a transaction together.
  private final class Watched {
    var events: [EtcdAnswer.Watch.Event] = []
    var compacted: Int64?
    var failure: Failure?

    /// False when there is something to go on with.
    func take(_ answer: EtcdAnswer.Watch) -> Bool {
      guard let result = answer.result else {
        failure = (answer.error ?? EtcdAnswer.Problem()).failure
        return false
      }
      if result.canceled ?? false {
        compacted = result.compactRevision?.value
        if compacted == nil {
          let reason = result.cancelReason
          failure = EtcdAnswer.Problem(message: reason ?? "the watch was ended").failure
        }
        return false
      }
      events += result.events ?? []
      return events.isEmpty
    }
  }
}
