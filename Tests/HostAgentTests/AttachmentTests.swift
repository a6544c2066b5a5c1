// How uplinks are attached: what was asked for is what runs, and what runs is told.

import Base
import Glibc
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire
import XDP

/// Whether the kernel has sockets of this family (CONFIG_XDP_SOCKETS).
let hasXDPSockets: Bool = {
  let descriptor = socket(AF_XDP, Int32(SOCK_RAW.rawValue), 0)
  if descriptor >= 0 { close(descriptor) }
  return descriptor >= 0
}()
let needsXDPSockets: Comment = "needs a kernel with AF_XDP sockets (CONFIG_XDP_SOCKETS)"

/// `host1` with this `attachment`, `host2` with a packet socket.
private func network(_ attachment: String, mtu: Int = 1500) -> String {
  twoHosts(mtu: mtu).replacing(
    "name: host1, uplinks: {", with: "name: host1, attachment: \(attachment), uplinks: {")
}

extension Rig {
  func uplink(_ host: String) throws -> UplinkStatus {
    try #require(try uplinks(host).first)
  }

  fileprivate func program() throws -> String? {
    let report = try ChildProcess.run(
      .init(["ip", "-d", "-o", "link", "show", "dev", "vmnic0"], in: namespace("host1")))
    return report.output.contains("prog/xdp") ? report.output : nil
  }
}

extension AgentTests {
  @Test func byItselfAnUplinkOfAVethIsAPacketSocketAndSaysWhy() throws {
    try withRig(twoHosts()) { rig in
      let uplink = try rig.uplink("host1")
      #expect(uplink.attachment == .packet)
      #expect(uplink.attachmentReason?.hasPrefix("auto: the nic has TSO, GSO or GRO on") == true)
      for feature in ["tso", "gso", "gro"] {
        _ = try rig.run(["ethtool", "-K", "vmnic0", feature, "off"], in: rig.namespace("host1"))
      }
      try rig.killAgent("host1")
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      let other = try rig.uplink("host1")
      #expect(other.attachment == .packet)
      #expect(other.attachmentReason?.contains("veth has no zero-copy") == true)
    }
  }

  @Test(.enabled(if: hasXDPSockets, needsXDPSockets))
  func anUplinkByAFXDPReachesAllThatAPacketSocketDoes() throws {
    try withRig(network("xdp")) { rig in
      let uplink = try rig.uplink("host1")
      #expect(uplink.attachment == .xdp && uplink.link == .up && uplink.state == .up)
      #expect(
        uplink.attachmentReason?.hasPrefix("asked for; copy: the driver veth has no zero-copy")
          == true, "\(uplink.attachmentReason ?? "")")
      for (vm, address) in [
        ("web1", "10.0.10.3"), ("web1", "fd00:10::3"), ("web3", "10.0.10.2"),
        ("web3", "fd00:10::2"),
      ] {
        #expect(eventually { rig.reaches(vm, address, bytes: 1_400) }, "\(vm) \(address)")
      }
      let counters = try rig.uplink("host1").counters
      #expect(counters.packetsInUnicast > 0 && counters.packetsOutUnicast > 0)
      try rig.expectConservation("host1")
    }
  }

  /// Checksums and segments are left to nobody: both ways TCP arrives, by IPv4 and IPv6.
  @Test(
    .enabled(if: hasXDPSockets, needsXDPSockets),
    .enabled(if: hasPrograms("iperf3"), "needs iperf3"))
  func tcpPassesBetweenAFXDPAndAPacketSocket() throws {
    try withRig(network("xdp")) { rig in
      for (client, server, address) in [
        ("web1", "web3", "10.0.10.3"), ("web3", "web1", "fd00:10::1"),
      ] {
        #expect(eventually { rig.reaches(client, address) })
        try rig.transfer(from: client, to: server, address, megabytes: 20)
      }
      try rig.expectConservation("host1")
    }
  }

  @Test(.enabled(if: hasXDPSockets, needsXDPSockets))
  func aChangedAttachmentTakesEffect() throws {
    try withRig(network("packet")) { rig in
      #expect(try rig.uplink("host1").attachmentReason == "asked for")
      #expect(try rig.program() == nil)
      try rig.change(network("xdp"), on: "host1")
      #expect(try rig.uplink("host1").attachment == .xdp)
      #expect(try rig.program() != nil)
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      // Larger cells for larger frames.
      try rig.widenPhysicalSwitches(mtuBytes: 3_000)
      for host in ["host1", "host2"] { try rig.change(network("xdp", mtu: 3_000), on: host) }
      #expect(try rig.uplink("host1").attachment == .xdp)
      #expect(eventually { rig.reaches("web1", "10.0.10.3", bytes: 2_900) })
      try rig.change(network("auto", mtu: 3_000), on: "host1")
      #expect(try rig.uplink("host1").attachment == .packet)
      #expect(try eventually { try rig.program() == nil })
      #expect(eventually { rig.reaches("web1", "10.0.10.3", bytes: 2_900) })
      try rig.expectConservation("host1")
    }
  }

  @Test(.enabled(if: hasXDPSockets, needsXDPSockets))
  func aKilledAgentLeavesNoProgramAndTheNextHasItsUplinkBack() throws {
    try withRig(network("xdp")) { rig in
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      for _ in 0..<3 {
        try rig.killAgent("host1")
        try rig.startAgent("host1")
        try rig.waitForPorts("host1")
        #expect(try rig.uplink("host1").attachment == .xdp)
        #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      }
    }
  }

  @Test(.enabled(if: hasXDPSockets, needsXDPSockets))
  func whatWasAskedForAndCannotBeHadIsDownAndSaysWhy() throws {
    try withRig(network("packet")) { rig in
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      var other: XDPDevice? = try XDPDevice(
        "vmnic0", namespace: rig.namespace("host1"), memory: try XDPMemory())
      try rig.change(network("xdp"), on: "host1")
      let uplink = try rig.uplink("host1")
      #expect(uplink.attachment == nil && uplink.link == .down && uplink.state == .down)
      #expect(
        uplink.attachmentReason?.contains("an XDP program") == true,
        "\(uplink.attachmentReason ?? "")")
      #expect(!rig.reaches("web1", "10.0.10.3", seconds: "0.3"))
      _ = other.take()
      #expect(try eventually { try rig.uplink("host1").attachment == .xdp })
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
    }
  }
}
