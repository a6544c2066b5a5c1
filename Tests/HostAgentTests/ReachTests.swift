// Who reaches whom, and what is counted meanwhile.

import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

extension AgentTests {
  @Test(arguments: [1, 2])
  func reachOnOneHostAndAcrossHostsWithinAVLAN(workers: Int) throws {
    try withRig(twoHosts(), workers: workers) { rig in
      for address in ["10.0.10.2", "10.0.10.3", "fd00:10::2", "fd00:10::3"] {
        #expect(eventually { rig.reaches("web1", address) }, "\(address)")
      }
      // The same network, another VLAN: reachable only if the switch leaked.
      #expect(!rig.reaches("web1", "10.0.10.4", seconds: "0.3"))
      #expect(!rig.reaches("db1", "10.0.10.3", seconds: "0.3"))
      for host in ["host1", "host2"] { try rig.expectConservation(host) }

      let before = try rig.port("host1", "web1")
      #expect(rig.reaches("web1", "10.0.10.2"))
      let after = try rig.port("host1", "web1")
      #expect(after.counters.packetsInUnicast > before.counters.packetsInUnicast)
      #expect(after.counters.packetsOutUnicast > before.counters.packetsOutUnicast)
      // A ping of 56 bytes is a frame of 98.
      #expect(after.counters.bytesInUnicast >= before.counters.bytesInUnicast + 98)
      #expect(after.drops.isEmpty, "\(after.drops)")
      let macs = try rig.macs("host1").filter { $0.type == .static }
      #expect(Set(macs.compactMap(\.vm)) == ["web1", "web2", "db1"])
    }
  }

  @Test func standardSwitchWithoutUplinks() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      #expect(try rig.uplinks("host1").isEmpty)
      let port = try rig.port("host1", "in1")
      #expect(port.teamUplink == nil)
      let rows = try rig.client("host1").request(.get, HTTPTarget(segments: ["v1", "ports"]))
      #expect(String(decoding: rows, as: UTF8.self).contains(#""teamUplink":null"#), "every key")
      #expect(try rig.switches("host1").map(\.kind) == [.standard, .standard])
      try rig.expectConservation("host1")
    }
  }

  @Test func jumboFramesPassAndLargerOnesAreCounted() throws {
    try withRig(twoHosts(mtu: 9000)) { rig in
      try rig.widenPhysicalSwitches(mtuBytes: 9000)
      #expect(try rig.device("eth0", of: "web1")?.mtuBytes == 9000)
      #expect(try rig.device("vmnic0", of: "host1")?.mtuBytes == 9000)
      // 8,972 bytes of ping are a packet of 9,000.
      #expect(eventually { rig.reaches("web1", "10.0.10.3", bytes: 8_972) })
      // A guest with a larger MTU than the switch.
      for vm in ["web1", "web2"] {
        try NetlinkSocket(in: rig.namespace(vm)).setMTU(bytes: 9_500, of: "eth0")
      }
      let before = try rig.port("host1", "web1").drops["oversize"] ?? 0
      #expect(!rig.reaches("web1", "10.0.10.2", seconds: "0.3", bytes: 9_100))
      #expect(try rig.port("host1", "web1").drops["oversize"] ?? 0 > before)
      try rig.expectConservation("host1")
    }
  }

  @Test func aChangedMTUReachesTheDevices() throws {
    try withRig(twoHosts()) { rig in
      try rig.widenPhysicalSwitches(mtuBytes: 9000)
      let index = try rig.device("eth0", of: "web1")?.index
      for host in ["host1", "host2"] { try rig.change(twoHosts(mtu: 9000), on: host) }
      #expect(try rig.device("eth0", of: "web1")?.mtuBytes == 9000)
      #expect(try rig.device("eth0", of: "web1")?.index == index)
      #expect(try rig.device("vmnic0", of: "host1")?.mtuBytes == 9000)
      #expect(eventually { rig.reaches("web1", "10.0.10.3", bytes: 8_972) })
    }
  }
}

extension Rig {
  /// Lets the physical switches pass larger frames.
  func widenPhysicalSwitches(mtuBytes: Int) throws {
    for physicalSwitch in topology.physicalSwitches {
      let socket = try NetlinkSocket(in: namespace(physicalSwitch.name))
      for link in try socket.links() where link.kind == "veth" {
        try socket.setMTU(bytes: mtuBytes, of: .index(link.index))
      }
    }
  }
}
