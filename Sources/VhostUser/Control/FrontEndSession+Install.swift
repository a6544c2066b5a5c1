// From what the messages said to rings that the worker works on.
//
// All rings are made anew and installed in one step, between two batches of the worker. What the old ones
// pointed into is let go of after that step.

internal import Attachments
internal import CLinux
internal import Linux
internal import Synchronization

extension FrontEndSession {
  /// Gives the worker the rings as they are now.
  ///
  /// - Errors: a started ring that does not lie in the memory that was given.
  func install() throws(CutOffReason) {
    let (reason, old) = port.withRings { () -> (CutOffReason?, PortRings.Holdings) in
      takeBack()
      let reason = makeRings()
      let old = port.holdings
      port.holdings = holdings()
      port.memory =
        memory.map { memory in
          // SAFETY: `holdings` keeps the table for as long as the view is installed.
          unsafe MemoryView(windows: memory.windows, count: memory.regions.count)
        } ?? .none
      // SAFETY: a table holds its flag, and `holdings` the table.
      unsafe port.loss = memory.map { unsafe UnsafePointer($0.loss.address) }
      port.terms = features.terms
      port.guestOffloads.store(features.guestOffloads.rawValue, ordering: .relaxed)
      port.isLinkUp.store(port.sendingCount + port.receivingCount > 0, ordering: .relaxed)
      return (reason, old)
    }
    withExtendedLifetime(old) {}
    if let reason { throw reason }
    port.events.wake()
  }

  /// Takes all rings away from the worker; what they pointed into goes with this call.
  package func uninstall() {
    let old = port.withRings { () -> PortRings.Holdings in
      for index in 0..<port.ringCapacity {
        // SAFETY: the index is below the capacity.
        unsafe port.rings[index] = .none
      }
      port.sendingCount = 0
      port.receivingCount = 0
      port.memory = .none
      unsafe port.loss = nil
      port.log = .none
      port.announcement = 0
      port.isLinkUp.store(false, ordering: .relaxed)
      defer { port.holdings = PortRings.Holdings() }
      return port.holdings
    }
    withExtendedLifetime(old) {}
  }

  /// Notes how far the rings came.
  func takeBackIndices() { port.withRings { takeBack() } }

  private func takeBack() {
    for index in rings.indices {
      // SAFETY: there are as many rings as settings.
      let ring = unsafe port.rings[index]
      guard ring.isRunning else { continue }
      rings[index].base = ring.nextAvailable
      rings[index].usedIndex = ring.nextUsed
    }
  }

  private func holdings() -> PortRings.Holdings {
    PortRings.Holdings(memory: memory, bells: rings.compactMap(\.bell), log: log)
  }

  private func makeRings() -> CutOffReason? {
    let isLogging = features.contains(.logAll) && log != nil
    if let log, isLogging {
      // SAFETY: `holdings` keeps the mapping, which is that long.
      port.log = unsafe DirtyLog(bits: log.start, byteCount: log.request.byteCount)
    } else {
      port.log = .none
    }
    port.sendingCount = 0
    port.receivingCount = 0
    var reason: CutOffReason?
    for index in rings.indices {
      var ring = GuestRing.none
      if rings[index].isComplete, let memory {
        if let made = makeRing(index, memory, isLogging) {
          ring = made
        } else {
          reason = .badRingAddress
        }
      }
      // SAFETY: as above.
      unsafe port.rings[index] = ring
      guard ring.isRunning, ring.isEnabled, port.cutOff == nil else { continue }
      if index % 2 == 0 {
        unsafe port.receiving[port.receivingCount] = index
        port.receivingCount += 1
      } else {
        unsafe port.sending[port.sendingCount] = index
        port.sendingCount += 1
      }
    }
    return reason
  }

  private func makeRing(_ index: Int, _ memory: GuestMemory, _ isLogging: Bool) -> GuestRing? {
    let settings = rings[index]
    guard let addresses = settings.addresses else { return nil }
    let size = settings.size
    guard
      let descriptors = unsafe memory.address(
        ofUser: addresses.descriptors, byteCount: GuestRing.descriptorBytes(size)),
      let available = unsafe memory.address(
        ofUser: addresses.available, byteCount: GuestRing.availableBytes(size)),
      let used = unsafe memory.address(
        ofUser: addresses.used, byteCount: GuestRing.usedBytes(size)),
      UInt(bitPattern: descriptors) % 16 == 0, UInt(bitPattern: available) % 2 == 0,
      UInt(bitPattern: used) % 4 == 0
    else { return nil }
    var ring = GuestRing.none
    ring.isRunning = true
    ring.isEnabled = settings.isEnabled || !features.contains(.protocolFeatures)
    ring.hasEventIndex = features.contains(.eventIndex)
    ring.isLogged = isLogging && addresses.isLogged
    ring.size = UInt16(size)
    // SAFETY: the index is at offset 2 of the used part, whose length was checked.
    let usedIndex = unsafe settings.usedIndex ?? UInt16(littleEndian: clinux_load16(used + 2))
    // Who lost the back end before us may not know how far it came (virtio-user says 0), but the ring does. It
    // is the same otherwise: nobody here leaves buffers half used. So does DPDK.
    if settings.usedIndex == nil { rings[index].base = usedIndex }
    rings[index].usedIndex = usedIndex
    ring.nextAvailable = rings[index].base
    ring.nextUsed = usedIndex
    ring.publishedUsed = usedIndex
    unsafe ring.descriptors = UnsafeRawPointer(descriptors)
    unsafe ring.available = UnsafeRawPointer(available)
    unsafe ring.used = used
    ring.usedLogAddress = addresses.log
    unsafe ring.bell = settings.bell?.bell
    return ring
  }
}
