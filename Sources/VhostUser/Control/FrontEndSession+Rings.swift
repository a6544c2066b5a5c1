// What the messages say about rings: size, place, index, events, on and off.

internal import Linux

extension FrontEndSession {
  /// Bits 0-7 of an event's payload are the ring; bit 8 says that no descriptor comes along.
  private static let noDescriptorFlag: UInt64 = 0x100

  private func checked(_ index: UInt32) throws(CutOffReason) -> Int {
    guard index < rings.count else { throw .badQueue }
    return Int(index)
  }

  func setRing(_ request: VhostRequest, _ reader: inout PayloadReader) throws(CutOffReason) {
    let ring = try checked(reader.word32())
    let value = reader.word32()
    switch request {
    case .setRingSize:
      guard value.nonzeroBitCount == 1, value <= UInt32(GuestRing.entriesMax) else {
        throw .badRingSize
      }
      // The layout of a ring in use does not change.
      guard !rings[ring].isStarted || rings[ring].size == Int(value) else { throw .badRingSize }
      rings[ring].size = Int(value)
    case .setRingBase:
      guard value <= UInt32(UInt16.max) else { throw .badRingSize }
      rings[ring].base = UInt16(value)
      // While it runs, the ring itself knows better.
      if rings[ring].isStarted { return }
    case .setRingEnable: rings[ring].isEnabled = value != 0
    default:
      let descriptors = reader.word64()
      let used = reader.word64()
      let available = reader.word64()
      rings[ring].addresses = RingSettings.Addresses(
        descriptors: descriptors, used: used, available: available, log: reader.word64(),
        isLogged: value & 1 != 0)
    }
    try install()
  }

  func setEvent(
    _ request: VhostRequest, _ value: UInt64, _ descriptors: inout PassedDescriptors
  ) throws(CutOffReason) {
    let ring = try checked(UInt32(value & 0xFF))
    let hasNone = value & Self.noDescriptorFlag != 0
    guard descriptors.count == (hasNone ? 0 : 1) else { throw .badDescriptors }
    let descriptor = descriptors.take()
    switch request {
    case .setRingKick:
      // Without a kick it would have to be polled for ever.
      guard let descriptor else { throw .badEvent }
      rings[ring].kick = try KickEvent(descriptor, in: port.events)
      if !rings[ring].isStarted {
        rings[ring].isStarted = true
        rings[ring].usedIndex = nil
      }
    case .setRingCall:
      if let descriptor {
        rings[ring].bell = try CallBell(descriptor)
      } else {
        rings[ring].bell = nil
      }
    default: return
    }
    try install()
  }

  /// Stops a ring and says how far it came.
  func stopRing(_ index: UInt32) throws(CutOffReason) -> [UInt8] {
    let ring = try checked(index)
    // The index is the worker's until it has let go.
    takeBackIndices()
    let events = (rings[ring].kick, rings[ring].bell)
    rings[ring].stop()
    try install()
    return withExtendedLifetime(events) {
      PayloadWriter.words32([index, UInt32(rings[ring].base)])
    }
  }
}
