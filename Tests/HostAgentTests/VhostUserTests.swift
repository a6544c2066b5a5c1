// Guests behind vhost-user as ports of a running agent: DPDK's virtio-user and a Linux guest in QEMU, beside
// containers, under the policies that hold for all.

import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

private let hasTestpmd = hasPrograms("dpdk-testpmd")
private let needsTestpmd: Comment = "needs dpdk-testpmd (apt: dpdk)"
private let needsGuest: Comment = "\(GuestImage.absence ?? "it can be made")"
private let guestAddress = GuestImage.address
private let declared = "00:50:56:00:00:10"

/// `in1` and the guest in VLAN 10, `in2` in VLAN 20, all in one subnet.
private func network(_ guest: String = "vhostUser: {}", more: String = "") -> String {
  """
  apiVersion: martlet/v1
  kind: Topology
  name: vhost
  hosts:
    - { name: host1, nics: {} }
  standardSwitches:
    - host: host1
      name: vSwitch1
      portgroups:
        - { name: inside, vlan: 10 }
        - { name: other, vlan: 20 }
  vms:
    - { name: in1, host: host1, nics: [{ portgroup: inside, addresses: [10.99.0.1/24] }] }
    - { name: in2, host: host1, nics: [{ portgroup: other, addresses: [10.99.0.2/24] }] }
    - { name: guest, host: host1, nics: [{ portgroup: inside, mac: "\(declared)", \(guest) }] }
  \(more)

  """
}

extension Rig {
  fileprivate var socket: String { "\(folder)/guest-eth0.sock" }

  fileprivate func guest(
    at socket: String? = nil, listens: Bool = false, mac: String = declared, logs: String = "logs"
  ) throws -> VhostGuest {
    let logs = "\(folder)/\(logs)"
    try makeDirectory(logs)
    return VhostGuest(socket: socket ?? self.socket, listens: listens, mac: mac, folder: logs)
  }

  fileprivate func guestPort() throws -> PortStatus { try port("host1", "guest") }

  fileprivate func answers(_ guest: VhostGuest, from vm: String = "in1") -> Bool {
    let isThere = MonotonicClock.wait(
      atMostNanoseconds: 20_000_000_000, everyNanoseconds: 20_000_000
    ) { reaches(vm, guestAddress, seconds: "0.3") }
    if !isThere { Issue.record("\(guest.log) \((try? guestPort()) as Any)") }
    return isThere
  }

  /// So that frames for the guest leave although nobody answers for it.
  fileprivate func knowGuest() throws {
    for vm in ["in1", "in2"] {
      try run(
        ["ip", "neigh", "replace", guestAddress, "lladdr", declared, "dev", "eth0"],
        in: namespace(vm))
    }
  }
}

extension AgentTests {
  @Test(.enabled(if: hasTestpmd, needsTestpmd))
  func aGuestBehindVhostUserComesGoesAndComesBack() throws {
    try withRig(network()) { rig in
      let free = try rig.guestPort()
      #expect(free.state == .down && free.attachment == "vhost-user")
      #expect(free.message == "no guest is connected to \(rig.socket)")
      #expect(free.vhostUser == VhostUserStatus(socket: rig.socket, mode: .server))
      #expect(try rig.status("host1").message == nil, "an open port is no problem")
      try rig.knowGuest()
      #expect(!rig.reaches("in1", guestAddress, seconds: "0.2"))
      #expect(try rig.guestPort().drops["portDown"] ?? 0 > 0)
      try rig.expectQuietWorker("host1")

      let guest = try rig.guest()
      var process = try guest.runTestpmd("icmpecho")
      defer { _ = process.terminate() }
      #expect(rig.answers(guest))
      let port = try rig.guestPort()
      #expect(port.state == .up && port.message == nil, "\(port)")
      #expect(port.mac?.description == declared && port.effectiveMAC == port.mac)
      let state = try #require(port.vhostUser)
      #expect(state.state == .connected && state.receiveQueues == 1 && state.transmitQueues == 1)
      #expect(state.features.contains("mrgRxbuf") && state.queueEntries > 0, "\(state)")
      #expect(!rig.reaches("in2", guestAddress, seconds: "0.3"), "another VLAN")

      // A second guest at the same socket is turned away; the first goes on.
      let second = try rig.guest(logs: "second")
      var stranger = try second.runTestpmd("icmpecho")
      defer { _ = stranger.terminate() }
      let isRefused = try eventually { try rig.guestPort().vhostUser?.refusals ?? 0 > 0 }
      #expect(isRefused, "\(second.log)")
      _ = stranger.terminate()
      #expect(rig.reaches("in1", guestAddress))
      #expect(try rig.guestPort().vhostUser?.connections == 1)

      // It is killed, and starts anew.
      process.send(.kill)
      #expect(try eventually { try rig.guestPort().state == .down })
      #expect(try rig.guestPort().vhostUser?.state == .waiting)
      let before = try rig.guestPort().drops["portDown"] ?? 0
      #expect(!rig.reaches("in1", guestAddress, seconds: "0.2"))
      #expect(try rig.guestPort().drops["portDown"] ?? 0 > before)
      var again = try guest.runTestpmd("icmpecho")
      defer { _ = again.terminate() }
      #expect(rig.answers(guest))
      #expect(try rig.guestPort().vhostUser?.connections == 2)
      try rig.expectConservation("host1")
    }
  }

  @Test(.enabled(if: hasTestpmd, needsTestpmd))
  func aGuestThatListensIsFoundAgainByTheNextAgent() throws {
    let path = "/tmp/\(RigEnvironment.uniquePrefix())listens.sock"
    defer { try? removeFile(path) }
    try withRig(network("vhostUser: { socket: \(path), mode: client }")) { rig in
      #expect(try rig.guestPort().message == "no guest listens at \(path)")
      let guest = try rig.guest(at: path, listens: true)
      var process = try guest.runTestpmd("icmpecho")
      defer { _ = process.terminate() }
      #expect(rig.answers(guest))
      let id = try rig.guestPort().id
      for _ in 0..<2 {
        try rig.killAgent("host1")
        try rig.startAgent("host1")
        #expect(rig.answers(guest))
        #expect(try rig.guestPort().id == id)
        #expect(try rig.guestPort().counters.packetsInUnicast > 0)
        try rig.expectConservation("host1")
      }
    }
  }

  /// A guest that sends from another address than the port's is not let through, and counted.
  @Test(.enabled(if: hasTestpmd, needsTestpmd))
  func whatAGuestForgesIsDropped() throws {
    try withRig(network()) { rig in
      let forger = try rig.guest(mac: "02:00:00:00:00:99")
      var process = try forger.runTestpmd("txonly", options: ["--txpkts=64"])
      defer { _ = process.terminate() }
      let isCounted = try eventually {
        try rig.guestPort().drops["forgedTransmit"] ?? 0 > 10_000
      }
      #expect(isCounted, "\(forger.log)")
      _ = process.terminate()
      #expect(try eventually { try rig.guestPort().state == .down })
      let port = try rig.guestPort()
      let sent = port.counters.packetsInUnicast + port.counters.packetsInBroadcast
      #expect(port.counters.packetsInDropped >= port.drops["forgedTransmit"] ?? 0)
      #expect(sent <= port.drops.values.reduce(0, +), "\(port)")
      try rig.expectConservation("host1")
    }
  }

  @Test func aSocketThatCannotBeMadeIsToldAndTriedAgain() throws {
    let folder = "/tmp/\(RigEnvironment.uniquePrefix())sockets"
    defer { try? removeTree(folder) }
    try withRig(network("vhostUser: { socket: \(folder)/guest }"), isStarted: false) { rig in
      try rig.startAgent("host1")
      #expect(try eventually { try rig.port("host1", "in1").state == .up })
      let missing = try rig.guestPort()
      #expect(missing.message?.contains("No such file") == true, "\(missing)")
      #expect(missing.vhostUser == nil && missing.attachment == "none")
      #expect(try rig.status("host1").message?.contains("guest/eth0") == true)
      try makeDirectory(folder)
      #expect(try eventually { try rig.guestPort().vhostUser != nil })
      #expect(try rig.status("host1").message == nil)

      // A file that somebody else put there is not ours to remove.
      try AtomicFile.write(Array("theirs".utf8), to: "\(folder)/other")
      try rig.change(network("vhostUser: { socket: \(folder)/other }"), on: "host1")
      let taken = try rig.guestPort()
      #expect(taken.message?.contains("Address already in use") == true, "\(taken)")
      #expect(try readFileIfPresent("\(folder)/other", limitBytes: 16) == Array("theirs".utf8))
      #expect(try listDirectory(folder) == ["other"], "the old socket is gone")
      try removeFile("\(folder)/other")
      #expect(try eventually { try rig.guestPort().vhostUser?.socket == "\(folder)/other" })
      rig.endAgent("host1")
      #expect(try listDirectory(folder) == [], "an agent that ends leaves none")
    }
  }

  @Test(.enabled(if: hasTestpmd, needsTestpmd))
  func changesOfTheFileReachTheSocketThatTheyName() throws {
    try withRig(network()) { rig in
      let guest = try rig.guest()
      var process = try guest.runTestpmd("icmpecho")
      defer { _ = process.terminate() }
      #expect(rig.answers(guest))

      // What does not concern it leaves the guest connected, even in another port group.
      let more = "  - { name: late, host: host1, nics: [{ portgroup: other }] }"
      try rig.addNode("late")
      try rig.change(network(more: more), on: "host1")
      #expect(rig.reaches("in1", guestAddress))
      try rig.change(
        network(more: more).replacing("portgroup: inside, mac", with: "portgroup: other, mac"),
        on: "host1")
      #expect(eventually { rig.reaches("in2", guestAddress, seconds: "0.3") })
      #expect(!rig.reaches("in1", guestAddress, seconds: "0.2"))
      #expect(try rig.guestPort().vhostUser?.connections == 1)

      // Another socket, then none: the device is there as for any other nic, and goes again.
      try rig.change(
        network("vhostUser: { socket: \(rig.folder)/new.sock, queues: 2 }"), on: "host1")
      #expect(try rig.guestPort().vhostUser?.socket == "\(rig.folder)/new.sock")
      #expect(try rig.guestPort().vhostUser?.state == .waiting)
      #expect(try !listDirectory(rig.folder).contains("guest-eth0.sock"))
      try rig.change(network("addresses: [\(guestAddress)/24]"), on: "host1")
      #expect(try eventually { try rig.guestPort().state == .up })
      let tap = try rig.guestPort()
      #expect(tap.attachment == "tap" && tap.vhostUser == nil)
      try rig.run(
        ["ip", "address", "add", "\(guestAddress)/24", "dev", "eth0"], in: rig.namespace("guest"))
      #expect(eventually { rig.reaches("in1", guestAddress) })
      try rig.change(network(), on: "host1")
      #expect(try rig.device("eth0", of: "guest") == nil)
      #expect(try rig.guestPort().vhostUser?.socket == rig.socket)

      // A cable that is pulled closes the socket; plugged in again, it is there.
      try rig.change(network("connected: false, vhostUser: {}"), on: "host1")
      #expect(try rig.guestPort().message == "the nic is detached")
      #expect(try !listDirectory(rig.folder).contains("guest-eth0.sock"))
      try rig.change(network(), on: "host1")
      _ = process.terminate()
      var again = try guest.runTestpmd("icmpecho")
      defer { _ = again.terminate() }
      #expect(rig.answers(guest))
      try rig.expectConservation("host1")
    }
  }

  /// What the keeper had for a nic that is behind vhost-user since goes with the next start.
  @Test func aDeviceIsNotLeftWhereAGuestIsBehindVhostUserNow() throws {
    try withRig(network("addresses: [\(guestAddress)/24]")) { rig in
      #expect(try rig.device("eth0", of: "guest") != nil)
      try rig.killAgent("host1")
      try rig.write(network())
      try rig.startAgent("host1")
      #expect(try eventually { try rig.device("eth0", of: "guest") == nil })
      #expect(try rig.guestPort().vhostUser?.state == .waiting)
    }
  }

  @Test(.enabled(if: GuestImage.absence == nil, needsGuest))
  func aGuestInQEMUOutlivesTheAgentAndTheAgentTheGuest() throws {
    let image = try GuestImage.shared.get()
    try withRig(network()) { rig in
      let guest = try rig.guest()
      var process = try guest.boot(image)
      defer { _ = process.terminate() }
      #expect(rig.answers(guest))
      let state = try #require(try rig.guestPort().vhostUser)
      #expect(["csum", "hostTso4", "mrgRxbuf"].allSatisfy(state.features.contains), "\(state)")
      #expect(!rig.reaches("in2", guestAddress, seconds: "0.3"))
      // Large frames pass whole.
      let fetch = ["curl", "-sf", "-o", "/dev/null", "http://\(guestAddress)/file"]
      try rig.run(fetch, in: rig.namespace("in1"))
      #expect(try rig.guestPort().offload.segmentedFramesIn > 50)

      try rig.killAgent("host1")
      try rig.startAgent("host1")
      #expect(rig.answers(guest))
      try rig.run(fetch, in: rig.namespace("in1"))
      try rig.expectConservation("host1")

      _ = process.terminate()
      #expect(try eventually { try rig.guestPort().state == .down })
      var again = try guest.boot(image)
      defer { _ = again.terminate() }
      #expect(rig.answers(guest))
      #expect(try rig.guestPort().vhostUser?.cutOffs == 0)
      try rig.expectConservation("host1")
      // The guest sleeps, and so do we.
      try rig.expectQuietWorker("host1")
    }
  }
}
