// The instructions of a pipeline program that carry frames: made of addresses that mean something, or of
// any bytes at all; switched in batches; announced; refused by an attachment.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Wire

extension PipelineProgram {
  /// A frame between known addresses, with the tag, the metadata and the payload that the bytes say.
  mutating func addFrame(at port: PortIndex, _ bytes: inout ProgramBytes) {
    let shape = bytes.byte()
    let index = batch.appendZeroed(byteCount: 14, ingress: port)
    let (destination, source) = (Self.address(bytes.byte()), Self.address(bytes.byte()))
    let payload = bytes.take(shape & 3 == 0 ? 0 : shape & 3 == 1 ? 28 : 64)
    batch[index].byteCount = UInt32(14 + payload.byteCount)
    var content = batch.mutableBytes(of: index)
    content.setMACAddress(destination, at: 0)
    content.setMACAddress(source, at: 6)
    let types: [UInt16] = [0x0800, 0x86DD, 0x0806, 0x8035, 0x8100, 0x8922]
    content.setBig16(types[Int(shape >> 5) % types.count], at: 12)
    for offset in 0..<payload.byteCount { content.setByte(payload.byte(offset), at: 14 + offset) }
    if shape & 4 != 0, shape & 3 == 0 {
      batch[index].byteCount = 86
      var announcement = batch.mutableBytes(of: index)
      let byteCount = Announcement.rarp(source).emit(into: &announcement)
      batch[index].byteCount = UInt32(byteCount)
    }
    if shape & 8 != 0 { batch[index].tag = VLANTag(controlInformation: bytes.word()) }
    if shape & 16 != 0 { setOffload(of: index, &bytes) }
    batch.takeOutTag(of: index)
    if batch.isFull { switchBatch() }
  }

  /// Any bytes as a frame.
  mutating func addRawFrame(at port: PortIndex, _ bytes: inout ProgramBytes) {
    let content = bytes.take(Int(bytes.byte()))
    batch.append(copying: content, ingress: port)
    batch.takeOutTag(of: batch.count - 1)
    if batch.isFull { switchBatch() }
  }

  private mutating func setOffload(of index: Int, _ bytes: inout ProgramBytes) {
    batch[index].offload = Offload(
      flags: bytes.byte(), segmentation: Offload.Segmentation(rawValue: bytes.byte()) ?? .none,
      headerBytes: bytes.word(), segmentBytes: bytes.word(), checksumStart: bytes.word(),
      checksumOffset: bytes.word())
  }

  /// Switches what is in the batch; now and then an attachment refuses a frame.
  mutating func switchBatch() {
    var done = 0
    while done < batch.count {
      let before = done
      done = network.process(batch, from: done, into: &deliveries, now: now)
      precondition(done > before, "the list holds the copies of a frame")
      for place in 0..<deliveries.touchedCount { judge(deliveries.touchedPort(place)) }
      deliveries.removeAll()
    }
    batch.removeAll()
  }

  /// The laws of a delivery: to a port that is open, not back, and never from uplink to uplink.
  private mutating func judge(_ port: PortIndex) {
    let plan = network.portPlan(port)
    judgeOpen(port)
    var entry = deliveries.first(of: port)
    while let current = entry {
      let delivery = deliveries[current]
      let ingress = batch[Int(delivery.frame)].ingress
      precondition(ingress != port, "delivered back")
      precondition(
        plan.kind != .uplink || network.portPlan(ingress).kind == .vm, "uplink to uplink")
      precondition(plan.vlanMode == .trunk || !delivery.tag.isPresent, "a tag at an access port")
      precondition(
        plan.vlanMode != .trunk || vlanSets[Int(plan.vlanSet)].contains(delivery.tag.vlan),
        "a VLAN that the port does not carry")
      precondition(!isSecret(network.portPlan(ingress), plan), "between isolated ports")
      if current % 5 == 4 {
        network.recordFailure(
          of: Int(delivery.frame), in: batch, at: port, reason: .attachmentFull)
      }
      entry = deliveries.next(after: current)
    }
  }

  /// What holds for every port that gets something.
  func judgeOpen(_ port: PortIndex) {
    let plan = network.portPlan(port)
    precondition(
      plan.kind != .absent && !plan.isBlocked && !plan.isFenced && network.isAttached(port),
      "delivered to a closed port")
    // What a guest sends later in the batch may be what tells its address.
    precondition(
      !network.isReceiveDisabled(port) || hasSent(port),
      "delivered to a guest with a wrong address")
  }

  private func hasSent(_ port: PortIndex) -> Bool {
    for index in 0..<batch.count where batch[index].ingress == port { return true }
    return false
  }

  /// Whether private VLANs keep two access ports apart.
  private func isSecret(_ from: PortPlan, _ to: PortPlan) -> Bool {
    guard from.primaryVLAN == 1, to.primaryVLAN == 1, from.kind == .vm, to.kind == .vm else {
      return false
    }
    return from.vlan != 1 && to.vlan != 1 && (from.vlan != to.vlan || from.vlan == 2)
  }

  /// Announces a port, or the one that waits longest, in small batches.
  mutating func announce(_ port: PortIndex) {
    let port = network.nextPortToAnnounce() ?? port
    var cursor = AnnouncementCursor()
    // Own address and two IP addresses in each of 4,095 VLANs, and what was learned, two at a time.
    var turnsLeft = 20_000
    while !cursor.isDone {
      precondition(turnsLeft > 0, "the cursor stands still")
      turnsLeft -= 1
      announcements.removeAll()
      network.announce(port, into: &announcements, &deliveries, &cursor)
      for place in 0..<deliveries.touchedCount {
        let port = deliveries.touchedPort(place)
        precondition(network.portPlan(port).kind == .uplink, "an announcement to a guest")
        judgeOpen(port)
      }
      deliveries.removeAll()
    }
  }
}
