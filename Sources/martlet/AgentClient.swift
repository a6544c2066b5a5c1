// Asks several agents the same, at the same time, and keeps what each of them said.
//
// An agent that is dead or hangs costs at most the timeout, once, and never the answers of others.

internal import Base
internal import HTTP
internal import Linux
internal import Synchronization

/// What the agents answered.
struct AgentAnswers<Value: Sendable>: Sendable {
  /// What one agent answered.
  struct Answer: Sendable {
    var agent: Agent
    var value: Value
  }

  /// In the order of the agents.
  var values: [Answer] = []
  /// The agents that did not answer, and why.
  var failures: [Failure] = []

  /// Tells who did not answer; the status of a command that needs them all.
  func tellFailures() -> ExitStatus {
    Console.tell(failures)
    return failures.isEmpty ? .done : .failed
  }
}

enum AgentClient {
  static let timeoutMilliseconds = 5000

  /// Sends one request to every agent and waits for all answers.
  static func ask<Value: Decodable & Sendable>(
    _ agents: [Agent], _ method: HTTPMethod, _ target: HTTPTarget, body: [UInt8] = [],
    timeoutMilliseconds: Int = timeoutMilliseconds, as type: Value.Type
  ) -> AgentAnswers<Value> {
    ask(
      agents, method, body: body, timeoutMilliseconds: timeoutMilliseconds, as: type,
      target: { _ in target })
  }

  /// Sends each agent, by its place in the list, a request of its own.
  static func ask<Value: Decodable & Sendable>(
    _ agents: [Agent], _ method: HTTPMethod, body: [UInt8], timeoutMilliseconds: Int,
    as type: Value.Type, target: @escaping @Sendable (Int) -> HTTPTarget
  ) -> AgentAnswers<Value> {
    let results = Mutex<[Int: Result<Value, Failure>]>([:])
    everyone(agents[...]) { index, agent in
      let target = target(index)
      let client = HTTPClient(.socket(agent.socketPath), timeoutMilliseconds: timeoutMilliseconds)
      let result = Result { () throws(Failure) in
        let reply = try client.send(method, target, body: body)
        return try read(reply, of: agent, client, method, target, as: type)
      }
      results.withLock { $0[index] = result }
    }
    var answers = AgentAnswers<Value>()
    for (index, agent) in agents.enumerated() {
      switch results.withLock({ $0[index] }) {
      case .success(let value): answers.values.append(.init(agent: agent, value: value))
      case .failure(let failure):
        var failure = failure
        failure.what = "host \(agent.name): \(failure.what)"
        answers.failures.append(failure)
      case nil: preconditionFailure("every agent was asked")
      }
    }
    return answers
  }

  private static func read<Value: Decodable>(
    _ reply: HTTPReply, of agent: Agent, _ client: HTTPClient, _ method: HTTPMethod,
    _ target: HTTPTarget, as type: Value.Type
  ) throws(Failure) -> Value {
    // A configuration is refused with a list of what is wrong in it, ready for a person.
    if reply.status == 422, let refused = try? JSONText.decode(Refused.self, from: reply.body) {
      throw Failure(
        "the configuration is refused", why: refused.errors.joined(separator: "; "),
        remedy: "mend the file, and check it with `martlet validate`")
    }
    return try JSONText.decode(
      type, from: try client.body(of: reply, method, target),
      what: "cannot read the answer of \(agent.name)")
  }

  /// What an agent says of a configuration that it does not take.
  private struct Refused: Decodable {
    var errors: [String]
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
