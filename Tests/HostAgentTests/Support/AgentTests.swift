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

/// Root may make namespaces and devices; some sandboxes forbid it even to root.
let canRunAgents: Bool = {
  // SAFETY: a C string for the call.
  guard geteuid() == 0, unsafe access("/dev/net/tun", R_OK | W_OK) == 0 else { return false }
  let name = uniquePrefix() + "probe"
  defer { try? NetworkNamespace.delete(named: name) }
  guard let namespace = try? NetworkNamespace.create(named: name) else { return false }
  return
    (try? NetlinkSocket.createVethPair(
      VethEnd("a", in: namespace), VethEnd("b", in: namespace))) != nil
}()

/// What no other test run on this machine uses.
func uniquePrefix() -> String { "mt\(getpid())x\(UInt16.random(in: 0...UInt16.max))-" }

/// The program under test: MARTLET_BINARY, else the one that was built with the tests.
let martletProgram: String = {
  if let given = ChildProcess.Command.inheritedEnvironment["MARTLET_BINARY"] { return given }
  let tests = CommandLine.arguments[0]
  return (tests.lastIndex(of: "/").map { tests[...$0] } ?? "./") + "martlet"
}()

/// Runs with a network that has its agents, and takes it down.
func withRig<Value>(_ text: String, isStarted: Bool = true, _ body: (Rig) throws -> Value) throws
  -> Value
{
  let rig = try Rig(text, executable: martletProgram, prefix: uniquePrefix())
  defer { rig.close() }
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
  try MonotonicClock.wait(
    atMostNanoseconds: 10_000_000_000, everyNanoseconds: 5_000_000, until: condition)
}

extension Rig {
  /// Whether a VM gets an answer from an address within the time.
  func reaches(_ vm: String, _ address: String, seconds: String = "1", bytes: Int = 56) -> Bool {
    let command = ["ping", "-n", "-c1", "-W\(seconds)", "-s\(bytes)", "-Mdo", address]
    let report = try? ChildProcess.run(.init(command, in: namespace(vm)))
    return report?.ending.isSuccess ?? false
  }

  /// Replaces a part of the topology file and lets an agent read it; fails unless it is applied.
  func change(_ text: String, on host: String) throws {
    try write(text)
    let reply = try reload(host)
    try #require(reply.status == 200, "\(String(decoding: reply.body, as: UTF8.self))")
  }

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
