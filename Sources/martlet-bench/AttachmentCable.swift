// Martlet's own attachments back to back: what they cost without a switch between them.
//
// The loop is that of the C cables: up to 64 frames a side in turn, asleep when both are empty.

internal import Attachments
internal import Base
internal import FrameMemory
internal import Linux
internal import Netlink

enum AttachmentCable {
  private static let batchFrames = 64

  /// Runs until the program is ended.
  static func run(_ ends: (kind: String, places: [SwitchCommand.Place])) throws {
    let opener = ends.kind == "tap" ? nil : try PortOpener(ends.kind)
    let attachments = try ends.places.map { try attach($0, opener) }
    do throws(Errno) {
      var poller = try Poller(capacity: 2)
      for (index, attachment) in attachments.enumerated() {
        try poller.add(attachment.descriptor, token: UInt64(index))
      }
      ToolCommand.sayReady()
      var cable = Cable()
      while true {
        var moved = cable.move(attachments[0], attachments[1])
        moved = cable.move(attachments[1], attachments[0]) || moved
        guard !moved else { continue }
        // Both must hear of it, whatever the first says.
        let mayWait = attachments.map { $0.prepareToSleep() }
        if !mayWait.contains(false) { poller.wait(timeoutNanoseconds: nil) }
      }
    } catch { throw error.failure("cannot wait for frames") }
  }

  /// The attachment of a device that is there, or of a TAP, which is made.
  private static func attach(_ place: SwitchCommand.Place, _ opener: PortOpener?) throws
    -> any Attachment
  {
    let namespace = try place.open()
    guard let opener else {
      return TapAttachment(try TapDevice.open(name: place.device, namespace: namespace))
    }
    try NetlinkSocket(in: namespace).setUp(.name(place.device))
    return try opener.open(place.device, in: namespace)
  }

  private struct Cable: ~Copyable {
    var batch = FrameBatch(capacity: batchFrames)
    var deliveries = DeliveryList(capacity: batchFrames, portCapacity: 2)

    /// Whether there was a frame.
    mutating func move(_ from: any Attachment, _ to: any Attachment) -> Bool {
      batch.removeAll()
      guard case .frames = from.receive(into: &batch, port: PortIndex(0), limit: batchFrames)
      else { return false }
      for index in 0..<batch.count {
        deliveries.append(
          frame: UInt16(truncatingIfNeeded: index), to: PortIndex(1), tag: batch[index].tag)
      }
      _ = to.transmit(batch, &deliveries, port: PortIndex(1))
      deliveries.removeAll()
      from.release(batch)
      return true
    }
  }
}
