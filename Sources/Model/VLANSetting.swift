// Which VLAN a port group puts its ports in (vSphere: EST, VST and VGT).
//
//   none     frames pass without a tag                                    vlan: 0
//   access   the switch tags towards the uplinks and strips for the VM    vlan: 10
//   trunk    the VM tags for itself, within the ranges                    vlan: {trunk: [0-99, 200]}
//   private  a row of the switch's map of private VLANs says who it reaches   vlan: {pvlan: 101}
//
// On a standard switch `vlan: 4095` is the trunk of all VLANs; a distributed switch refuses it.

/// The VLAN of a port group.
public enum VLANSetting: Hashable, Sendable {
  case none
  /// 1-4094.
  case access(UInt16)
  case trunk(VLANRanges)
  /// The secondary VLAN of a row of the switch's map; for a promiscuous port the primary.
  case privateVLAN(UInt16)
}

extension VLANSetting: CustomStringConvertible {
  private static let privateWord = "pvlan "

  /// `0`, `10`, `0-99,200` or `pvlan 101`: as tables print it.
  public var description: String {
    switch self {
    case .none: "0"
    case .access(let vlan): "\(vlan)"
    case .trunk(let ranges): ranges.description
    case .privateVLAN(let secondary): "\(Self.privateWord)\(secondary)"
    }
  }
}

extension VLANSetting: Codable {
  /// A number for none and access, text for the others.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .none: try container.encode(UInt16(0))
    case .access(let vlan): try container.encode(vlan)
    case .trunk, .privateVLAN: try container.encode(description)
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(UInt16.self), number <= VLANRanges.highest {
      self = number == 0 ? .none : .access(number)
      return
    }
    let text = try container.decode(String.self)
    if text.hasPrefix(Self.privateWord),
      let number = UInt16(text.dropFirst(Self.privateWord.count)),
      (1...VLANRanges.highest).contains(number)
    {
      self = .privateVLAN(number)
      return
    }
    guard let ranges = VLANRanges(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a VLAN setting")
    }
    self = .trunk(ranges)
  }
}

/// A set of VLAN identifiers within 0-4094, in which 0 stands for frames without a tag.
///
/// Invariant: ranges ascend, and neither touch nor overlap.
public struct VLANRanges: Hashable, Sendable {
  /// The highest identifier that a frame may carry.
  public static let highest: UInt16 = 4094

  public let ranges: [ClosedRange<UInt16>]

  /// Every VLAN, and frames without a tag.
  public static let all = VLANRanges([0...highest])

  /// Merges ranges, which may overlap, in any order. Traps above 4094.
  public init(_ ranges: [ClosedRange<UInt16>]) {
    var merged: [ClosedRange<UInt16>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      precondition(range.upperBound <= Self.highest, "VLAN \(range.upperBound) in a trunk")
      if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    self.ranges = merged
  }

  public func contains(_ vlan: UInt16) -> Bool { ranges.contains { $0.contains(vlan) } }
}

extension VLANRanges: LosslessStringConvertible {
  /// `0-99,200`.
  public var description: String {
    ranges.map { range in
      range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }.joined(separator: ",")
  }

  /// Reads what `description` writes.
  public init?(_ description: String) {
    var ranges: [ClosedRange<UInt16>] = []
    for part in description.split(separator: ",", omittingEmptySubsequences: false) {
      let bounds = part.split(separator: "-", omittingEmptySubsequences: false)
      guard (1...2).contains(bounds.count), let low = UInt16(bounds[0]),
        let high = UInt16(bounds[bounds.count - 1]), low <= high, high <= Self.highest
      else { return nil }
      ranges.append(low...high)
    }
    self.init(ranges)
  }
}
