// Addresses, routes, counters, and what a bridge learns from real frames.

import Base
import Glibc
import Linux
import Netlink
import Testing
import Wire

@Suite("addresses and tables", .enabled(if: canMakeDevices, needsDevices))
struct AddressTests {
  @Test("addresses come and go; an IPv6 address is usable at once")
  func addresses() throws {
    try withNamespaces { left, right in
      let socket = try NetlinkSocket(in: left)
      try NetlinkSocket.createVethPair(
        VethEnd("a", in: left, isUp: true), VethEnd("b", in: right, isUp: true))
      let four = IPPrefix("10.0.10.1/24")!
      let six = IPPrefix("fd00:10::1/64")!
      try socket.addAddress(four, to: "a")
      try socket.addAddress(six, to: "a")
      let seen = try ip(["address", "show"], in: left, as: [SeenAddresses].self)
      let rows = try #require(seen.first { $0.ifname == "a" }).addrInfo
      #expect(rows.contains { $0.local == "10.0.10.1" && $0.prefixlen == 24 })
      #expect(
        rows.contains { $0.local == "fd00:10::1" && $0.prefixlen == 64 && $0.tentative != true })

      let again = #expect(throws: Failure.self) { try socket.addAddress(four, to: "a") }
      #expect(again?.what == "cannot add address 10.0.10.1/24 to link a")
      #expect(again?.why.hasPrefix("File exists") == true)
      #expect(throws: Failure.self) { try socket.addAddress(four, to: "none") }
      #expect(try socket.deleteAddress(four, from: "a"))
      #expect(try !socket.deleteAddress(four, from: "a"))
      #expect(try socket.deleteAddress(six, from: "a"))
      let left4 = try ip(["address", "show"], in: left, as: [SeenAddresses].self)
      let rest = try #require(left4.first { $0.ifname == "a" }).addrInfo
      #expect(!rest.contains { $0.local == "10.0.10.1" || $0.local == "fd00:10::1" })
    }
  }

  @Test("default routes of both families; unreachable gateways are refused")
  func routes() throws {
    struct Route: Decodable {
      var dst: String
      var gateway: String?
    }
    try withNamespaces { left, right in
      let socket = try NetlinkSocket(in: left)
      try NetlinkSocket.createVethPair(
        VethEnd("a", in: left, isUp: true), VethEnd("b", in: right, isUp: true))
      #expect(throws: Failure.self) {
        try socket.addDefaultRoute(via: .v4(IPv4Address(10, 0, 10, 254)))
      }
      try socket.addAddress(IPPrefix("10.0.10.1/24")!, to: "a")
      try socket.addAddress(IPPrefix("fd00:10::1/64")!, to: "a")
      try socket.addDefaultRoute(via: .v4(IPv4Address(10, 0, 10, 254)))
      try socket.addDefaultRoute(via: .v6(IPv6Address("fd00:10::fe")!))
      let four = try ip(["route", "show"], in: left, as: [Route].self)
      #expect(four.contains { $0.dst == "default" && $0.gateway == "10.0.10.254" })
      let six = try ip(["-6", "route", "show"], in: left, as: [Route].self)
      #expect(six.contains { $0.dst == "default" && $0.gateway == "fd00:10::fe" })
    }
  }

  @Test("a bridge knows behind which port a host is, after its first frame; counters count it")
  func learns() throws {
    try withNamespaces { bridgeSide, hostSide in
      let socket = try NetlinkSocket(in: bridgeSide)
      let bridge = try socket.createBridge("tor1")
      let address = MACAddress("02:00:00:00:00:42")!
      let (port, _) = try NetlinkSocket.createVethPair(
        VethEnd("p1", in: bridgeSide, isUp: true),
        VethEnd("h1", in: hostSide, macAddress: address, isUp: true))
      try socket.setMaster("tor1", of: "p1")
      #expect(try !socket.bridgeEntries("tor1").contains { $0.macAddress == address })
      let host = try NetlinkSocket(in: hostSide)
      try host.addAddress(IPPrefix("10.0.10.1/24")!, to: "h1")
      // A datagram to a neighbour that does not exist makes the host ask for it: a broadcast.
      let wasSent = try hostSide.run { sendDatagram(to: 0x0A00_0A02) }
      #expect(wasSent)
      let learned = try eventually {
        try socket.bridgeEntries("tor1").contains { $0.macAddress == address }
      }
      #expect(learned)
      let entries = try socket.bridgeEntries("tor1")
      let entry = try #require(entries.first { $0.macAddress == address })
      #expect(entry.portIndex == port)
      #expect(!entry.isPermanent)
      #expect(entries.contains { $0.isPermanent && $0.portIndex == bridge })
      let counted = try #require(try socket.statistics("p1"))
      #expect(counted.receivedFrames >= 1)
      #expect(counted.receivedBytes >= 42)
      #expect(throws: Failure.self) { try socket.bridgeEntries("none") }
      #expect(try socket.bridgeEntries("p1").isEmpty)
    }
  }
}

private func sendDatagram(to destination: UInt32) -> Bool {
  let socket = Descriptor(owning: socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
  var address = sockaddr_in()
  address.sin_family = UInt16(AF_INET)
  address.sin_port = UInt16(9).bigEndian
  address.sin_addr.s_addr = destination.bigEndian
  // SAFETY: the address has the size that is given.
  return unsafe withUnsafeBytes(of: &address) { bytes in
    unsafe sendto(
      socket.number, "x", 1, 0, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
      socklen_t(bytes.count)) == 1
  }
}
