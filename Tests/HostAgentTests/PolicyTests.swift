// Policies from the file to real frames: promiscuous mode, shaping, marking, and who is told of groups.

import Attachments
import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

extension AgentTests {
  /// The guest has to ask, and the port group has to allow it.
  @Test(.enabled(if: hasPrograms("tcpdump"), "needs tcpdump"))
  func aPromiscuousGuestSeesTheOthers() throws {
    let text = internalOnly(vms: ["in1", "in2", "in3"]).replacing(
      "- { name: other, vlan: 7 }",
      with: "- { name: mirror, vlan: 0, policy: { security: { allowPromiscuous: true } } }"
    ).replacing(
      "name: in3, host: host1, nics: [{ portgroup: inside",
      with: "name: in3, host: host1, nics: [{ portgroup: mirror")
    try withRig(text) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      #expect(try rig.copiesOfPings(to: "in3") == 0, "the guest has not asked")
      // As tcpdump does it: the kernel counts those who ask.
      let command = ["timeout", "20", "tcpdump", "-nn", "-p", "-i", "eth0", "-c", "2", "icmp"]
      let tcpdump = command.filter { $0 != "-p" }
      let process = try ChildProcess(.init(tcpdump, in: rig.namespace("in3")))
      #expect(try eventually { try rig.port("host1", "in3").promiscuous == true })
      // The kernel counts tcpdump a moment before tcpdump reads: it may miss the first of the pings.
      var ended = process
      let sees = eventually {
        rig.reaches("in1", "10.0.99.2") && ended.wait(timeoutNanoseconds: 0)?.isSuccess == true
      }
      #expect(sees)
      #expect(try eventually { try rig.port("host1", "in3").promiscuous == false })
      #expect(try rig.copiesOfPings(to: "in3") == 0, "the guest asks no more")
      // Where it is not allowed, asking changes nothing.
      try rig.run(["ip", "link", "set", "eth0", "promisc", "on"], in: rig.namespace("in2"))
      #expect(try eventually { try rig.port("host1", "in2").promiscuous == true })
      #expect(eventually { rig.reaches("in1", "10.0.99.3") })
      #expect(try rig.copiesOfPings(to: "in2", between: "10.0.99.3") == 0)
      try rig.expectConservation("host1")
    }
  }

  /// Twice the average is offered for two seconds; the queue and the burst are small.
  @Test(arguments: ["inShaping", "outShaping"], [1, 2])
  func aShapedPortPassesItsAverage(_ direction: String, workers: Int) throws {
    let shape =
      "policy: { \(direction): { enabled: true, averageBandwidth: 8M, peakBandwidth: 8M, "
      + "burstSize: 16KB } }"
    let text = internalOnly().replacing(
      "- { name: inside, vlan: 0 }", with: "- { name: inside, vlan: 0, \(shape) }")
    try withRig(text, workers: workers) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      var options = StreamSender.Options(to: try #require(IPv4Address("10.0.99.2")))
      options.payloadBytes = 958
      options.framesPerSecond = 2_000
      let receiver = try StreamReceiver(in: rig.namespace("in2"))
      let sender = try StreamSender(options, in: rig.namespace("in1"))
      defer { sender.stop() }
      #expect(eventually { receiver.report.received > 100 })
      let start = (receiver.report.received, MonotonicClock.now())
      #expect(eventually { receiver.report.received > start.0 + 2_000 })
      let frames = Double(receiver.report.received - start.0)
      let seconds = Double(MonotonicClock.now().nanoseconds(since: start.1)) / 1e9
      // A thousand bytes a frame, Ethernet header included.
      let megabits = frames * 8_000 / seconds / 1e6
      #expect((7.2...8.8).contains(megabits), "\(megabits) Mbit/s")
      let name = direction == "inShaping" ? "in1" : "in2"
      let port = try rig.port("host1", name)
      let state = direction == "inShaping" ? port.inShaping : port.outShaping
      #expect(state?.queuedFrames ?? 0 > 0, "\(String(describing: state))")
      let reason = direction == "inShaping" ? "ingressShaper" : "egressShaper"
      #expect(try eventually { try rig.port("host1", name).drops[reason] ?? 0 > 0 })
      try rig.expectConservation("host1")
    }
  }

  /// The mark is in the frames of the port that marks, and in no other copy.
  @Test(.enabled(if: hasPrograms("tcpdump"), "needs tcpdump"))
  func aMarkIsOnTheWireAndInTheCapture() throws {
    let rule = "{ name: mark, direction: egress, protocol: udp, action: { tag: { dscp: 46 } } }"
    let text = internalOnly(vms: ["in1", "in2", "in3"]).replacing(
      "- { name: other, vlan: 7 }",
      with: "- { name: marked, vlan: 0, policy: { filter: [\(rule)] } }"
    ).replacing(
      "name: in2, host: host1, nics: [{ portgroup: inside",
      with: "name: in2, host: host1, nics: [{ portgroup: marked")
    try withRig(text) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      func listen(_ vm: String, _ filter: String) throws -> ChildProcess {
        let command = [
          "timeout", "20", "tcpdump", "-nn", "-i", "eth0", "-Q", "in", "-c", "1", filter,
        ]
        return try ChildProcess(.init(command, in: rig.namespace(vm)))
      }
      // A broadcast goes to both; one of them has it marked.
      var marked = try listen("in2", "udp and ip[1] = 0xb8")
      var plain = try listen("in3", "udp and ip[1] = 0")
      let hasListeners = try eventually {
        try rig.port("host1", "in2").promiscuous == true
          && rig.port("host1", "in3").promiscuous == true
      }
      #expect(hasListeners)
      let client = try CaptureClient(
        rig, "host1",
        [("point", "vnicIn,portOut,vnicOut"), ("filter", "udp port 9000"), ("count", "5")])
      let send =
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        + "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1); "
        + "s.sendto(b'hello', ('10.0.99.255', 9000))"
      try rig.run(["python3", "-c", send], in: rig.namespace("in1"))
      #expect(marked.wait(timeoutNanoseconds: 5_000_000_000)?.isSuccess == true)
      #expect(plain.wait(timeoutNanoseconds: 5_000_000_000)?.isSuccess == true)
      #expect(eventually { client.hasEnded })
      let marks = zip(client.places, client.frames).map { "\($0) \($1.bytes[15] >> 2)" }
      #expect(
        Set(marks) == [
          "host1/in1-eth0:vnicIn 0", "host1/in2-eth0:portOut 0", "host1/in3-eth0:portOut 0",
          "host1/in2-eth0:vnicOut 46", "host1/in3-eth0:vnicOut 0",
        ])
    }
  }

  @Test func membershipsAreTold() throws {
    let text = internalOnly().replacing(
      "name: vSwitch1", with: "name: vSwitch1\n    multicastFiltering: snooping")
    try withRig(text) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      let join =
        "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        + "s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, "
        + "socket.inet_aton('239.1.2.3') + socket.inet_aton('10.0.99.2')); time.sleep(20)"
      let member = try ChildProcess(
        .init(["python3", "-c", join], in: rig.namespace("in2")))
      defer { _ = try? member.identity.kill() }
      func members() throws -> [GroupMemberStatus] {
        try rig.client("host1").request(
          .get, HTTPTarget(segments: ["v1", "groups"]), as: [GroupMemberStatus].self)
      }
      let group = try #require(IPAddress("239.1.2.3"))
      #expect(try eventually { try members().contains { $0.group == group } })
      let row = try #require(try members().first { $0.group == group })
      #expect(row.vm == "in2" && row.device == "eth0" && row.vlan == 0)
      #expect(row.sources.isEmpty)
      #expect(row.expiresInSeconds ?? 0 > 100)
      let port = try rig.port("host1", "in2")
      #expect(port.groups?.contains { $0.group == group } == true)
      #expect(try rig.port("host1", "in1").groups?.contains { $0.group == group } == false)
      #expect(try rig.switches("host1").first?.multicastFiltering == .snooping)
    }
  }

  /// The cable is pulled: the device stays, with the address that its guest gave it.
  @Test func anUnpluggedNICIsLetGoOf() throws {
    let text = internalOnly()
    try withRig(text) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      let unplugged = text.replacing(
        "addresses: [10.0.99.2/24]", with: "addresses: [10.0.99.2/24], connected: false")
      try rig.change(unplugged, on: "host1")
      #expect(try rig.port("host1", "in2").state == .down)
      #expect(try rig.port("host1", "in2").observed == .inferred)
      #expect(try eventually { try rig.device("eth0", of: "in2")?.hasCarrier == false })
      try rig.change(text, on: "host1")
      #expect(try rig.port("host1", "in2").observed == .netlink)
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
    }
  }
}

extension Rig {
  /// How many unicast frames a VM gets of pings between others.
  func copiesOfPings(to bystander: String, between other: String = "10.0.99.2") throws -> UInt64 {
    let before = try port("host1", bystander).counters.packetsOutUnicast
    for _ in 0..<3 { #expect(reaches("in1", other)) }
    return try port("host1", bystander).counters.packetsOutUnicast - before
  }
}
