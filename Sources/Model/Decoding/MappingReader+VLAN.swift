// Reads the VLAN of a port group or port: a number, a trunk of ranges, or a private VLAN.

internal import Base

extension MappingReader {
  private static let vlanRemedy =
    "write 0 for none, 1-4094, `{trunk: [0-99, 200]}` or `{pvlan: 101}`"

  /// 0, a VLAN, `{trunk: […]}` or `{pvlan: …}`; on a standard switch also 4095.
  func vlan(_ node: ConfigNode, on kind: SwitchKind) -> VLANSetting? {
    if node.entries != nil { return mapped(node, on: kind) }
    guard let scalar = node.scalar, !scalar.isQuoted, let number = Int(scalar.text) else {
      mistake(
        "`vlan` cannot be \(node.quotedText)", remedy: Self.vlanRemedy, at: node.location)
      return nil
    }
    switch (number, kind) {
    case (0, _): return VLANSetting.none
    case (1...4094, _): return .access(UInt16(number))
    case (4095, .standard): return .trunk(.all)
    case (4095, .distributed):
      mistake(
        "a distributed switch has no VLAN 4095",
        remedy: "write `vlan: {trunk: [0-4094]}` to pass every VLAN to the VM", at: node.location)
    default:
      mistake("VLAN \(number) is out of range", remedy: Self.vlanRemedy, at: node.location)
    }
    return nil
  }

  /// `{trunk: […]}` or `{pvlan: …}`.
  private func mapped(_ node: ConfigNode, on kind: SwitchKind) -> VLANSetting? {
    let reader = MappingReader(node, subject: subject, keys: ["trunk", "pvlan"], log: log)
    if let secondary = reader.value("pvlan") {
      if let both = reader.value("trunk") {
        mistake(
          "a port group is a trunk or in a private VLAN, not both",
          remedy: "remove `trunk` or `pvlan`", at: both.location)
      }
      return reader.integer(of: secondary, "`pvlan`", in: 1...Int(VLANRanges.highest)).map {
        .privateVLAN(UInt16($0))
      }
    }
    return reader.trunk(on: kind).map { .trunk($0) }
  }

  /// The ranges under `trunk`, which must be there.
  func trunk(on kind: SwitchKind) -> VLANRanges? {
    guard let list = required("trunk") else { return nil }
    guard kind == .distributed else {
      mistake(
        "a standard switch has no trunk ranges",
        remedy: "write `vlan: 4095` to pass every VLAN to the VM, or use a distributed switch",
        at: list.location)
      return nil
    }
    let elements = self.list("trunk", limit: TopologyLimit.rangesOfATrunk)
    let ranges = elements.compactMap { range($0) }
    guard list.elements?.count == ranges.count else { return nil }
    guard !ranges.isEmpty else {
      mistake(
        "the trunk has no VLAN", remedy: "write at least one, as `{trunk: [0-99, 200]}`",
        at: list.location)
      return nil
    }
    return VLANRanges(ranges)
  }

  /// `200` or `0-99`.
  private func range(_ node: ConfigNode) -> ClosedRange<UInt16>? {
    guard let scalar = node.scalar else {
      mistake(
        "a VLAN range cannot be \(node.shapeName)", remedy: "write it as `0-99` or `200`",
        at: node.location)
      return nil
    }
    let text = scalar.text.excerpt
    let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map {
      Int(digits: $0)
    }
    guard (1...2).contains(bounds.count), let low = bounds[0], let high = bounds[bounds.count - 1]
    else {
      mistake(
        "`\(text)` is not a VLAN range", remedy: "write it as `0-99` or `200`", at: node.location)
      return nil
    }
    guard max(low, high) <= Int(VLANRanges.highest) else {
      mistake(
        "VLAN \(max(low, high)) in a trunk is out of range",
        remedy: "write VLANs from 0 (without a tag) to \(VLANRanges.highest)", at: node.location)
      return nil
    }
    guard low <= high else {
      mistake(
        "the VLAN range `\(text)` is reversed", remedy: "write `\(high)-\(low)`",
        at: node.location)
      return nil
    }
    return UInt16(low)...UInt16(high)
  }
}
