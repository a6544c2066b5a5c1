// What the tests of the policies share: the program under test, networks of their own, and polling.
//
// One test a feature row. Each builds hosts, physical switches and VMs from namespaces with names of its
// own, starts a real agent on each host, and lets others judge: tcpdump where frames come out, the
// forwarding table of the physical switch, the sockets of the kernel. What the agents count is asserted
// in addition, never alone.

import Base
import Glibc
import HTTP
import Linux
import Model
import Netlink
import Rig
import Synchronization
import Testing

/// All tests of policies on real devices.
@Suite(
  .serialized,
  .enabled(if: canRunAgents, "needs root, network namespaces, veth and TAP devices, and tcpdump"))
struct PolicyTests {}

/// Root may make namespaces and devices; some sandboxes forbid it even to root.
let canRunAgents: Bool = {
  // SAFETY: a C string for the call.
  guard geteuid() == 0, unsafe access("/dev/net/tun", R_OK | W_OK) == 0, hasPrograms("tcpdump")
  else { return false }
  let name = uniquePrefix() + "probe"
  defer { try? NetworkNamespace.delete(named: name) }
  guard let namespace = try? NetworkNamespace.create(named: name) else { return false }
  return
    (try? NetlinkSocket.createVethPair(
      VethEnd("a", in: namespace), VethEnd("b", in: namespace))) != nil
}()

private let prefixCounter = Atomic(0)

/// What no other test run on this machine uses.
func uniquePrefix() -> String {
  "mp\(getpid())x\(prefixCounter.add(1, ordering: .relaxed).newValue)-"
}

/// Whether programs are in PATH.
func hasPrograms(_ names: String...) -> Bool {
  names.allSatisfy { name in
    (try? ChildProcess.run(.init(["which", name])).ending.isSuccess) ?? false
  }
}

/// The program under test: MARTLET_BINARY, else the one that was built with the tests.
let martletProgram: String = {
  if let given = ChildProcess.Command.inheritedEnvironment["MARTLET_BINARY"] { return given }
  let tests = CommandLine.arguments[0]
  return (tests.lastIndex(of: "/").map { tests[...$0] } ?? "./") + "martlet"
}()

/// Runs with a network that has its agents, and takes it down.
///
/// - Parameter isQuiet: the VMs have no IPv6, so that only what a test sends is on the wires.
func withRig(
  _ text: String, isQuiet: Bool = true, isStarted: Bool = true, _ body: (Rig) throws -> Void
) throws {
  let rig = try Rig(text, executable: martletProgram, prefix: uniquePrefix())
  defer { rig.close() }
  do {
    if isQuiet { for vm in rig.topology.vms { try rig.quieten(vm.name) } }
    if isStarted { try rig.start() }
    try body(rig)
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
  /// Takes IPv6 from a node, whose kernel then says nothing on its own.
  func quieten(_ node: String) throws {
    for place in ["all", "default"] {
      try run(
        ["sysctl", "-qw", "net.ipv6.conf.\(place).disable_ipv6=1"], in: namespace(node))
    }
  }

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

  /// Whether a VM's port is there and passes frames.
  func isUp(_ host: String, _ vm: String) throws -> Bool {
    try ports(host).contains { $0.vm == vm && $0.state == .up }
  }

  /// How often a port has dropped frames for a reason.
  func drops(_ host: String, _ vm: String, _ reason: String) throws -> UInt64 {
    try port(host, vm).drops[reason] ?? 0
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
}
