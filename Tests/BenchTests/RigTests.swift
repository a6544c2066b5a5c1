// The pure parts of what benchmarks stand on: counters of the kernel, and names that are cleaned up.

import Rig
import Testing

struct RigTests {
  @Test func busyTicksAreAllButIdleAndWaiting() {
    let text = "cpu  10 20 30 4000 500 60 70 80 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n"
    #expect(ProcessorTime.busyTicks(text) == 10 + 20 + 30 + 60 + 70 + 80)
    #expect(ProcessorTime.busyTicks("cpu0 1 2 3 4 5 6 7 8") == nil)
    #expect(ProcessorTime.busyTicks("cpu 1 2 3") == nil)
    #expect(ProcessorTime.busyTicks("") == nil)
  }

  @Test func datagramsThatWereRefusedHaveArrived() {
    let text = """
      Ip: Forwarding DefaultTTL
      Ip: 2 64
      Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors
      Udp: 1000 7 234 5 200
      """
    #expect(DatagramCount.arrived(text) == 1_234)
    #expect(DatagramCount.arrived("Udp: InDatagrams\n") == nil)
    #expect(DatagramCount.arrived("Udp: InDatagrams InErrors\nUdp: x 1\n") == nil)
  }

  @Test(arguments: [
    ("mt123x4-a", "mt123x4-", Int32(123)), ("mt7x0-host1", "mt7x0-", 7), ("mt9x1-", "mt9x1-", 9),
  ])
  func namesOfRigsTellTheirProcess(name: String, prefix: String, process: Int32) {
    let owned = RigCleanup.ownedPrefix(of: name)
    #expect(owned?.prefix == prefix)
    #expect(owned?.process == process)
  }

  /// What is not certainly ours is nobody's to delete.
  @Test(arguments: [
    "", "mt", "mt-", "mt12-a", "mtx1-a", "mt0x1-a", "mt-1x1-a", "mt1xx-a", "swA", "mtu1x2a",
  ])
  func otherNamesBelongToOthers(name: String) { #expect(RigCleanup.ownedPrefix(of: name) == nil) }
}
