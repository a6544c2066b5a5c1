// The names of drop reasons are a public surface: this list only grows.

internal import FrameMemory
internal import Testing

@Suite struct DropReasonTests {
  static let names = [
    "portDown", "portBlocked", "portFenced", "malformed", "runt", "oversize", "vlanMismatch",
    "pvlanIsolation", "macChange", "forgedTransmit", "macLimit", "bpduFiltered", "ingressFilter",
    "egressFilter", "ingressShaper", "egressShaper", "unknownUnicast", "multicastNotMember",
    "reversePath", "sourceIsLocal", "noUplink", "uplinkDown", "queueFull", "attachmentFull",
    "checksum", "noBuffer", "hairpin", "reservedAddress",
  ]

  @Test func namesAndTheirOrderAreStable() {
    #expect(Array(DropReason.allCases.map(\.name).prefix(Self.names.count)) == Self.names)
  }

  @Test func aNameIsReadAgain() {
    for reason in DropReason.allCases { #expect(DropReason(name: reason.name) == reason) }
    #expect(DropReason(name: "PortDown") == nil && DropReason(name: "") == nil)
  }

  @Test func rawValuesCountFromZero() {
    #expect(DropReason.allCases.map { Int($0.rawValue) } == Array(DropReason.allCases.indices))
  }

  @Test func noPortIsNotAPort() {
    #expect(PortIndex.none.index == 65_535 && PortIndex(3) < PortIndex(4))
  }

  @Test func anOrdinaryFrameHasNoWorkLeft() {
    #expect(!Offload.none.needsChecksum && !Offload.none.needsSegmentation)
    #expect(Offload(flags: Offload.needsChecksumFlag).needsChecksum)
    #expect(Offload(segmentation: .tcp6).needsSegmentation)
  }
}
