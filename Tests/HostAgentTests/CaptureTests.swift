// Captures of a running agent: what a client gets, and that it costs others nothing.

import Attachments
import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Synchronization
import Testing
import Wire

/// A client of `GET /v1/capture` on a thread of its own.
final class CaptureClient: Sendable {
  struct State {
    var bytes: [UInt8] = []
    var parser = PcapNGParser()
    var interfaces: [String] = []
    var frames: [PcapNGParser.Frame] = []
    var lostFrames: UInt64 = 0
    var failure: Failure?
    var isStopping = false
    var isPaused = false
    var hasEnded = false
  }

  private let state = Mutex(State())

  init(_ rig: Rig, _ host: String, _ query: [(String, String)]) throws {
    let target = HTTPTarget(
      segments: ["v1", "capture"], query: query.map { .init(name: $0.0, value: $0.1) })
    let client = rig.client(host)
    _ = try Thread(named: "client") { [self] in
      do throws(Failure) {
        try client.stream(.get, target) { self.take($0) }
      } catch { state.withLock { $0.failure = error } }
      state.withLock { $0.hasEnded = true }
    }
    // The first word comes with the answer, or at most a second later.
    #expect(eventually { state.withLock { !$0.interfaces.isEmpty || $0.hasEnded } })
  }

  private func take(_ bytes: [UInt8]) -> Bool {
    _ = eventually { state.withLock { !$0.isPaused || $0.isStopping } }
    return state.withLock { state in
      state.bytes += bytes
      state.parser.feed(bytes)
      while let block = try? state.parser.next() {
        switch block.content {
        case .interface(let name, _): state.interfaces.append(name)
        case .frame(let frame): state.frames.append(frame)
        case .statistics(_, _, let lost): state.lostFrames = max(state.lostFrames, lost)
        case .section, .other: break
        }
      }
      return !state.isStopping
    }
  }

  /// Reads nothing for a while, ten seconds at most.
  func pause(_ isPaused: Bool = true) { state.withLock { $0.isPaused = isPaused } }

  var lostFrames: UInt64 { state.withLock { $0.lostFrames } }

  func stop() { state.withLock { $0.isStopping = true } }

  var hasEnded: Bool { state.withLock { $0.hasEnded } }
  var failure: Failure? { state.withLock { $0.failure } }
  var bytes: [UInt8] { state.withLock { $0.bytes } }
  var frames: [PcapNGParser.Frame] { state.withLock { $0.frames } }

  /// The interface and the comment of each frame.
  var places: [String] {
    state.withLock { state in
      state.frames.map { state.interfaces[$0.interface] + ($0.comment.map { " " + $0 } ?? "") }
    }
  }
}

extension AgentTests {
  @Test func aFrameIsCapturedWhereItPasses() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      let client = try CaptureClient(
        rig, "host1",
        [
          ("switch", "vSwitch1"), ("point", "vnicIn,portIn,portOut"), ("point", "vnicOut"),
          ("filter", "icmp"), ("count", "8"),
        ])
      #expect(rig.reaches("in1", "10.0.99.2"))
      #expect(eventually { client.hasEnded })
      #expect(client.failure == nil)
      #expect(
        client.places == [
          "host1/in1-eth0:vnicIn", "host1/in1-eth0:portIn", "host1/in2-eth0:portOut",
          "host1/in2-eth0:vnicOut", "host1/in2-eth0:vnicIn", "host1/in2-eth0:portIn",
          "host1/in1-eth0:portOut", "host1/in1-eth0:vnicOut",
        ])
      #expect(client.frames.allSatisfy { $0.originalBytes == 98 })
      #expect(
        client.frames.map(\.direction).prefix(4) == [.inbound, .inbound, .outbound, .outbound])
      let now = Int64(clamping: WallClock.nowNanoseconds())
      for frame in client.frames {
        #expect(abs(now - Int64(clamping: frame.timeNanoseconds)) < 20_000_000_000)
      }
    }
  }

  @Test(.enabled(if: hasPrograms("tshark"), "needs tshark"))
  func tsharkReadsACaptureOfAnUplink() throws {
    try withRig(twoHosts()) { rig in
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      let client = try CaptureClient(
        rig, "host1",
        [
          ("uplink", "uplink1"), ("point", "uplinkIn,uplinkOut"),
          ("filter", "vlan 10 and icmp"), ("count", "2"),
        ])
      #expect(rig.reaches("web1", "10.0.10.3"))
      #expect(eventually { client.hasEnded })
      let path = "\(rig.folder)/uplink.pcapng"
      try AtomicFile.write(client.bytes, to: path)
      let report = try rig.run(
        [
          "tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.interface_name", "-e",
          "vlan.id", "-e", "ip.src",
        ], in: rig.namespace("host1"))
      #expect(
        report.split(separator: "\n").map(String.init) == [
          "host1/uplink1:uplinkOut\t10\t10.0.10.1", "host1/uplink1:uplinkIn\t10\t10.0.10.3",
        ])
    }
  }

  @Test func aDropIsCapturedWithItsReason() throws {
    try withRig(internalOnly()) { rig in
      let client = try CaptureClient(
        rig, "host1", [("port", "in1/eth0"), ("point", "drop"), ("filter", "arp")])
      let guest = try NetlinkSocket(in: rig.namespace("in1"))
      try guest.setMACAddress(MACAddress(rawValue: 0x0200_0000_0099), of: "eth0")
      #expect(!rig.reaches("in1", "10.0.99.2", seconds: "0.2"))
      #expect(eventually { client.places.contains("host1/in1-eth0:drop drop: forgedTransmit") })
      client.stop()
      // Somebody has to be told that nobody reads any more; that takes a second at most.
      #expect(eventually { client.hasEnded })
    }
  }

  @Test func aWrongRequestIsRefusedInWords() throws {
    try withRig(internalOnly()) { rig in
      let cases: [(query: [(String, String)], words: String)] = [
        ([("filter", "tcp prot 80")], "syntax error"), ([("point", "nowhere")], "vnicIn"),
        ([("port", "in9/eth0")], "no such port"), ([("snapBytes", "1")], "14"),
        ([("port", "in1/eth0"), ("point", "uplinkIn")], "in1/eth0"),
        ([("colour", "red")], "colour"),
      ]
      for (query, words) in cases {
        let target = HTTPTarget(
          segments: ["v1", "capture"], query: query.map { .init(name: $0.0, value: $0.1) })
        let reply = try rig.client("host1").send(.get, target)
        let text = String(decoding: reply.body, as: UTF8.self)
        #expect(reply.status == 400)
        #expect(text.contains(words), "\(text)")
      }
    }
  }

  @Test func fourCapturesAtOnceAndNoFifth() throws {
    try withRig(internalOnly()) { rig in
      let clients = try (0..<4).map { _ in try CaptureClient(rig, "host1", [("filter", "icmp")]) }
      let fifth = try CaptureClient(rig, "host1", [])
      #expect(fifth.hasEnded)
      #expect(fifth.failure?.why.contains("4 captures") == true)
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      #expect(eventually { clients.allSatisfy { $0.frames.count >= 4 } })
      clients[0].stop()
      #expect(eventually { clients[0].hasEnded })
      // Its place is free when the agent has noticed.
      let isFree = try eventually {
        let next = try CaptureClient(rig, "host1", [("seconds", "1")])
        return eventually { next.hasEnded } && next.failure == nil
      }
      #expect(isFree)
      for client in clients { client.stop() }
      try rig.expectConservation("host1")
    }
  }

  /// What a client that stands still does not get is counted, and others do not notice.
  @Test func aSlowClientIsToldWhatItLost() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      let client = try CaptureClient(
        rig, "host1", [("filter", "udp port 9000"), ("point", "vnicIn")])
      client.pause()
      var options = StreamSender.Options(to: try #require(IPv4Address("10.0.99.2")))
      options.payloadBytes = 1_400
      let receiver = try StreamReceiver(in: rig.namespace("in2"))
      let sender = try StreamSender(options, in: rig.namespace("in1"))
      // Ten megabytes, over what buffers hold.
      #expect(eventually { sender.report.offered > 8_000 })
      let sent = sender.stop()
      #expect(receiver.stop().received == sent.offered)
      client.pause(false)
      #expect(eventually { client.lostFrames > 0 })
      #expect(eventually { UInt64(client.frames.count) + client.lostFrames == sent.offered })
      #expect(!client.hasEnded)
      client.stop()
      try rig.expectConservation("host1")
    }
  }

  /// A capture goes on over a change, and sees ports that come.
  @Test func aCaptureFollowsTheConfiguration() throws {
    try withRig(internalOnly()) { rig in
      let client = try CaptureClient(rig, "host1", [("point", "vnicOut"), ("filter", "icmp")])
      try rig.addNode("in3")
      try rig.change(internalOnly(vms: ["in1", "in2", "in3"]), on: "host1")
      try rig.waitForPorts("host1")
      try rig.run(["ip", "addr", "add", "10.0.99.3/24", "dev", "eth0"], in: rig.namespace("in3"))
      #expect(eventually { rig.reaches("in1", "10.0.99.3") })
      #expect(eventually { client.places.contains("host1/in3-eth0:vnicOut") })
      client.stop()
    }
  }
}
