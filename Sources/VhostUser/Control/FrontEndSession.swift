// What the messages of one connection mean: memory, rings and features, from the first to the last.
//
// The session knows no socket. A message comes in whole, with its descriptors; an answer goes out, or a
// rule was broken and the connection is over. After each message that changes what the worker may do, the
// rings are installed anew (`FrontEndSession+Install`).

internal import Linux

/// One front end, from connecting to hanging up.
///
/// - Thread: the control thread.
package final class FrontEndSession {
  let settings: VhostUserSettings
  let port: PortRings
  private let offered: VirtioFeatures
  package private(set) var features: VirtioFeatures = []
  package private(set) var protocolFeatures: ProtocolFeatures = []
  package private(set) var mtu: Int?
  var regions: [MappedRegion] = []
  var memory: GuestMemory?
  var log: MappedRegion?
  let loss = LossFlag()
  var rings: [RingSettings]

  package init(_ settings: VhostUserSettings, _ port: PortRings) {
    self.settings = settings
    self.port = port
    offered = .offered(settings)
    rings = Array(repeating: RingSettings(), count: port.ringCapacity)
  }

  /// Takes a message; the answer, if it gets one.
  ///
  /// - Errors: the rule that was broken; the session must be ended then.
  package func handle(
    _ message: VhostMessage, _ descriptors: consuming PassedDescriptors
  ) throws(CutOffReason) -> [UInt8]? {
    let header = message.header
    guard header.isRequest else { throw .badHeader }
    guard header.payloadBytes == UInt32(message.payload.count) else { throw .badLength }
    let acknowledges = header.wantsReply && protocolFeatures.contains(.replyAcknowledge)
    guard let request = VhostRequest(rawValue: header.request) else {
      // Who asks whether it worked can be told; who does not would go on as if it had.
      guard acknowledges else { throw .unknownRequest }
      return reply(header, PayloadWriter.words64([1]))
    }
    guard message.payload.count >= request.payloadBytesMin else { throw .badLength }
    if let answer = try perform(request, message.payload, &descriptors) {
      return reply(header, answer)
    }
    guard descriptors.count == 0 else { throw .badDescriptors }
    return acknowledges ? reply(header, PayloadWriter.words64([0])) : nil
  }

  private func reply(_ header: MessageHeader, _ payload: [UInt8]) -> [UInt8] {
    header.reply(payloadBytes: payload.count).bytes + payload
  }

  /// Does what a request says. The payload of its answer when it has one of its own.
  private func perform(
    _ request: VhostRequest, _ payload: [UInt8], _ descriptors: inout PassedDescriptors
  ) throws(CutOffReason) -> [UInt8]? {
    var reader = PayloadReader(payload)
    switch request {
    case .getFeatures: return PayloadWriter.words64([offered.rawValue])
    case .getProtocolFeatures: return PayloadWriter.words64([ProtocolFeatures.offered.rawValue])
    case .getQueueCount: return PayloadWriter.words64([UInt64(settings.limits.queuePairs)])
    case .getMemorySlots: return PayloadWriter.words64([UInt64(settings.limits.memoryRegions)])
    case .getRingBase: return try stopRing(reader.word32())
    case .setLogBase:
      try setLog(&reader, &descriptors)
      return []
    case .setOwner: break
    case .resetOwner: reset()
    case .setFeatures: try setFeatures(VirtioFeatures(rawValue: reader.word64()))
    case .setProtocolFeatures:
      let wanted = ProtocolFeatures(rawValue: reader.word64())
      guard ProtocolFeatures.offered.isSuperset(of: wanted) else { throw .badFeatures }
      protocolFeatures = wanted
    case .setMTU: mtu = Int(clamping: reader.word64())
    case .sendRARP: announce(reader.word64())
    case .setLogDescriptor: _ = descriptors.take()
    case .setMemoryTable: try setMemoryTable(payload, &descriptors)
    case .addMemory: try addMemory(&reader, &descriptors)
    case .removeMemory: try removeMemory(&reader, &descriptors)
    case .setRingSize, .setRingAddress, .setRingBase, .setRingEnable:
      try setRing(request, &reader)
    case .setRingKick, .setRingCall, .setRingError:
      try setEvent(request, reader.word64(), &descriptors)
    }
    return nil
  }

  private func setFeatures(_ wanted: VirtioFeatures) throws(CutOffReason) {
    // QEMU adds bits of its own devices to those that we offered, so those are not looked at.
    guard offered.isSuperset(of: wanted.intersection(.ours)) else { throw .badFeatures }
    features = wanted.intersection(offered)
    try install()
  }

  private func reset() {
    rings = Array(repeating: RingSettings(), count: rings.count)
    regions = []
    memory = nil
    log = nil
    features = []
    uninstall()
  }

  private func announce(_ address: UInt64) {
    port.withRings { port.announcement = address }
    port.events.wake()
  }
}

extension VhostRequest {
  /// The shortest payload of a request.
  var payloadBytesMin: Int {
    switch self {
    case .getFeatures, .setOwner, .resetOwner, .setLogDescriptor, .getProtocolFeatures,
      .getQueueCount, .getMemorySlots:
      0
    case .setFeatures, .setMemoryTable, .setRingSize, .setRingBase, .getRingBase, .setRingKick,
      .setRingCall, .setRingError, .setProtocolFeatures, .setRingEnable, .sendRARP, .setMTU:
      8
    case .setLogBase: 16
    case .setRingAddress, .addMemory, .removeMemory: 40
    }
  }
}

extension VirtioFeatures {
  /// Bits that only the back end can grant; the others are between the driver and the front end.
  static let ours: VirtioFeatures = [
    .checksum, .guestChecksum, .guestTSO4, .guestTSO6, .guestECN, .hostTSO4, .hostTSO6, .hostECN,
    .mergeableBuffers, .logAll, .indirect, .eventIndex, .protocolFeatures, .version1, .guestUSO4,
    .guestUSO6, .hostUSO, VirtioFeatures(rawValue: 1 << 34),
  ]
}
