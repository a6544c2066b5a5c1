// The running configuration: read from an agent, changed at one port, and kept for its next start.

import Base
import HTTP
import Linux
import Model
import Rig
import Testing

extension AgentTests {
  private struct Running: Decodable {
    var host: String
    var revision: UInt64
    var topology: String
  }

  @Test func aPortIsChangedInWhatRuns() throws {
    let text = internalOnly().replacing(
      "name: inside, vlan: 0", with: "name: inside, vlan: 0, allowOverride: [block, vlan]")
    try withRig(text) { rig in
      let client = rig.client("host1")
      let target = HTTPTarget(segments: ["v1", "config"])
      let before = try client.request(.get, target, as: Running.self)
      #expect(before.host == "host1")
      #expect(before.revision == (try rig.status("host1").revision))
      // The program itself, against this agent.
      func martlet(_ words: String...) throws -> ChildProcess.Report {
        var command = rig.command("host1")
        command.arguments = [command.arguments[0]] + words + ["--socket", rig.socketPath("host1")]
        return try ChildProcess.run(command)
      }
      let set = try martlet("port", "set", "in1/eth0", "vlan=30", "blocked=true")
      #expect(set.ending == .exited(0), "\(set.errors)")
      #expect(
        set.output == """
          host1: port in1/eth0: vlan inherited -> 30
          host1: port in1/eth0: blocked inherited -> true
          host1: runs revision \(before.revision + 1)

          """)
      let after = try client.request(.get, target, as: Running.self)
      #expect(after.revision == before.revision + 1)
      #expect(after.topology.contains("vlan: 30"))
      #expect(try readFile(rig.configPath, limitBytes: 1 << 20) == Array(after.topology.utf8))
      // Who read the revision before is late.
      var late = target
      late.query = [.init(name: "revision", value: "\(before.revision)")]
      let reply = try client.send(.put, late, body: Array(before.topology.utf8))
      #expect(reply.status == 409)
      #expect(try client.request(.get, target, as: Running.self).topology == after.topology)
      let reset = try martlet("port", "reset", "in1/eth0")
      #expect(reset.ending == .exited(0), "\(reset.errors)")
      #expect(try client.request(.get, target, as: Running.self).topology == before.topology)
      #expect(rig.reaches("in1", "10.0.99.2"))
    }
  }
}
