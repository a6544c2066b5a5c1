// Memory that the front end shares: all of it at once (SET_MEM_TABLE), a region more or less
// (ADD_MEM_REG, REM_MEM_REG), and the bitmap of dirty pages (SET_LOG_BASE).
//
// A change makes a new table and installs the rings in it; the old mappings go when the worker has let go
// of them, which is before the change is answered.

internal import Linux

extension FrontEndSession {
  /// In one SET_MEM_TABLE ("Memory regions description").
  private static let tableRegionsMax = 8
  private static let regionBytes = 32

  func setMemoryTable(
    _ payload: [UInt8], _ descriptors: inout PassedDescriptors
  ) throws(CutOffReason) {
    var reader = PayloadReader(payload)
    let count = Int(reader.word32())
    _ = reader.word32()
    guard count <= Self.tableRegionsMax, count <= settings.limits.memoryRegions else {
      throw .badMemoryTable
    }
    guard payload.count >= 8 + count * Self.regionBytes else { throw .badLength }
    var fresh: [MappedRegion] = []
    for _ in 0..<count {
      fresh.append(try map(readRegion(&reader), beside: fresh, &descriptors))
    }
    try change(to: fresh)
  }

  func addMemory(
    _ reader: inout PayloadReader, _ descriptors: inout PassedDescriptors
  ) throws(CutOffReason) {
    _ = reader.word64()
    guard regions.count < settings.limits.memoryRegions else { throw .badMemoryTable }
    let region = try map(readRegion(&reader), beside: regions, &descriptors)
    try change(to: regions + [region])
  }

  func removeMemory(
    _ reader: inout PayloadReader, _ descriptors: inout PassedDescriptors
  ) throws(CutOffReason) {
    _ = reader.word64()
    let wanted = readRegion(&reader)
    // It may come along, and is not needed.
    _ = descriptors.take()
    let place = regions.firstIndex {
      $0.request.guestStart == wanted.guestStart && $0.request.byteCount == wanted.byteCount
        && $0.request.userStart == wanted.userStart
    }
    guard let place else { throw .badMemoryTable }
    var rest = regions
    rest.remove(at: place)
    try change(to: rest)
  }

  private func readRegion(_ reader: inout PayloadReader) -> RegionRequest {
    let guestStart = reader.word64()
    let byteCount = reader.word64()
    let userStart = reader.word64()
    return RegionRequest(
      guestStart: guestStart, byteCount: byteCount, userStart: userStart,
      fileOffset: reader.word64())
  }

  private func map(
    _ request: RegionRequest, beside others: [MappedRegion],
    _ descriptors: inout PassedDescriptors
  ) throws(CutOffReason) -> MappedRegion {
    guard let file = descriptors.take() else { throw .badDescriptors }
    guard request.isPossible, !others.contains(where: { $0.request.overlaps(request) }) else {
      throw .badMemoryTable
    }
    let total = others.reduce(request.byteCount) { sum, region in
      let (next, overflow) = sum.addingReportingOverflow(region.request.byteCount)
      return overflow ? .max : next
    }
    guard total <= settings.limits.memoryBytes else { throw .badMemoryTable }
    return try MappedRegion(request, of: file, loss: loss)
  }

  private func change(to fresh: [MappedRegion]) throws(CutOffReason) {
    regions = fresh
    memory = fresh.isEmpty ? nil : GuestMemory(fresh, loss: loss)
    try install()
  }

  /// The bitmap that dirty pages are noted in. It costs nothing until LOG_ALL is acknowledged.
  func setLog(
    _ reader: inout PayloadReader, _ descriptors: inout PassedDescriptors
  ) throws(CutOffReason) {
    guard protocolFeatures.contains(.logSharedMemory) else { throw .unknownRequest }
    let byteCount = reader.word64()
    let offset = reader.word64()
    guard let file = descriptors.take() else { throw .badDescriptors }
    guard byteCount <= settings.limits.memoryBytes else { throw .badMemoryTable }
    let request = RegionRequest(
      guestStart: 0, byteCount: byteCount, userStart: 0, fileOffset: offset)
    log = try MappedRegion(request, of: file, loss: loss)
    try install()
  }
}
