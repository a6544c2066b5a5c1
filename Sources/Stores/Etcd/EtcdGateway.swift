// Asking an etcd cluster: one member after the other until one answers.

internal import Base
internal import HTTP
internal import Synchronization

/// The members of a cluster.
///
/// - Thread: any.
final class EtcdGateway: Sendable {
  /// An answer that says no, or none.
  enum Refusal: Error {
    /// etcd's own words, with its code (google.rpc.Code).
    case status(Int, Failure)
    /// No member could be reached; none has seen the request.
    case unreached(Failure)
    /// A member may have seen it.
    case unanswered(Failure)
  }

  private let members: [HTTPClient]
  /// The one that answered last: asked first.
  private let preferred = Mutex(0)

  init(members: [HTTPClient]) {
    precondition(!members.isEmpty, "a cluster has a member")
    self.members = members
  }

  /// - Parameter isRepeatable: asking twice does no harm, so that another member is asked when one does not
  ///   answer, or says that it has no leader.
  func ask<Answer: Decodable>(
    _ path: [String], _ request: some Encodable, as type: Answer.Type, isRepeatable: Bool
  ) throws(Refusal) -> Answer {
    let target = HTTPTarget(segments: ["v3"] + path)
    let body = try encode(request)
    var refusal = Refusal.unreached(
      Failure("cannot ask etcd", why: "it has no members", remedy: "name one"))
    for member in membersInOrder {
      switch answer(of: member, to: target, body, as: type) {
      case .success(let answer): return answer
      case .failure(let problem): refusal = problem
      }
      guard isRepeatable && refusal.isPassing || refusal.isUnreached else { break }
    }
    throw refusal
  }

  /// Watches until `each` wants no more, or the time is over.
  ///
  /// - Parameter each: is given the lines of the answer.
  func watch(
    _ request: EtcdRequest.Watch, forMilliseconds milliseconds: Int,
    each: @escaping (EtcdAnswer.Watch) -> Bool
  ) throws(Refusal) {
    let target = HTTPTarget(segments: ["v3", "watch"])
    let body = try encode(request)
    var refusal: Failure?
    for member in membersInOrder {
      var lines = LineSplitter()
      do throws(Failure) {
        try members[member].stream(
          .post, target, body: body, lastMilliseconds: milliseconds
        ) { piece in
          lines.take(piece).allSatisfy { line in
            guard let answer = try? JSONText.decode(EtcdAnswer.Watch.self, from: line) else {
              return false
            }
            return each(answer)
          }
        }
        preferred.withLock { $0 = member }
        return
      } catch { refusal = error }
    }
    if let refusal { throw .unreached(refusal) }
  }

  /// The one that answered last comes first.
  private var membersInOrder: [Int] {
    let first = preferred.withLock { $0 }
    return members.indices.map { (first + $0) % members.count }
  }

  private func answer<Answer: Decodable>(
    of member: Int, to target: HTTPTarget, _ body: [UInt8], as type: Answer.Type
  ) -> Result<Answer, Refusal> {
    let reply: HTTPReply
    do throws(HTTPFailure) {
      reply = try members[member].ask(.post, target, body: body)
    } catch {
      return .failure(error.isUnsent ? .unreached(error.failure) : .unanswered(error.failure))
    }
    preferred.withLock { $0 = member }
    do throws(Failure) {
      guard reply.status == 200 else {
        let problem = try JSONText.decode(
          EtcdAnswer.Problem.self, from: reply.body, what: "cannot read what etcd answers")
        return .failure(.status(problem.status, problem.failure))
      }
      return .success(
        try JSONText.decode(type, from: reply.body, what: "cannot read what etcd answers"))
    } catch { return .failure(.unanswered(error)) }
  }

  private func encode(_ request: some Encodable) throws(Refusal) -> [UInt8] {
    do throws(Failure) { return try JSONText.encode(request) } catch {
      throw .unreached(error)
    }
  }
}

extension EtcdGateway.Refusal {
  var isUnreached: Bool {
    if case .unreached = self { true } else { false }
  }

  /// Another member may do better.
  var isPassing: Bool {
    switch self {
    case .unreached, .unanswered: true
    case .status(let code, _): code == EtcdAnswer.Problem.unavailable
    }
  }

  var failure: Failure {
    switch self {
    case .status(_, let failure), .unreached(let failure), .unanswered(let failure): failure
    }
  }
}

extension EtcdAnswer.Problem {
  var failure: Failure {
    Failure(
      "cannot use etcd", why: message ?? "it answers with error \(status)",
      remedy: "check the cluster: etcdctl endpoint status --cluster")
  }
}
