// What guests do to their nics, and what the switch makes of it.

import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

extension AgentTests {
  private static let other = MACAddress(rawValue: 0x0200_0000_0099)

  @Test func aChangedAddressStopsReceptionUntilItIsSetBack() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      let port = try rig.port("host1", "in2")
      let declared = try #require(port.mac)
      #expect(port.effectiveMAC == declared)
      #expect(port.observed == .netlink)
      #expect(port.promiscuous == false)
      // The neighbour knows the declared address, and asks for nothing meanwhile.
      let link = declared.description
      try rig.run(
        ["ip", "neigh", "replace", "10.0.99.2", "lladdr", link, "dev", "eth0"],
        in: rig.namespace("in1"))
      let guest = try NetlinkSocket(in: rig.namespace("in2"))
      try guest.setMACAddress(Self.other, of: "eth0")
      let start = MonotonicClock.now()
      #expect(try eventually { try rig.port("host1", "in2").effectiveMAC == Self.other })
      let milliseconds = MonotonicClock.now().nanoseconds(since: start) / 1_000_000
      #expect(milliseconds < 500, "\(milliseconds) ms, with asking")
      #expect(!rig.reaches("in1", "10.0.99.2", seconds: "0.3"))
      #expect(try rig.port("host1", "in2").drops["macChange"] ?? 0 > 0)
      #expect(try rig.port("host1", "in2").mac == declared)
      try guest.setMACAddress(declared, of: "eth0")
      #expect(eventually { rig.reaches("in1", "10.0.99.2", seconds: "0.2") })
      #expect(try rig.port("host1", "in2").effectiveMAC == declared)
      try rig.expectConservation("host1")
    }
  }

  /// Neither a killed agent nor a change of something else undoes what the guest did.
  @Test func anAdoptedDeviceKeepsItsAddress() throws {
    let text = internalOnly()
    try withRig(text) { rig in
      try NetlinkSocket(in: rig.namespace("in2")).setMACAddress(Self.other, of: "eth0")
      #expect(try eventually { try rig.port("host1", "in2").effectiveMAC == Self.other })
      try rig.killAgent("host1")
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      #expect(try rig.device("eth0", of: "in2")?.macAddress == Self.other)
      #expect(try rig.port("host1", "in2").effectiveMAC == Self.other)
      #expect(!rig.reaches("in1", "10.0.99.2", seconds: "0.3"))

      // With the keeper gone, too, the device is found by its name.
      let keeper = try #require(rig.keeper("host1"))
      try rig.killAgent("host1")
      try keeper.kill()
      _ = eventually { !keeper.isAlive }
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      #expect(try rig.device("eth0", of: "in2")?.macAddress == Self.other)

      let changed = text.replacing("name: vSwitch1", with: "name: vSwitch1\n    mtu: 1400")
      try rig.change(changed, on: "host1")
      #expect(try eventually { try rig.device("eth0", of: "in2")?.mtuBytes == 1400 })
      #expect(try rig.device("eth0", of: "in2")?.macAddress == Self.other)
    }
  }

  @Test func aChangedDeclarationSetsTheAddress() throws {
    let text = internalOnly()
    try withRig(text) { rig in
      let wanted = MACAddress(rawValue: 0x0200_0000_0042)
      let declared = text.replacing(
        "addresses: [10.0.99.2/24]", with: "mac: \"\(wanted)\", addresses: [10.0.99.2/24]")
      try rig.change(declared, on: "host1")
      #expect(try rig.device("eth0", of: "in2")?.macAddress == wanted)
      #expect(try rig.port("host1", "in2").effectiveMAC == wanted)
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      // Also one that was changed while no agent ran.
      try rig.killAgent("host1")
      try rig.write(text)
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      let port = try rig.port("host1", "in2")
      #expect(try rig.device("eth0", of: "in2")?.macAddress == port.mac)
      #expect(port.mac != wanted)
    }
  }

  @Test func aPortOfABridgeIsNotTakenAtItsWord() throws {
    try withRig(internalOnly()) { rig in
      let guest = try NetlinkSocket(in: rig.namespace("in2"))
      try guest.createBridge("br0")
      try guest.setMaster("br0", of: "eth0")
      #expect(try eventually { try rig.port("host1", "in2").observed == .inferred })
      #expect(try rig.port("host1", "in2").promiscuous == nil)
      try rig.run(["ip", "link", "set", "eth0", "nomaster"], in: rig.namespace("in2"))
      #expect(try eventually { try rig.port("host1", "in2").observed == .netlink })
    }
  }

  /// As the README joins a QEMU to a port: its guest is behind the device.
  @Test func aDeviceWhoseFramesGoElsewhereIsNotTakenAtItsWord() throws {
    try withRig(internalOnly()) { rig in
      let namespace = rig.namespace("in2")
      try rig.run(["tc", "qdisc", "add", "dev", "eth0", "ingress"], in: namespace)
      #expect(try eventually { try rig.port("host1", "in2").observed == .inferred })
      try rig.run(["tc", "qdisc", "del", "dev", "eth0", "ingress"], in: namespace)
      #expect(try eventually { try rig.port("host1", "in2").observed == .netlink })
    }
  }

  /// Basic filtering: by the Ethernet addresses that the nic asks for, whoever asked.
  @Test func multicastGoesToThoseWhoListen() throws {
    try withRig(internalOnly()) { rig in
      let address = try #require(IPv4Address("239.1.2.3"))
      let group = try #require(MACAddress("01:00:5e:01:02:03"))
      try rig.run(["ip", "route", "add", "239.0.0.0/8", "dev", "eth0"], in: rig.namespace("in1"))
      #expect(try rig.switches("host1").first?.multicastFiltering == .basic)
      #expect(try rig.multicastCopies(to: "in2", from: "in1", address) < 100)
      // No event tells of an address that is asked for like this.
      try rig.run(["ip", "maddr", "add", "\(group)", "dev", "eth0"], in: rig.namespace("in2"))
      let isKnown = try eventually {
        try rig.port("host1", "in2").multicastAddresses?.contains(group) ?? false
      }
      #expect(isKnown)
      #expect(try rig.multicastCopies(to: "in2", from: "in1", address) >= 200)
      try rig.run(["ip", "maddr", "del", "\(group)", "dev", "eth0"], in: rig.namespace("in2"))
      let isForgotten = try eventually {
        try rig.port("host1", "in2").multicastAddresses?.contains(group) == false
      }
      #expect(isForgotten)
      #expect(try rig.multicastCopies(to: "in2", from: "in1", address) < 100)
    }
  }

  @Test(.enabled(if: hasPrograms("qemu-system-x86_64"), "needs QEMU"))
  func aGuestOfQEMUIsAsked() throws {
    let path = "/tmp/\(RigEnvironment.uniquePrefix())qmp"
    defer { try? removeFile(path) }
    let text = internalOnly().replacing(
      "addresses: [10.0.99.2/24]", with: "mac: \"52:54:00:00:00:42\", qmp: \(path), qmpNic: net0")
    try withRig(text) { rig in
      #expect(try rig.port("host1", "in2").observed == .inferred)
      let address = MACAddress("52:54:00:00:00:77")
      func start() throws -> ChildProcess {
        try ChildProcess(
          ChildProcess.Command([
            "qemu-system-x86_64", "-display", "none", "-nodefaults", "-S", "-machine",
            "q35,accel=tcg", "-qmp", "unix:\(path),server=on,wait=off", "-netdev",
            "hubport,id=hub0,hubid=0", "-device",
            "virtio-net-pci,id=net0,netdev=hub0,mac=52:54:00:00:00:77",
          ]))
      }
      var qemu = try start()
      #expect(try eventually { try rig.port("host1", "in2").observed == .qmp })
      #expect(try rig.port("host1", "in2").effectiveMAC == address)
      try qemu.identity.kill()
      _ = qemu.wait(timeoutNanoseconds: 5_000_000_000)
      #expect(try eventually { try rig.port("host1", "in2").observed == .inferred })
      qemu = try start()
      defer { _ = try? qemu.identity.kill() }
      #expect(try eventually { try rig.port("host1", "in2").observed == .qmp })
    }
  }

  @Test func anUplinkHasTheSpeedOfItsNIC() throws {
    try withRig(twoHosts()) { rig in
      let uplink = try #require(try rig.uplinks("host1").first)
      #expect(uplink.speedMbps == 10_000)
      #expect(uplink.beacon == .off)
    }
  }
}

extension Rig {
  /// Sends 200 datagrams or more to a group, and counts the multicast frames that a VM got meanwhile.
  func multicastCopies(to receiver: String, from sender: String, _ group: IPv4Address) throws
    -> UInt64
  {
    let before = try port("host1", receiver).counters.packetsOutMulticast
    let received = try port("host1", sender).counters.packetsInMulticast
    let stream = try StreamSender(StreamSender.Options(to: group), in: namespace(sender))
    let isIn = try eventually {
      try port("host1", sender).counters.packetsInMulticast >= received + 200
    }
    stream.stop()
    #expect(isIn)
    return try port("host1", receiver).counters.packetsOutMulticast - before
  }
}
