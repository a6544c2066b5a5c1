// TCP between VMs: large frames pass whole where both ends take them, and what is cut on the way is
// cut right.

import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing

extension AgentTests {
  @Test(.enabled(if: hasPrograms("iperf3"), "needs iperf3"))
  func largeFramesPassWholeBetweenVMsOfAHost() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      try rig.transfer(from: "in1", to: "in2", "10.0.99.2", megabytes: 64)
      let source = try rig.port("host1", "in1").offload
      let destination = try rig.port("host1", "in2").offload
      #expect(source.segmentedFramesIn > 100, "\(source)")
      #expect(destination.segmentedFramesOut > 100, "\(destination)")
      #expect(source.framesSegmented == 0 && destination.framesSegmented == 0)
      // 64 MB in frames of nearly 64 KB, not of 1,500 bytes.
      let counters = try rig.port("host1", "in1").counters
      #expect(counters.bytesInUnicast / max(1, counters.packetsInUnicast) > 10_000, "\(counters)")
      try rig.expectConservation("host1")
    }
  }

  @Test(
    .enabled(
      if: hasPrograms("iperf3", "ethtool", "tcpdump", "tshark"),
      "needs iperf3, ethtool, tcpdump and tshark"))
  func whatIsCutOnTheWayHasRightChecksums() throws {
    try withRig(twoHosts()) { rig in
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      // The physical switch takes nothing over, so that every hop before it must do the work.
      for cable in rig.cables {
        for (device, node) in [(cable.port, cable.physicalSwitch), (cable.nic, cable.host)] {
          let switches = ["tx", "rx", "tso", "gso", "gro"].flatMap { [$0, "off"] }
          try rig.run(["ethtool", "-K", device] + switches, in: rig.namespace(node))
        }
      }
      let path = "\(rig.folder)/hop.pcap"
      let port = rig.cable("host1", "vmnic0").port
      let words = "tcpdump -i \(port) -U -w \(path) -s 0 -B 65536 -c 2000".split(separator: " ")
      var capture = ChildProcess.Command(
        words.map(String.init) + ["tcp or (vlan and tcp)"], in: rig.namespace("tor1"))
      capture.output = .null
      capture.errors = .file("\(rig.folder)/tcpdump.log")
      var process = try ChildProcess(capture)
      defer { _ = process.terminate() }
      let isListening = try eventually {
        let log = try readFileIfPresent("\(rig.folder)/tcpdump.log", limitBytes: 65_536) ?? []
        return String(decoding: log, as: UTF8.self).contains("listening")
      }
      #expect(isListening)
      try rig.transfer(from: "web1", to: "web3", "10.0.10.3", megabytes: 8)
      #expect(process.wait(timeoutNanoseconds: 10_000_000_000) == .exited(0), "2,000 frames came")
      let judge =
        "tshark -r \(path) -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -T fields "
        + "-e frame.len -e ip.checksum.status -e tcp.checksum.status -e tcp.checksum"
      let seen = try ChildProcess.run(.init(judge.split(separator: " ").map(String.init))).output
        .split(separator: "\n")
      #expect(seen.count == 2_000)
      for line in seen {
        let words = line.split(separator: "\t")
        let fields = words.dropLast().compactMap { Int($0) }
        // The kernel writes a sum of zero as ones, one frame in 65,536; tshark expects zero.
        let isZero = words.last == "0xffff"
        // 1 is tshark's word for good; a tagged frame of the MTU has 1,518 bytes.
        guard fields.count == 3, fields[0] <= 1_518, fields[1] == 1, fields[2] == 1 || isZero else {
          Issue.record("bad frame on the wire: \(line)")
          break
        }
      }
    }
  }
}

/// Whether programs are in PATH.
func hasPrograms(_ names: String...) -> Bool {
  names.allSatisfy { name in
    (try? ChildProcess.run(.init(["which", name])).ending.isSuccess) ?? false
  }
}

extension Rig {
  /// Sends megabytes over TCP from one VM to another; fails unless all arrive.
  func transfer(from source: String, to destination: String, _ address: String, megabytes: Int)
    throws
  {
    var serving = ChildProcess.Command(["iperf3", "-s", "-1"], in: namespace(destination))
    serving.output = .null
    serving.errors = .null
    var server = try ChildProcess(serving)
    defer { _ = server.terminate() }
    let isDone = eventually {
      let words = ["iperf3", "-c", address, "-n", "\(megabytes)M", "--connect-timeout", "1000"]
      let report = try? ChildProcess.run(.init(words, in: namespace(source)))
      return report?.ending.isSuccess ?? false
    }
    try #require(isDone, "TCP from \(source) to \(address)")
  }
}
