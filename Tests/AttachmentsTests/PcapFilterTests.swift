// Filter expressions: what they take, tag and all, and what is said of wrong ones.

import Attachments
import Base
import Testing
import Wire

@Suite("capture filters") struct PcapFilterTests {
  private func frame(isTCP: Bool = true, isIPv6: Bool = false) -> [UInt8] {
    FrameShape(isTCP: isTCP, isIPv6: isIPv6).frame(identity: 4000, payload: [1, 2, 3]).bytes
  }

  @Test(
    "accepts and rejects",
    arguments: [
      ("", true), ("tcp", true), ("udp", false), ("ip6", false),
      ("ether src 02:00:00:00:00:01", true),
      ("ether src 02:00:00:00:00:09", false), ("port 4789", true), ("port 4790", false),
      ("vlan", false), ("greater 60", false), ("less 60", true), ("ip and not arp", true),
      ("host 10.9.8.1 and host 10.9.8.2", true), ("net 10.9.9.0/24", false),
    ])
  func untagged(_ expression: String, _ expected: Bool) throws {
    let filter = try PcapFilter(expression)
    let accepted = filter.accepts(frame().rawSpan)
    #expect(accepted == expected)
  }

  @Test(
    "a tag beside the frame is looked at as if it were inside",
    arguments: [
      ("vlan", true), ("vlan 7", true), ("vlan 8", false), ("vlan 7 and tcp port 4789", true),
      ("vlan 7 and udp", false), ("tcp", false), ("ether[14:2] = 0xa007", true),
      ("ether[12:2] = 0x8100", true), ("less 60", false), ("greater 61", true),
    ])
  func tagged(_ expression: String, _ expected: Bool) throws {
    let filter = try PcapFilter(expression)
    let bytes = frame()
    #expect(bytes.count == 57)
    let accepted = filter.accepts(bytes.rawSpan, tag: VLANTag(vlan: 7, priority: 5))
    #expect(accepted == expected)
  }

  @Test("the length is that of the whole frame, and a test beyond what is there fails")
  func lengths() throws {
    let long = try PcapFilter("greater 60000")
    let beyond = try PcapFilter("ether[1000] < 300")
    let bytes = frame()
    let seen = [
      long.accepts(bytes.rawSpan), long.accepts(bytes.rawSpan, frameBytes: 60_000),
      long.accepts(bytes.rawSpan, tag: VLANTag(vlan: 7), frameBytes: 59_996),
      beyond.accepts(bytes.rawSpan), beyond.accepts(bytes.rawSpan, frameBytes: 2000),
    ]
    #expect(seen == [false, true, true, false, false])
  }

  @Test("runts and nothing at all are frames too")
  func runts() throws {
    let every = try PcapFilter("")
    let vlan = try PcapFilter("vlan")
    for count in 0...16 {
      let bytes = [UInt8](repeating: 0, count: count)
      let seen = (
        every.accepts(bytes.rawSpan, tag: VLANTag(vlan: 7)),
        vlan.accepts(bytes.rawSpan, tag: VLANTag(vlan: 7))
      )
      #expect(seen.0)
      #expect(seen.1 == (count >= 12))
    }
  }

  @Test("a wrong expression is refused in libpcap's words")
  func refuses() throws {
    let wrong = #expect(throws: Failure.self) { _ = try PcapFilter("prot 80") }
    #expect(wrong?.what == "cannot use the filter \"prot 80\"")
    #expect(wrong?.why.contains("syntax error") == true)
    let never = #expect(throws: Failure.self) { _ = try PcapFilter("ip and ip6") }
    #expect(never?.why.contains("rejects all packets") == true)
    let long = #expect(throws: Failure.self) {
      _ = try PcapFilter(String(repeating: "ip or ", count: 1000) + "ip")
    }
    #expect(long?.why.contains("4096 bytes") == true)
    #expect(throws: Failure.self) { _ = try PcapFilter("ip\0") }
  }
}
