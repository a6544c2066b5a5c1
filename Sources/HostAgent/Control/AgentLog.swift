// The agent's log: plain lines on standard error, few of them, none per frame.
//
// Where that is a file, as in a lab, nobody else looks after its size: it begins anew when it has grown
// to `fileBytesMax`.

internal import Linux

/// Writes one line for people who look after the host.
enum AgentLog {
  private static let fileBytesMax = 8 << 20

  static func write(_ line: String) {
    StandardError.write("martlet: host: \(line)\n", fileBytesMax: fileBytesMax)
  }
}
