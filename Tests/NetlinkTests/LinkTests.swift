// Devices made, changed, listed and deleted; `ip` must see the same.

import Base
import Linux
import Netlink
import Testing
import Wire

@Suite("links", .enabled(if: canMakeDevices, needsDevices))
struct LinkTests {
  @Test("a veth pair: each end in its namespace with its name, address, MTU and state")
  func veth() throws {
    try withNamespaces { left, right in
      let (first, second) = (MACAddress("02:00:00:00:00:0a")!, MACAddress("02:00:00:00:00:0b")!)
      let made = try NetlinkSocket.createVethPair(
        VethEnd("vmnic0", in: left, macAddress: first, mtuBytes: 9000, isUp: true),
        VethEnd("port1", in: right, macAddress: second, mtuBytes: 1400, isUp: true))
      let seen = try #require(try seenLink("vmnic0", in: left))
      #expect(seen.ifindex == made.first)
      #expect(seen.address == first.description)
      #expect(seen.mtu == 9000)
      #expect(seen.flags.contains("UP"))
      #expect(seen.linkinfo?.infoKind == "veth")
      #expect(seen.linkIndex == made.second)
      let other = try #require(try seenLink("port1", in: right))
      #expect(other.ifindex == made.second)
      #expect(other.address == second.description)
      #expect(other.mtu == 1400)
      #expect(other.flags.contains("LOWER_UP"))

      let link = try #require(try NetlinkSocket(in: left).link("vmnic0"))
      #expect(link.index == made.first)
      #expect(link.kind == "veth")
      #expect(link.macAddress == first)
      #expect(link.mtuBytes == 9000)
      #expect(link.isLinkUp)
      #expect(link.operationalState == .up)
      #expect(link.peerIndex == made.second)
      #expect(link.peerNamespaceNumber != nil)
      #expect(link.masterIndex == nil)
    }
  }

  @Test("the ends of a pair never get the same index, though both namespaces start alike")
  func vethIndices() throws {
    try withNamespaces { left, right in
      for number in 0..<5 {
        let made = try NetlinkSocket.createVethPair(
          VethEnd("a\(number)", in: left), VethEnd("b\(number)", in: right))
        #expect(made.first != made.second)
        #expect(try seenLink("a\(number)", in: left)?.ifindex == made.first)
        #expect(try seenLink("b\(number)", in: right)?.ifindex == made.second)
      }
      #expect(try NetlinkSocket(in: left).links().count == 6)
    }
  }

  @Test("wanted indices are had; taken ones, and taken names, are errors that leave nothing")
  func vethTaken() throws {
    try withNamespaces { left, right in
      let made = try NetlinkSocket.createVethPair(
        VethEnd("a", in: left, index: 700), VethEnd("b", in: right, index: 800))
      #expect(made == (700, 800))
      let index = #expect(throws: Failure.self) {
        try NetlinkSocket.createVethPair(
          VethEnd("c", in: left, index: 701), VethEnd("d", in: right, index: 800))
      }
      #expect(index?.what == "cannot create veth pair c and d")
      for name in ["a", "e"] {
        let other = name == "a" ? "f" : "b"
        let failure = #expect(throws: Failure.self) {
          try NetlinkSocket.createVethPair(VethEnd(name, in: left), VethEnd(other, in: right))
        }
        #expect(failure?.why.hasPrefix("File exists") == true)
      }
      #expect(try NetlinkSocket(in: left).links().map(\.name) == ["lo", "a"])
      #expect(try NetlinkSocket(in: right).links().map(\.name) == ["lo", "b"])
    }
  }

  @Test("a bridge forwards at once, ages as told and does not snoop; ports come and go")
  func bridge() throws {
    try withNamespaces { left, right in
      let socket = try NetlinkSocket(in: left)
      var options = BridgeOptions()
      options.ageingSeconds = 20
      options.mtuBytes = 1450
      let index = try socket.createBridge("tor1", options)
      let seen = try #require(try seenLink("tor1", in: left))
      #expect(seen.ifindex == index)
      #expect(seen.mtu == 1450)
      #expect(seen.flags.contains("UP"))
      #expect(seen.linkinfo?.infoData?.forwardDelay == 0)
      #expect(seen.linkinfo?.infoData?.stpState == 0)
      #expect(seen.linkinfo?.infoData?.ageingTime == 2000)
      #expect(seen.linkinfo?.infoData?.mcastSnooping == 0)

      try NetlinkSocket.createVethPair(VethEnd("p1", in: left), VethEnd("n1", in: right))
      try socket.setMaster("tor1", of: "p1")
      #expect(try seenLink("p1", in: left)?.master == "tor1")
      #expect(try socket.link("p1")?.masterIndex == index)
      try socket.setMaster(nil, of: "p1")
      #expect(try seenLink("p1", in: left)?.master == nil)
      let failure = #expect(throws: Failure.self) { try socket.setMaster("none", of: "p1") }
      #expect(failure?.why == "No such device")
    }
  }

  @Test("name, address, MTU, queue and state change one by one and all at once")
  func changes() throws {
    try withNamespaces { left, right in
      let socket = try NetlinkSocket(in: left)
      try NetlinkSocket.createVethPair(VethEnd("a", in: left), VethEnd("b", in: right))
      let address = MACAddress("02:00:00:00:00:77")!
      try socket.setMTU(bytes: 2000, of: "a")
      try socket.setMACAddress(address, of: "a")
      try socket.rename("a", to: "renamed")
      try socket.setUp("renamed")
      var seen = try #require(try seenLink("renamed", in: left))
      #expect(seen.mtu == 2000)
      #expect(seen.address == address.description)
      #expect(seen.flags.contains("UP"))
      // Its peer is down.
      #expect(!seen.flags.contains("LOWER_UP"))
      let link = try #require(try socket.link("renamed"))
      #expect(link.isUp && !link.hasCarrier && !link.isLinkUp)
      try socket.setDown("renamed")
      #expect(try seenLink("renamed", in: left)?.flags.contains("UP") == false)

      try socket.change(
        .index(link.index),
        LinkChange(
          name: "b2", mtuBytes: 1600, isUp: true,
          transmitQueueFrames: 77, namespace: right))
      #expect(try socket.link("renamed") == nil)
      seen = try #require(try seenLink("b2", in: right))
      #expect(seen.mtu == 1600)
      #expect(seen.txqlen == 77)
      #expect(seen.flags.contains("UP"))
      #expect(try NetlinkSocket(in: right).link("b2")?.transmitQueueFrames == 77)
    }
  }

  @Test("what the kernel refuses is told in its words")
  func refusals() throws {
    try withNamespaces { left, right in
      let socket = try NetlinkSocket(in: left)
      try NetlinkSocket.createVethPair(VethEnd("a", in: left), VethEnd("b", in: right))
      let missing = #expect(throws: Failure.self) { try socket.setUp("none") }
      #expect(
        missing
          == Failure(
            "cannot change link none", why: "No such device",
            remedy: "see `ip link` for the devices that there are"))
      let small = #expect(throws: Failure.self) { try socket.setMTU(bytes: 1, of: "a") }
      #expect(small?.why == "Invalid argument: mtu less than device minimum")
      let group = #expect(throws: Failure.self) {
        try socket.setMACAddress(.broadcast, of: "a")
      }
      #expect(group?.why.hasPrefix("Cannot assign requested address") == true)
      #expect(throws: Failure.self) { try socket.createBridge("lo") }
    }
  }

  @Test(
    "names that no link can have", arguments: ["", "sixteen-letters-", "a/b", "a b", "eth%d", "."])
  func names(name: String) throws {
    try withNamespaces { left, right in
      let socket = try NetlinkSocket(in: left)
      #expect(throws: Failure.self) { try socket.createBridge(name) }
      #expect(throws: Failure.self) { try socket.rename("lo", to: name) }
      #expect(throws: Failure.self) {
        try NetlinkSocket.createVethPair(VethEnd("a", in: left), VethEnd(name, in: right))
      }
      #expect(try socket.links().map(\.name) == ["lo"])
    }
  }

  @Test("delete takes both ends; a missing link is no error, by name or by index")
  func deletes() throws {
    try withNamespaces { left, right in
      let socket = try NetlinkSocket(in: left)
      let made = try NetlinkSocket.createVethPair(VethEnd("a", in: left), VethEnd("b", in: right))
      #expect(try socket.delete("a"))
      #expect(try !socket.delete("a"))
      #expect(try !socket.delete(.index(made.first)))
      #expect(try !socket.delete(.name(String(repeating: "x", count: 20))))
      #expect(try NetlinkSocket(in: right).links().map(\.name) == ["lo"])
      #expect(try socket.link("a") == nil)
      #expect(try socket.link(.index(4711)) == nil)
      #expect(try socket.statistics("a") == nil)
    }
  }

  @Test("three hundred links fit in no one message, and are all listed, in order")
  func lists() throws {
    try withNamespaces { left, right in
      let socket = try NetlinkSocket(in: left)
      for number in 0..<150 {
        try NetlinkSocket.createVethPair(
          VethEnd("a\(number)", in: left), VethEnd("b\(number)", in: left))
      }
      let links = try socket.links()
      #expect(links.count == 301)
      #expect(links.map(\.index) == links.map(\.index).sorted())
      let seen = try ip(["link", "show"], in: left, as: [SeenLink].self)
      #expect(Set(seen.map(\.ifname)) == Set(links.map(\.name)))
      let pair = try #require(links.first { $0.name == "a149" })
      #expect(pair.peerIndex == links.first { $0.name == "b149" }?.index)
      #expect(pair.peerNamespaceNumber == nil)
    }
  }

  @Test("speed and state through ethtool")
  func ethtool() throws {
    try withNamespaces { left, right in
      try NetlinkSocket.createVethPair(
        VethEnd("a", in: left, isUp: true), VethEnd("b", in: right, isUp: true))
      let (speed, isUp): (Int?, Bool) = try left.run { () throws(Failure) in
        do throws(Errno) {
          let query = try LinkQuery()
          return (try query.speedMbps("a"), try query.isLinkUp("a"))
        } catch { throw error.failure("cannot ask") }
      }
      #expect(speed == 10_000)
      #expect(isUp)
    }
  }
}
