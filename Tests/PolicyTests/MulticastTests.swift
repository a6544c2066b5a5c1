// Who gets multicast: by the addresses that a device listens to, or by the groups that its kernel joins.

import Base
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

private let wire = Place.wire("host1", "vmnic0")

extension PolicyTests {
  /// Row 15: basic filtering goes by the device's own list, of 32; a longer one counts as all.
  @Test func theThirtyThirdGroupBringsAllMulticast() throws {
    let text = network(
      groups: ["{ name: web, vlan: 10 }"], vms: [vm("a", "web"), vm("b", "web"), vm("c", "web")])
    try withRig(text) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      func toGroup(_ number: UInt64) -> TestFrame {
        TestFrame(to: group(number), from: mac("a"))
      }
      // Nobody listens; whoever is outside is not asked.
      try watch.expect(toGroup(1), from: .at("a"), arrives: [wire: 1])
      // Its kernel listens to something already; up to 32 it is the list that counts.
      let own = try rig.listCount("b")
      for number in 1...UInt64(32 - own) { try rig.listen("b", group(number), true) }
      #expect(try eventually { try rig.port("host1", "b").multicastAddresses?.count == 32 })
      try watch.expect(toGroup(1), from: .at("a"), arrives: [.at("b"): 1, wire: 1])
      try watch.expect(toGroup(99), from: .at("a"), arrives: [wire: 1])
      let fromWire = TestFrame(to: group(1), from: stranger(1), tags: [.vlan(10)])
      try watch.expect(fromWire, from: wire, arrives: [.at("b"): 1])
      try rig.listen("b", group(33), true)
      #expect(try eventually { try rig.port("host1", "b").multicastAddresses?.count == 33 })
      try watch.expect(toGroup(99), from: .at("a"), arrives: [.at("b"): 1, wire: 1])
      try rig.listen("b", group(33), false)
      #expect(try eventually { try rig.port("host1", "b").multicastAddresses?.count == 32 })
      try watch.expect(toGroup(99), from: .at("a"), arrives: [wire: 1])
      // Two groups with one Ethernet address cannot be told apart here (RFC 1112, 6.4).
      let member = try GroupSocket(rig, "c", joins: .v4(IPv4Address(239, 1, 2, 3)))
      #expect(
        try eventually {
          try rig.port("host1", "c").multicastAddresses?.contains(
            MACAddress(rawValue: 0x0100_5E01_0203)) == true
        })
      let alias = IPAddress.v4(IPv4Address(224, 129, 2, 3))
      try watch.expect(
        .stream(to: alias, from: .v4(IPv4Address(10, 0, 0, 1)), mac("a")), from: .at("a"),
        arrives: [.at("c"): 1, wire: 1])
      withExtendedLifetime(member) {}
      // And the guest may ask for all.
      try rig.run(["ip", "link", "set", "eth0", "allmulticast", "on"], in: rig.namespace("c"))
      let isHeard = try eventually {
        let mark = newMark()
        try Injector(rig, .at("a")).send(toGroup(99).bytes(mark: mark))
        try rig.settle()
        return try watch.frames(.at("c")).contains { SeenFrame($0)?.mark == mark }
      }
      #expect(isHeard)
      try rig.expectConservation("host1")
    }
  }

  /// Row 16: only those who joined get a stream, and only until they leave.
  @Test(arguments: [Router.igmp2, .igmp3, .mld2])
  func snoopingFollowsJoinAndLeave(_ router: Router) throws {
    try withRig(snooping("querier: false"), isQuiet: router.family == .v4) { rig in
      if router.version == 2, router.family == .v4 {
        try rig.run(
          ["sysctl", "-qw", "net.ipv4.conf.eth0.force_igmp_version=2"], in: rig.namespace("b"))
      }
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      let stream = TestFrame.stream(to: router.group, from: router.sender, mac("a"))
      // Nobody has asked: it is not known that nobody wants it.
      try watch.expect(stream, from: .at("a"), arrives: [.at("b"): 1, .at("c"): 1, wire: 1])
      var member: GroupSocket? = try GroupSocket(rig, "b", joins: router.group)
      try router.ask(rig, by: wire)
      let isMember = try eventually { try rig.groups("b").contains { $0.group == router.group } }
      #expect(isMember)
      try rig.expectStream(stream, watch, reaches: ["b"])
      // The neighbour with the other Ethernet alias is told apart by the group.
      try rig.expectStream(
        .stream(to: router.alias, from: router.sender, mac("a")), watch, reaches: [])
      // It leaves; the router asks who is left, and nobody says a word.
      member = nil
      #expect(member == nil)
      try router.ask(rig, by: wire, group: router.group)
      #expect(try eventually { try rig.groups("b").allSatisfy { $0.group != router.group } })
      try rig.expectStream(stream, watch, reaches: [])
      try rig.expectConservation("host1")
    }
  }

  /// Row 16: a member that wants one source gets that one (IGMPv3).
  @Test func snoopingTellsSourcesApart() throws {
    try withRig(snooping("querier: false")) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      let router = Router.igmp3
      let wanted = IPv4Address(10, 0, 0, 1)
      let member = try GroupSocket(rig, "b", joins: router.group, from: wanted)
      let other = try GroupSocket(rig, "c", joins: router.group)
      try router.ask(rig, by: wire)
      #expect(
        try eventually {
          try rig.groups("b").contains { $0.sources == [.v4(wanted)] }
            && rig.groups("c").contains { $0.group == router.group }
        })
      try rig.expectStream(
        .stream(to: router.group, from: .v4(wanted), mac("a")), watch, reaches: ["b", "c"])
      let unwanted = IPAddress.v4(IPv4Address(10, 0, 0, 77))
      try rig.expectStream(
        .stream(to: router.group, from: unwanted, mac("a")), watch, reaches: ["c"])
      withExtendedLifetime((member, other)) {}
      try rig.expectConservation("host1")
    }
  }

  /// Row 16: where no router asks the switch does, and asks again when a member leaves.
  @Test func theSwitchAsksWhereNobodyElseDoes() throws {
    try withRig(snooping("querier: true, queryInterval: 1"), isQuiet: false) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      let group = Router.igmp3.group
      var member: GroupSocket? = try GroupSocket(rig, "b", joins: group)
      // A quarter of a second apart at first, then a second; to every VM, and never to the network.
      let general = "igmp[0] == 0x11 and igmp[4:4] == 0 and src host 0.0.0.0"
      let generalSix = "ip6[40] == 58 and ip6[48] == 130"
      for name in ["a", "b", "c"] {
        #expect(try eventually { try watch.count(.at(name), general) > 0 }, "\(name)")
        #expect(try eventually { try watch.count(.at(name), generalSix) > 0 }, "\(name)")
      }
      #expect(try eventually { try watch.count(.at("a"), general) > 1 })
      // Version 3 is told by its length (RFC 3376, 7.1).
      let isThree = "ip[2:2] - ((ip[0] & 15) << 2) >= 12"
      #expect(try watch.count(.at("a"), "\(general) and \(isThree)") > 0)
      #expect(try watch.count(wire, "vlan and igmp[0] == 0x11") == 0)
      #expect(try watch.count(wire, "vlan and \(generalSix)") == 0)
      #expect(try eventually { try rig.groups("b").contains { $0.group == group } })
      member = nil
      #expect(member == nil)
      let specific = "igmp[0] == 0x11 and igmp[4:4] == 0xef010203"
      #expect(try eventually { try watch.count(.at("b"), specific) > 0 })
      #expect(try watch.count(.at("c"), specific) == 0, "only who left is asked")
      #expect(try eventually { try rig.groups("b").allSatisfy { $0.group != group } })
      try rig.expectConservation("host1")
    }
  }

  /// Row 16: a port that comes back is asked at once, and has its stream again without joining anew.
  @Test func aPortThatComesBackIsAskedAtOnce() throws {
    let text = snooping("querier: false")
    try withRig(text) { rig in
      let watch = try Watch(rig, [.at("b"), .at("c"), wire])
      let router = Router.igmp3
      let member = try GroupSocket(rig, "b", joins: router.group)
      try router.ask(rig, by: wire)
      #expect(try eventually { try rig.groups("b").contains { $0.group == router.group } })
      let connected = vm("b", "web")
      try rig.change(
        text.replacing(connected, with: vm("b", "web", on: "host1", "connected: false")),
        on: "host1")
      #expect(try eventually { try !rig.isUp("host1", "b") })
      try rig.change(text, on: "host1")
      #expect(try eventually { try rig.port("host1", "b").state == .up })
      #expect(try eventually { try rig.groups("b").contains { $0.group == router.group } })
      let asked = try watch.count(.at("b"), "igmp[0] == 0x11 and src host 0.0.0.0")
      #expect(asked > 0, "the switch asked, not the router")
      let stream = TestFrame.stream(to: router.group, from: router.sender, mac("a"))
      try rig.expectStream(stream, watch, reaches: ["b"])
      withExtendedLifetime(member) {}
      try rig.expectConservation("host1")
    }
  }
}

private func snooping(_ keys: String) -> String {
  network(
    settings: ["multicastFiltering: snooping", "multicastSnooping: { \(keys) }"],
    groups: ["{ name: web, vlan: 10 }"], vms: [vm("a", "web"), vm("b", "web"), vm("c", "web")])
}

extension Router: CustomTestStringConvertible {
  static var igmp2: Router { Router(family: .v4, version: 2, vlan: 10) }
  static var igmp3: Router { Router(family: .v4, version: 3, vlan: 10) }
  static var mld2: Router { Router(family: .v6, version: 2, vlan: 10) }

  var testDescription: String { "\(family == .v4 ? "IGMP" : "MLD") version \(version)" }

  /// What is streamed.
  fileprivate var group: IPAddress {
    switch family {
    case .v4: .v4(IPv4Address(239, 1, 2, 3))
    case .v6: .v6(IPv6Address(high: 0xFF15 << 48, low: 0x0001_0203))
    }
  }

  /// Another group with the same Ethernet address.
  fileprivate var alias: IPAddress {
    switch family {
    case .v4: .v4(IPv4Address(238, 129, 2, 3))
    case .v6: .v6(IPv6Address(high: 0xFF15 << 48 | 7, low: 0x0001_0203))
    }
  }

  fileprivate var sender: IPAddress {
    switch family {
    case .v4: .v4(IPv4Address(10, 0, 0, 1))
    case .v6: .v6(IPv6Address(high: 0xFE80 << 48, low: 1))
    }
  }
}

extension Rig {
  fileprivate func groups(_ vm: String) throws -> [GroupStatus] {
    try port("host1", vm).groups ?? []
  }

  /// How many multicast addresses the kernel has on a VM's device.
  fileprivate func listCount(_ vm: String) throws -> Int {
    let text = try run(["ip", "maddress", "show", "dev", "eth0"], in: namespace(vm))
    return text.split(separator: "\n").count { $0.contains("link") }
  }

  /// Puts an address on the list of a VM's device, or takes it off.
  fileprivate func listen(_ vm: String, _ address: MACAddress, _ isOn: Bool) throws {
    try run(
      ["ip", "maddress", isOn ? "add" : "del", "\(address)", "dev", "eth0"], in: namespace(vm))
  }

  /// Waits until what a router asked may be relied on, then expects a stream at these VMs and the wire.
  fileprivate func expectStream(
    _ stream: TestFrame, _ watch: Watch, reaches members: [String],
    _ location: Testing.SourceLocation = #_sourceLocation
  ) throws {
    // Hosts have their time to answer; until then all get all.
    let others = ["b", "c"].filter { !members.contains($0) }
    let isSettled = try eventually {
      let mark = newMark()
      try Injector(self, .at("a")).send(stream.bytes(mark: mark))
      try settle()
      return try others.allSatisfy { name in
        try !watch.frames(.at(name)).contains { SeenFrame($0)?.mark == mark }
      }
    }
    #expect(isSettled, "others get the stream", sourceLocation: location)
    var wanted: [Place: Int] = [wire: 1]
    for name in members { wanted[.at(name)] = 1 }
    try watch.expect(stream, from: .at("a"), arrives: wanted, location)
  }
}

extension Watch {
  /// How many frames at a place tcpdump finds with a filter (pcap-filter(7)).
  fileprivate func count(_ place: Place, _ filter: String) throws -> Int {
    let report = try ChildProcess.run(.init(["tcpdump", "-n", "-r", path(place), filter]))
    #expect(report.ending.isSuccess, "\(report.errors)")
    return report.output.split(separator: "\n").count
  }
}
