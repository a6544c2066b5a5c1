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
import Testing

/// All tests of policies on real devices.
@Suite(
  .serialized,
  .enabled(if: canRunAgents, "needs root, network namespaces, veth and TAP devices, and tcpdump"))
struct PolicyTests {}

let canRunAgents = RigEnvironment.canBuild() && hasPrograms("tcpdump")

func hasPrograms(_ names: String...) -> Bool {
  names.allSatisfy { RigEnvironment.hasPrograms($0) }
}

/// The program under test.
let martletProgram = RigEnvironment.testedProgram()

/// Runs with a network that has its agents, and takes it down.
///
/// - Parameter isQuiet: the VMs have no IPv6, so that only what a test sends is on the wires.
func withRig(
  _ text: String, isQuiet: Bool = true, isStarted: Bool = true, _ body: (Rig) throws -> Void
) throws {
  let rig = try Rig(text, executable: martletProgram, prefix: RigEnvironment.uniquePrefix())
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
  try RigEnvironment.eventually(condition)
}

extension Rig {
  /// Takes IPv6 from a node, whose kernel then says nothing on its own.
  func quieten(_ node: String) throws {
    for place in ["all", "default"] {
      try run(
        ["sysctl", "-qw", "net.ipv6.conf.\(place).disable_ipv6=1"], in: namespace(node))
    }
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
