// The agent's log: plain lines on standard error, few of them, none per frame.

internal import Linux

/// Writes one line for people who look after the host.
enum AgentLog {
  static func write(_ line: String) { StandardError.write("martlet: host: \(line)\n") }
}
