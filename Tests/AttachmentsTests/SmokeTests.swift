// First light.
import Attachments
import FrameMemory
import Linux
import Testing

@Suite(.serialized) struct SmokeTests {
  @Test(arguments: FrameShape.all)
  func tapToPacket(_ shape: FrameShape) throws {
    let a = try TestNamespace("a")
    let b = try TestNamespace("b")
    let tap = TapAttachment(try TapDevice.open(name: "tap0", namespace: a.handle))
    try a.run("ip link set tap0 up")
    let peer = PacketAttachment(try PacketSocket(device: "tap0", namespace: a.handle))
    try b.run("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up")
    let uplink = PacketAttachment(try PacketSocket(device: "v0", namespace: b.handle))
    let far = PacketAttachment(try PacketSocket(device: "v1", namespace: b.handle))
    let memory = MemoryAttachment()
    let payload = (0..<(shape.work == .segmented ? 9001 : 701)).map { UInt8($0 & 0xFF) }
    let frame = shape.frame(identity: 1, payload: payload)
    #expect(memory.inject(frame.bytes, offload: frame.offload))
    var transfer = Transfer()
    #expect(transfer.move(from: memory, to: peer) == .frames(1))
    #expect(transfer.failures == [])
    #expect(transfer.move(from: tap, to: uplink) == .frames(1))
    #expect(transfer.failures == [])
    #expect(transfer.move(from: far, to: memory) == .frames(1))
    let out = memory.takeAllSent()
    #expect(out.flatMap(SlowModel.finished) == SlowModel.finished(frame))
    if case .segmented = shape.work { print(shape, out.count, uplink.offloadCounters, far.offloadCounters) }
  }
}
