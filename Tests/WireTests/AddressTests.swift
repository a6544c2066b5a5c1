// Addresses and prefixes as text, as numbers and as JSON strings.

internal import FoundationEssentials
internal import Testing
internal import Wire

@Suite struct AddressTests {
  @Test(arguments: [
    // RFC 4291, 2.2 and RFC 5952, 1-4.
    ("2001:db8:0:0:8:800:200c:417a", "2001:db8::8:800:200c:417a"),
    ("FF01:0:0:0:0:0:0:101", "ff01::101"), ("0:0:0:0:0:0:0:1", "::1"), ("::", "::"),
    ("0:0:0:0:0:0:0:0", "::"), ("::FFFF:129.144.52.38", "::ffff:129.144.52.38"),
    ("::13.1.68.3", "::d01:4403"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("2001:db8::0001", "2001:db8::1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1::", "1::"), ("fe80::1", "fe80::1"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ("1:0:0:2:3:0:0:0", "1:0:0:2:3::"),
  ])
  func ipv6IsReadInEveryFormAndWrittenInOne(text: String, canonical: String) throws {
    let address = try #require(IPv6Address(text))
    #expect(address.description == canonical)
    #expect(IPv6Address(canonical) == address)
  }

  @Test(arguments: [
    "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "1:::2",
    ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:2:3:4::5:6:7:8", "::1.2.3", "::1.2.3.256", "1.2.3.4",
    "1.2.3.4::", "::1.2.3.4:5", "fe80::1%eth0", "::1 ", " ::1", "::-1", "::ffff:01.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4", "::1/64",
  ])
  func otherTextIsNoIPv6Address(_ text: String) {
    #expect(IPv6Address(text) == nil)
  }

  @Test(arguments: ["0.0.0.0", "10.0.10.1", "255.255.255.255", "127.0.0.1"])
  func ipv4IsReadAndWritten(_ text: String) throws {
    #expect(try #require(IPv4Address(text)).description == text)
  }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.", ".1.2.3", "1..2.3", "a.b.c.d",
    "1.2.3.4 ", "+1.2.3.4", "1.2.3.-4", "0x1.2.3.4", "1.2.3.4/24", "１.2.3.4",
  ])
  func otherTextIsNoIPv4Address(_ text: String) {
    #expect(IPv4Address(text) == nil)
  }

  @Test(arguments: [
    ("10.0.10.1/24", "10.0.10.0/24"), ("fd00:10::1/64", "fd00:10::/64"),
    ("10.9.8.7/0", "0.0.0.0/0"),
    ("10.0.0.1/32", "10.0.0.1/32"), ("fd00::ffff/127", "fd00::fffe/127"), ("::1/128", "::1/128"),
    ("fd00:1:2:3:4::/60", "fd00:1:2::/60"), ("ff::1/0", "::/0"),
    ("1:2:3:4:5:6:7:8/65", "1:2:3:4::/65"), ("192.168.255.1/17", "192.168.128.0/17"),
  ])
  func aPrefixKeepsItsHostPart(text: String, network: String) throws {
    let prefix = try #require(IPPrefix(text))
    #expect(prefix.description == text)
    #expect(prefix.network.description == network)
    #expect(prefix.network.isNetwork && prefix.contains(prefix.address))
  }

  @Test(arguments: [
    "10.0.10.1", "10.0.10.1/", "10.0.10.1/33", "10.0.10.1/-1", "10.0.10.1/024", "::/129", "/24",
    "10.0.10.1/24/24", "10.0.10.1/ 24", "10.0.10.1/+24", "10.0.10.1/99999999999999999999",
  ])
  func otherTextIsNoPrefix(_ text: String) {
    #expect(IPPrefix(text) == nil)
  }

  @Test func aPrefixContainsItsNetwork() throws {
    let prefix = try #require(IPPrefix("10.0.10.1/24"))
    #expect(prefix.contains(.v4(IPv4Address(10, 0, 10, 255))))
    #expect(!prefix.contains(.v4(IPv4Address(10, 0, 11, 1))))
    #expect(!prefix.contains(.v6(IPv6Address(high: 0, low: 0x0A00_0A01))))
    #expect(IPPrefix(host: .v4(IPv4Address(1, 2, 3, 4))).description == "1.2.3.4/32")
    #expect(IPPrefix(.v6(.allNodes), length: 129) == nil)
  }

  @Test func addressesHaveAnOrder() throws {
    let sorted = ["0.0.0.1", "10.0.0.1", "10.0.0.2", "::", "::1", "1::", "ff02::1"]
    let addresses = try sorted.map { try #require(IPAddress($0)) }
    #expect(addresses.reversed().sorted() == addresses)
    let prefixes = try ["10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/8"].map {
      try #require(IPPrefix($0))
    }
    #expect(prefixes.reversed().sorted() == prefixes)
  }

  @Test func addressesAreStringsInJSON() throws {
    struct Nic: Codable, Equatable {
      var mac: MACAddress
      var first: IPv4Address
      var second: IPv6Address
      var any: IPAddress
      var addresses: [IPPrefix]
    }
    let text = """
      {"addresses":["10.0.10.1\\/24","fd00:10::1\\/64"],"any":"::1","first":"10.0.10.1",\
      "mac":"00:50:56:00:00:01","second":"fd00:10::1"}
      """
    let nic = try JSONDecoder().decode(Nic.self, from: Data(text.utf8))
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(String(decoding: try encoder.encode(nic), as: UTF8.self) == text)
    let problem = #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([IPPrefix].self, from: Data(#"["10.0.10.1"]"#.utf8))
    }
    let told = problem.map { String(describing: $0) } ?? ""
    #expect(told.contains("not an address with a prefix length, as 10.0.10.1/24: 10.0.10.1"))
  }

  @Test func groupsMapToEthernet() throws {
    #expect(IPv6Address.allNodes.multicastMAC.description == "33:33:00:00:00:01")
    let address = try #require(IPv6Address("fd00:10::1:2345:6789"))
    #expect(address.solicitedNode.description == "ff02::1:ff45:6789")
    #expect(address.solicitedNode.multicastMAC.description == "33:33:ff:45:67:89")
    #expect(IPv4Address(239, 129, 2, 3).multicastMAC.description == "01:00:5e:01:02:03")
    #expect(IPv6Address(linkLocal: firstMAC).description == "fe80::250:56ff:fe00:1")
  }

  @Test(arguments: [
    ("0.1.2.3", false), ("10.0.0.1", true), ("127.0.0.1", false), ("223.255.255.255", true),
    ("224.0.0.1", false), ("255.255.255.255", false), ("::", false), ("::1", false),
    ("fe80::1", true), ("fd00::1", true), ("ff02::1", false),
  ])
  func oneHostCanHaveAUnicastAddress(text: String, isUnicast: Bool) throws {
    #expect(try #require(IPAddress(text)).isUnicast == isUnicast)
  }

  @Test(arguments: ["00:50:56:00:00:01", "00-50-56-00-00-01"])
  func macsAreReadWithColonsOrHyphens(_ text: String) {
    #expect(MACAddress(text) == firstMAC)
  }

  @Test(arguments: [
    "", "00:50:56:00:00", "00:50:56:00:00:01:02", "0:50:56:00:00:01", "+0:50:56:00:00:01",
  ])
  func otherTextIsNoMAC(_ text: String) {
    #expect(MACAddress(text) == nil)
  }
}
