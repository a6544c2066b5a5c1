// What the tests of the agent share: the program under test, networks of their own, and polling.
//
// Every test builds its own hosts, switches and VMs from namespaces with unique names, and removes them
// also when it fails. They run one after another: each has two cores' worth of processes.

import Base
import Glibc
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

/// All tests that run real agents.
@Suite(
  .serialized,
  .enabled(if: canRunAgents, "needs root, network namespaces, veth and TAP devices"))
struct AgentTests {}

let canRunAgents = RigEnvironment.canBuild()

/// The program under test.
let martletProgram = RigEnvironment.testedProgram()

/// Runs with a network that has its agents, and takes it down.
func withRig<Value>(
  _ text: String, isStarted: Bool = true, workers: Int? = nil, _ body: (Rig) throws -> Value
) throws -> Value {
  let rig = try Rig(text, executable: martletProgram, prefix: RigEnvironment.uniquePrefix())
  defer { rig.close() }
  if let workers { rig.workers = workers }
  do {
    if isStarted { try rig.start() }
    return try body(rig)
  } catch {
    for host in rig.topology.hosts { Issue.record("log of \(host.name): \(rig.log(host.name))") }
    throw error
  }
}

/// Waits up to ten seconds for something to become true.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  try RigEnvironment.eventually(condition)
}

extension Rig {
  /// Asserts that every switch of a host accounts for every frame.
  func expectConservation(_ host: String, _ location: Testing.SourceLocation = #_sourceLocation)
    throws
  {
    for status in try switches(host) {
      let sums = status.conservation
      #expect(
        sums.received + sums.replicated + sums.generated
          == sums.delivered + sums.dropped + sums.queued, "\(sums)", sourceLocation: location)
    }
  }

  func device(_ name: String, of node: String) throws -> Link? {
    try NetlinkSocket(in: namespace(node)).link(.name(name))
  }
}
