// Which number a port has, and that it keeps it.

import Base
import ConfigFile
import Dataplane
import FrameMemory
import Model
import Planner
import Testing

@Suite struct PortNumberTests {
  @Test func newPortsAreNumberedInOrderOfTheFile() throws {
    var planning = Planning()
    let planned = try planning.plan(topology(vms: ["a", "b", "c"]))
    #expect(planned.ports.map(\.id) == [0, 1, 2])
    let all = planned.uplinks.map(\.index.index) + planned.ports.map(\.index.index)
    #expect(all == [0, 1, 2, 3, 4])
  }

  @Test func aVMInTheMiddleRenumbersNobody() throws {
    var planning = Planning()
    let before = try planning.plan(topology(vms: ["a", "b", "c"])).numbers
    let added = try planning.plan(topology(vms: ["new", "a", "other", "b", "c"])).numbers
    #expect(added.filter { before[$0.key] != nil } == before)
    #expect(Set(added.values.map { $0[0] }).count == 5)
    #expect(Set(added.values.map { $0[1] }).count == 5)
    let removed = try planning.plan(topology(vms: ["a", "c"])).numbers
    #expect(removed == before.filter { $0.key != "b" })
    // What went gave its numbers back: the next one gets the lowest free id.
    let again = try planning.plan(topology(vms: ["fresh", "a", "c"])).numbers
    #expect(again["fresh"]?[1] == 1)
    #expect(again.filter { before[$0.key] != nil } == removed)
  }

  /// Every order of plugging and unplugging: ids and indices of who stays never change, and are unique.
  @Test(arguments: 0..<8 as Range<UInt64>)
  func anyHistory(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var planning = Planning()
    var vms: [String] = ["first"]
    var before = try planning.plan(topology(vms: vms)).numbers
    for step in 0..<40 {
      if vms.count > 1, random.next() % 2 == 0 {
        vms.remove(at: Int(random.next() % UInt64(vms.count)))
      } else {
        vms.insert("vm\(step)", at: Int(random.next() % UInt64(vms.count + 1)))
      }
      let after = try planning.plan(topology(vms: vms)).numbers
      #expect(Set(after.keys) == Set(vms), "seed \(seed), step \(step)")
      for (vm, numbers) in before where after[vm] != nil {
        #expect(after[vm] == numbers, "seed \(seed), step \(step), \(vm)")
      }
      for column in 0...1 {
        #expect(Set(after.values.map { $0[column] }).count == vms.count, "seed \(seed)")
      }
      before = after
    }
  }

  @Test func hostsWithTheSameHistoryAgreeOnIDs() throws {
    let text = topology(vms: ["a@host1", "b@host2", "c@host1"])
    var first = Planning()
    var second = Planning()
    let here = try first.plan(text, host: "host1")
    let there = try second.plan(text, host: "host2")
    #expect(here.ports.map(\.id) == [0, 2])
    #expect(there.ports.map(\.id) == [1])
    #expect(first.directories["dvs1"]?.ids == second.directories["dvs1"]?.ids)
  }

  @Test func aVMThatMovesToAnotherHostKeepsItsID() throws {
    var planning = Planning()
    let before = try planning.plan(topology(vms: ["a", "b@host2", "c"]))
    let after = try planning.plan(topology(vms: ["a@host2", "b", "c"]))
    #expect(try after.port("c") == before.port("c"))
    #expect(try after.port("b").id == 1)
    let there = try planning.plan(topology(vms: ["a@host2", "b", "c"]), host: "host2")
    #expect(try there.port("a").id == 0)
  }

  @Test func anUplinkThatLosesItsNICLeavesThePortsAlone() throws {
    var planning = Planning()
    let text = topology(vms: ["a", "b"])
    let before = try planning.plan(text)
    let after = try planning.plan(text.replacing("uplink1: vmnic0, ", with: ""))
    #expect(after.numbers == before.numbers)
    #expect(after.uplinks.map(\.index) == [before.uplinks[1].index])
    // The place of the uplink that went is empty in the plan.
    let kind = after.makePlan().ports[before.uplinks[0].index.index].kind
    #expect(kind == .absent)
  }

  /// The other uplink keeps its attachment, its link and its counters, though its position changes.
  @Test func anUplinkStaysUpWhenAnotherLosesOrGetsItsNIC() throws {
    var planning = Planning()
    let both = topology(vms: ["a"])
    let one = both.replacing("uplink1: vmnic0, ", with: "")
    let uplink = try planning.plan(both).uplinks[1].index
    let now = MonotonicTime(seconds: 1)
    var network = Switch(seed: 1)
    _ = network.apply(try planning.plan(both).makePlan(), now: now)
    network.setAttached(uplink, true, now: now)
    network.setLink(uplink, isUp: true, now: now)
    for text in [one, both] {
      _ = network.apply(try planning.plan(text).makePlan(), now: now)
      let (isAttached, isUsable) = (network.isAttached(uplink), network.isUplinkUsable(uplink))
      #expect(isAttached && isUsable)
    }
  }
}
