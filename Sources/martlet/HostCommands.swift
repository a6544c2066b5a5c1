// `host run`: the agent of this host, in the foreground.

internal import Base

enum HostCommands {
  static let all = [run]

  private static let run = Command(
    noun: "host", verb: "run", summary: "run the agent of this host until it is told to stop",
    options: [
      .init(
        name: "config", value: "FILE", summary: "a topology file that names this host",
        isRequired: true),
      .init(
        name: "host", value: "NAME", summary: "the name of this host in the file", isRequired: true),
      .init(
        name: "socket", value: "PATH", summary: "where it answers (/run/martlet/agent.sock)"),
      .init(
        name: "state-dir", value: "DIR",
        summary: "where it keeps its last good configuration (/var/lib/martlet)"),
    ],
    examples: [
      .init(
        line: "martlet host run --config quickstart.yaml --host host1",
        effect: "this machine becomes host1")
    ],
    run: { _ in throw Unconnected.failure("host run") })
}
