// Frames through real devices: every byte, every tag, and every cell back in its place.

import Attachments
import Base
import FrameMemory
import Linux
import Rig
import Testing
import Wire
import XDP

@Suite(
  "AF_XDP transfer", .enabled(if: canMakeDevices, needsDevices),
  .enabled(if: hasXDPSockets, needsXDPSockets), .serialized)
struct TransferTests {
  private let space: TestNamespace
  private let memory: XDPMemory
  private let network = TestSwitch()

  init() throws {
    space = try TestNamespace()
    for name in ["a", "b", "c"] { try space.pair(name) }
    memory = try XDPMemory()
  }

  private func open(
    _ name: String, _ modes: Set<XDPMode> = Set(XDPMode.allCases), actsAsZeroCopy: Bool = false
  ) throws -> XDPAttachment {
    var options = XDPDevice.Options()
    options.actsAsZeroCopy = actsAsZeroCopy
    options.modes = modes
    options.losesTags = modes == [.generic]
    let attachment = XDPAttachment(
      try XDPDevice(name, namespace: space.handle, memory: memory, options: options))
    #expect(attachment.prepareToSleep())
    return attachment
  }

  private func far(_ name: String) throws -> PacketAttachment {
    PacketAttachment(try PacketSocket(device: name + "p", namespace: space.handle))
  }

  /// Every cell is free but those that the kernel has to receive into.
  private func expectCellsBack(_ ports: [XDPAttachment]) {
    let share = min(memory.limits.ringEntries, memory.limits.cellCount / (2 * ports.count))
    let isBack = becomesTrue {
      for port in ports { _ = port.prepareToSleep() }
      return memory.freeCount == memory.limits.cellCount - ports.count * share
    }
    #expect(isBack, "\(memory.freeCount) cells are free")
  }

  @Test(
    "what comes is what was sent, with its tags, in order", arguments: [XDPMode.copy, .generic])
  func receives(mode: XDPMode) throws {
    let (a, far) = (try open("a", [mode]), try far("a"))
    #expect(a.mode == mode && a.name == "xdp a" && a.offloads == [])
    for (index, tag) in [VLANTag.none, VLANTag(vlan: 7), VLANTag(controlInformation: 0xE000)]
      .enumerated()
    {
      for byteCount in [14, 15, 60, 64, 577, 1_514] {
        let frames = TestFrame.some(
          150, byteCount: byteCount, tag: tag, seed: UInt64(index * 10_000 + byteCount))
        network.send(frames, by: far)
        #expect(network.collect(a, atLeast: 150) == frames, "\(byteCount) bytes, \(tag)")
      }
    }
    #expect(network.takeFailures() == [] && a.kernelDrops == 0)
    expectCellsBack([a])
  }

  @Test("what is sent from other memory comes, with its tags", arguments: [XDPMode.copy, .generic])
  func sends(mode: XDPMode) throws {
    let (a, far) = (try open("a", [mode]), try far("a"))
    for tag in [VLANTag.none, VLANTag(vlan: 4_094)] {
      // A tagged frame with nothing after its type is dropped by the kernel of the receiver.
      for byteCount in [16, 60, 64, 577, 1_514] {
        let frames = TestFrame.some(150, byteCount: byteCount, tag: tag, seed: UInt64(byteCount))
        network.send(frames, by: a)
        #expect(network.collect(far, atLeast: 150) == frames, "\(byteCount) bytes, \(tag)")
      }
    }
    #expect(network.takeFailures() == [] && a.copiedCount == 1_500 && a.lentCount == 0)
    expectCellsBack([a])
  }

  @Test("from one device to another nothing is copied, and tags change in place")
  func forwards() throws {
    let (a, b) = (try open("a"), try open("b"))
    let (farA, farB) = (try far("a"), try far("b"))
    var sent = 0
    for (tag, other) in [
      (VLANTag.none, VLANTag.none), (VLANTag(vlan: 5), .none), (.none, VLANTag(vlan: 6)),
      (VLANTag(vlan: 7), VLANTag(vlan: 8)),
    ] {
      for byteCount in [60, 1_514] {
        let frames = TestFrame.some(200, byteCount: byteCount, tag: tag, seed: UInt64(sent))
        network.send(frames, by: farA)
        sent += frames.count
        var moved = 0
        _ = becomesTrue {
          moved += network.forward(from: a, to: [(b, other)]).count
          return moved == frames.count
        }
        #expect(network.collect(farB, atLeast: 200) == frames.map { $0.tagged(other) })
      }
    }
    #expect(network.takeFailures() == [])
    #expect(b.lentCount == UInt64(sent) && b.copiedCount == 0)
    expectCellsBack([a, b])
  }

  @Test("a flood to four ports of three kinds, each with a tag of its own")
  func floods() throws {
    let (a, b, c) = (try open("a"), try open("b"), try open("c"))
    try space.pair("d")
    let d = PacketAttachment(try PacketSocket(device: "d", namespace: space.handle))
    let tap = TapAttachment(try TapDevice.open(name: "tap0", namespace: space.handle))
    try space.run("ip link set tap0 up")
    let farTap = PacketAttachment(try PacketSocket(device: "tap0", namespace: space.handle))
    let fars = [try far("b"), try far("c"), try far("d"), farTap]
    let ports: [any Attachments.Attachment] = [b, c, d, tap]
    let farA = try far("a")
    for tags in [
      [VLANTag.none, VLANTag(vlan: 2), VLANTag(vlan: 3), .none],
      [VLANTag(vlan: 4), VLANTag.none, .none, VLANTag(vlan: 5)],
      [VLANTag(vlan: 6), VLANTag(vlan: 7), VLANTag(vlan: 8), VLANTag(vlan: 9)],
    ] {
      let frames = TestFrame.some(64, byteCount: 300, tag: VLANTag(vlan: 77), seed: 9)
      network.send(frames, by: farA)
      var moved = 0
      _ = becomesTrue {
        moved += network.forward(from: a, to: Array(zip(ports, tags))).count
        return moved == frames.count
      }
      for (far, tag) in zip(fars, tags) {
        #expect(network.collect(far, atLeast: 64) == frames.map { $0.tagged(tag) })
      }
      // The other way: from ordinary memory into cells.
      let more = TestFrame.some(64, byteCount: 99, seed: 10)
      network.send(more, by: fars[2])
      moved = 0
      _ = becomesTrue {
        moved += network.forward(from: d, to: [(a, tags[2]), (b, tags[0])]).count
        return moved == more.count
      }
      #expect(network.collect(farA, atLeast: 64) == more.map { $0.tagged(tags[2]) })
      #expect(network.collect(fars[0], atLeast: 64) == more.map { $0.tagged(tags[0]) })
    }
    #expect(network.takeFailures() == [])
    expectCellsBack([a, b, c])
  }

  @Test(
    "what a zero-copy device sends later is not changed meanwhile: a tag or a mark costs a copy")
  func forwardsByZeroCopy() throws {
    let (a, b) = (try open("a"), try open("b", actsAsZeroCopy: true))
    let (farA, farB) = (try far("a"), try far("b"))
    for tag in [VLANTag.none, VLANTag(vlan: 6)] {
      let frames = TestFrame.some(200, byteCount: 300, seed: 4)
      network.send(frames, by: farA)
      var moved = 0
      _ = becomesTrue {
        moved += network.forward(from: a, to: [(b, tag)]).count
        return moved == frames.count
      }
      #expect(network.collect(farB, atLeast: 200) == frames.map { $0.tagged(tag) })
      #expect(b.lentCount == 200 && b.copiedCount == (tag.isPresent ? 200 : 0))
    }
    network.rewrite = Rewrite(dscp: 7)
    network.send(TestFrame.some(10), by: farA)
    var moved = 0
    _ = becomesTrue {
      moved += network.forward(from: a, to: [(b, nil)]).count
      return moved == 10
    }
    #expect(b.lentCount == 200 && b.copiedCount == 210)
    #expect(network.takeFailures() == [])
    expectCellsBack([a, b])
  }

  @Test("a frame twice to the same port, untagged and tagged")
  func sendsTwice() throws {
    let (a, b) = (try open("a"), try open("b"))
    let (farA, farB) = (try far("a"), try far("b"))
    let tags = [VLANTag(vlan: 3), VLANTag.none, VLANTag(vlan: 4), VLANTag(vlan: 3)]
    let frame = TestFrame.some(1, byteCount: 200)
    network.send(frame, by: farA)
    network.batch.removeAll()
    network.deliveries.removeAll()
    let hasCome = becomesTrue {
      a.receive(into: &network.batch, port: PortIndex(0), limit: 1) == .frames(1)
    }
    #expect(hasCome)
    for tag in tags { network.deliveries.append(frame: 0, to: PortIndex(1), tag: tag) }
    #expect(
      b.transmit(network.batch, &network.deliveries, port: PortIndex(1)) == TransmitResult())
    #expect(network.frames == frame)
    a.release(network.batch)
    #expect(network.collect(farB, atLeast: 4) == tags.map { frame[0].tagged($0) })
    expectCellsBack([a, b])
  }

  @Test("work left to offloads is done before a frame leaves")
  func finishes() throws {
    let (a, far) = (try open("a"), try far("a"))
    let (frame, tag) = (TestFrame.udp4, VLANTag(vlan: 9))
    network.send([frame.unfinished.tagged(tag)], by: a, offload: frame.offload)
    #expect(network.collect(far, atLeast: 1) == [frame.whole.tagged(tag)])
    #expect(a.offloadCounters.checksumDone == 1)
    expectCellsBack([a])
  }

  @Test("a checksum that a veth leaves unfinished is recognised, and finished on the way out")
  func recognises() throws {
    let (a, b) = (try open("a"), try open("b"))
    let (farA, farB) = (try far("a"), try far("b"))
    for frame in [TestFrame.udp4, TestFrame.udp6] {
      for tag in [VLANTag.none, VLANTag(vlan: 12)] {
        let unfinished = frame.unfinished.tagged(tag)
        network.send([unfinished], by: farA, offload: frame.offload)
        network.send([frame.whole.tagged(tag)], by: farA)
        var passed: [TestFrame] = []
        _ = becomesTrue {
          passed += network.forward(from: a, to: [(b, nil)])
          return passed.count == 2
        }
        #expect(passed == [unfinished, frame.whole.tagged(tag)])
        let arrived = network.collect(farB, atLeast: 2)
        #expect(arrived == [frame.whole.tagged(tag), frame.whole.tagged(tag)])
      }
    }
    #expect(b.offloadCounters.checksumDone == 4)
    expectCellsBack([a, b])
  }

  @Test("a tag that the kernel keeps beside a frame is not lost")
  func hearsKeptTags() throws {
    // A bridge takes tags out of what it forwards, and hands them to a veth beside the frame.
    try space.run(
      """
      ip link add name br0 type bridge; ip link set dev br0 up
      ip link set dev ap master br0; ip link set dev bp master br0
      ip link set dev bp type bridge_slave learning off
      """)
    let a = try open("a")
    let far = PacketAttachment(try PacketSocket(device: "b", namespace: space.handle))
    #expect(try becomesTrue { try space.run("bridge link show").components("forwarding") == 2 })
    for tag in [VLANTag(vlan: 10), .none, VLANTag(controlInformation: 0xF123)] {
      let frames = TestFrame.some(70, byteCount: 100, tag: tag)
      network.send(frames, by: far)
      #expect(network.collect(a, atLeast: 70).filter(isOurs) == frames)
    }
    // A service tag is one of the bytes.
    var frame = TestFrame.some(1)[0]
    frame.bytes.insert(contentsOf: [0x88, 0xA8, 0, 7], at: 12)
    network.send([frame], by: far)
    #expect(network.collect(a, atLeast: 1).filter(isOurs) == [frame])
    expectCellsBack([a])
  }

  /// Not one of the bridge's own, which wants to know about multicast.
  private func isOurs(_ frame: TestFrame) -> Bool { frame.bytes[..<6] == [2, 0, 0, 0, 0, 2] }
}

extension String {
  fileprivate func components(_ word: String) -> Int {
    split(whereSeparator: \.isWhitespace).count { $0 == word }
  }
}
