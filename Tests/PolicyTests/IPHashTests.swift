// Row 29: IP hash. Each frame leaves by the uplink that its addresses choose, and by no other; what the
// wires carried is read from captures, and compared with the formula of the semantics page, written here
// once more: the last bytes of source and destination, XORed, modulo the number of uplinks.
//
// The three physical switches are not joined: together they are the static channel that IP hash needs,
// in that none of them sends to another member what came from one.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

/// A frame, and the two bytes that are to choose its uplink.
private struct HashedFrame {
  var name: String
  var frame: TestFrame
  var chooser: Int

  init(
    _ name: String, _ etherType: UInt16, _ head: [UInt8], from source: MACAddress, _ chooser: UInt8
  ) {
    self.name = name
    frame = TestFrame(to: stranger, from: source)
    frame.etherType = etherType
    frame.head = head
    frame.byteCount = max(60, 14 + head.count + 8)
    self.chooser = Int(chooser)
  }

  static func ipv4(_ source: [UInt8], _ destination: [UInt8], from mac: MACAddress) -> Self {
    // Protocol 253 is for experiments (RFC 3692); the rest is what a header must have.
    let head: [UInt8] = [0x45, 0, 0, 46, 0, 1, 0x40, 0, 64, 253, 0, 0] + source + destination
    return Self("\(source) > \(destination)", 0x0800, head, from: mac, source[3] ^ destination[3])
  }

  static func ipv6(_ source: [UInt8], _ destination: [UInt8], from mac: MACAddress) -> Self {
    let head: [UInt8] = [0x60, 0, 0, 0, 0, 8, 253, 64] + source + destination
    return Self(
      "\(source[15]) > \(destination[15])", 0x86DD, head, from: mac, source[15] ^ destination[15])
  }

  /// Not IP: what stands where IPv4 has its addresses, 12 and 16 bytes behind the type.
  static func other(_ etherType: UInt16, _ head: [UInt8], from mac: MACAddress) -> Self {
    Self("type \(etherType)", etherType, head, from: mac, head[15] ^ head[19])
  }
}

extension PolicyTests {
  @Test func ipHashSendsEachFlowWhereTheFormulaSays() throws {
    let network = threeChannels()
    try withRig(network.text) { rig in
      let mac = try rig.teamAddress("app")
      var random = SeededRandom(seed: 29)
      func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      }
      var frames: [HashedFrame] = []
      for last in UInt8(0)..<40 {
        // The other octets must not matter; nor must the direction.
        frames.append(.ipv4([10] + bytes(2) + [1], [10] + bytes(2) + [last], from: mac))
        frames.append(.ipv4([10] + bytes(2) + [last], [192] + bytes(2) + [77], from: mac))
      }
      for last in UInt8(0)..<20 {
        frames.append(.ipv6([0xFD] + bytes(14) + [9], [0xFD] + bytes(14) + [last], from: mac))
      }
      for _ in 0..<20 { frames.append(.other(0x88B5, bytes(24), from: mac)) }
      for _ in 0..<6 {
        // ARP: its sender and target lie elsewhere, but the same bytes are looked at.
        frames.append(.other(0x0806, [0, 1, 8, 0, 6, 4, 0, 2] + bytes(20), from: mac))
      }
      try rig.expectHashed(frames, over: network.wires)
      // All three are used, or the formula was not tested.
      #expect(Set(frames.map { $0.chooser % 3 }).count == 3)
      // A member fails: the two that are left are the channel.
      try rig.setCable("host1", "vmnic1", isUp: false)
      #expect(try eventually { try rig.uplinkStates() == "up down up" })
      try rig.expectHashed(frames, over: [network.wires[0], network.wires[2]])
      try rig.expectConservation("host1")
    }
  }

  /// A member of the channel may bring in what another one sent for; and a failed member is not announced,
  /// because the physical switch moves the addresses of a channel by itself.
  @Test func ipHashTakesFramesFromEveryMemberAndAnnouncesNoFailure() throws {
    let network = threeChannels()
    try withRig(network.text) { rig in
      let watch = try Watch(rig, [.at("app")] + network.wires)
      let mac = try rig.teamAddress("app")
      for wire in network.wires {
        var frame = TestFrame(to: .broadcast, from: stranger)
        frame.tags = [.vlan(10)]
        try watch.expect(frame, from: wire, arrives: [.at("app"): 1])
        frame.destination = mac
        try watch.expect(frame, from: wire, arrives: [.at("app"): 1])
      }
      // Rounds of announcements are at most 350 ms apart.
      var counts: [Int] = []
      let haveEnded = try MonotonicClock.wait(
        atMostNanoseconds: 10_000_000_000, everyNanoseconds: 400_000_000
      ) {
        let before = counts
        counts = try network.wires.map { try watch.rarps($0).count }
        return counts == before
      }
      #expect(haveEnded)
      try rig.setCable("host1", "vmnic0", isUp: false)
      #expect(try eventually { try rig.uplinks("host1")[0].state == .down })
      try rig.settle()
      #expect(try network.wires.map { try watch.rarps($0).count } == counts)
    }
  }

  private func threeChannels() -> TeamNetwork {
    var network = TeamNetwork(
      "policy: loadbalance_ip, activeUplinks: [uplink1, uplink2, uplink3], standbyUplinks: []")
    network.nics = ["tor1", "tor2", "tor3"]
    network.isJoined = false
    return network
  }
}

extension Rig {
  /// Sends frames from the VM `app`, and expects each once, on the wire that its addresses choose.
  fileprivate func expectHashed(_ frames: [HashedFrame], over wires: [Place]) throws {
    let watch = try Watch(self, wires)
    let injector = try Injector(self, .at("app"))
    var wanted: [UInt32: [Place]] = [:]
    var names: [UInt32: String] = [:]
    for item in frames {
      let mark = newMark()
      wanted[mark] = [wires[item.chooser % wires.count]]
      names[mark] = item.name
      try injector.send(item.frame.bytes(mark: mark))
    }
    var found: [UInt32: [Place]] = [:]
    _ = try eventually {
      found = [:]
      for wire in wires {
        for frame in try watch.frames(wire).compactMap({ SeenFrame($0) }) {
          found[frame.mark, default: []].append(wire)
        }
      }
      return found.count == wanted.count
    }
    try settle()
    if found != wanted { watch.keep() }
    for (mark, places) in wanted.sorted(by: { $0.key < $1.key }) {
      #expect(found[mark] == places, "\(names[mark] ?? "")")
    }
  }
}
