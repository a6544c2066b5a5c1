// Asks several agents the same, at the same time, and keeps what each of them said.
//
// An agent that is dead or hangs costs at most the timeout, once, and never the answers of others.

internal import Base
internal import HTTP
internal import Linux
internal import Synchronization

/// What the agents answered.
struct AgentAnswers<Value: Sendable>: Sendable {
  /// In the order of the agents.
  var values: [Value] = []
  /// The agents that did not answer, and why.
  var failures: [Failure] = []

  /// Tells who did not answer; the status of a command that needs them all.
  func tellFailures() -> ExitStatus {
    for failure in failures { Console.tell(failure) }
    return failures.isEmpty ? .done : .failed
  }
}

enum AgentClient {
  static let timeoutMilliseconds = 5000

  /// Sends one request to every agent and waits for all answers.
  static func ask<Value: Decodable & Sendable>(
    _ agents: [Agent], _ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8] = [],
    as type: Value.Type
  ) -> AgentAnswers<Value> {
    let results = Mutex<[Int: Result<Value, Failure>]>([:])
    everyone(agents[...]) { index, agent in
      let client = HTTPClient(.socket(agent.socketPath), timeoutMilliseconds: timeoutMilliseconds)
      let result = Result { () throws(Failure) in
        try JSONText.decode(
          type, from: try client.request(method, target, body: body),
          what: "cannot read the answer of \(agent.name)")
      }
      results.withLock { $0[index] = result }
    }
    var answers = AgentAnswers<Value>()
    for (index, agent) in agents.enumerated() {
      switch results.withLock({ $0[index] }) {
      case .success(let value): answers.values.append(value)
      case .failure(let failure):
        var failure = failure
        failure.what = "host \(agent.name): \(failure.what)"
        answers.failures.append(failure)
      case nil: preconditionFailure("every agent was asked")
      }
    }
    return answers
  }

  /// Runs `body` for every agent, each on a thread of its own, and waits for all.
  private static func everyone(
    _ agents: ArraySlice<Agent>, _ body: @escaping @Sendable (Int, Agent) -> Void
  ) {
    guard let agent = agents.first else { return }
    let index = agents.startIndex
    if agents.count > 1, let thread = try? Thread(named: "ask", { body(index, agent) }) {
      everyone(agents.dropFirst(), body)
      thread.join()
    } else {
      body(index, agent)
      everyone(agents.dropFirst(), body)
    }
  }
}
