// A host keeps its port directories over restarts, also from an agent that knew less.

import FoundationEssentials
import Model
import Planner
import Testing

@Suite struct DirectoryCodingTests {
  @Test func everythingIsKept() throws {
    var planning = Planning()
    let groups = ["{ name: web }", "{ name: db }"]
    let nics = ["a: { portgroup: web }", "b: { portgroup: db, port: { id: 70 } }"]
    _ = try planning.plan(topology(nics: nics, portgroups: groups))
    let directory = try #require(planning.directories["dvs1"])
    let text = try JSONEncoder().encode(directory)
    var again = try JSONDecoder().decode(PortDirectory.self, from: text)
    #expect(again.ids == directory.ids)
    #expect(again.portCount(of: "db") == 8)
    // A nic more gets a number of its port group.
    let more = try parse(
      topology(nics: ["c: { portgroup: web }"] + nics, portgroups: groups))
    again.update(for: more, switch: try #require(more.switches(onHost: "host1").first))
    #expect(again.ids[PortKey(vm: "c", device: "eth0")] == 1)
  }

  @Test func idsAlone() throws {
    let old = #"{"ids": [{"vm": "a", "device": "eth0"}, 12, {"vm": "b", "device": "eth0"}, 3]}"#
    var directory = try JSONDecoder().decode(PortDirectory.self, from: Data(old.utf8))
    let file = try parse(
      topology(nics: ["a: { portgroup: web }", "c: { portgroup: web }", "b: { portgroup: web }"]))
    directory.update(for: file, switch: try #require(file.switches(onHost: "host1").first))
    let ids = ["a", "b", "c"].map { directory.ids[PortKey(vm: $0, device: "eth0")] }
    #expect(ids == [12, 3, 0])
    #expect(directory.portCount(of: "web") == 8)
  }

  @Test(arguments: ["[[5, 4]]", "[[1]]", "[[0, 2147483648]]"])
  func rangesThatAreNone(_ ranges: String) {
    let text = #"{"ids": [], "numbers": {"web": \#(ranges)}}"#
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(PortDirectory.self, from: Data(text.utf8))
    }
  }
}
