// The filter rules of the pipeline benchmark: lists as people write them, none of which matches the traffic,
// so that every frame is judged by all.

internal import Tables
internal import Wire

enum PipelineRules {
  /// `count` rules: hosts, prefixes, services and whole five-tuples in turn. The first names all five
  /// fields, so that lists of any length look at the same ones.
  static func list(_ count: Int) -> [FilterRule] {
    (0..<count).map { index in
      var rule = FilterRule(.drop)
      let number = UInt16(truncatingIfNeeded: index)
      let host = IPv4Address(rawValue: 0xC000_0200 + UInt32(index))
      let network = IPv4Address(rawValue: 0xC633_0000 + UInt32(index) << 8)
      switch index % 4 {
      case 0:
        rule.source = IPPrefix(.v4(host), length: 32)
        rule.destination = IPPrefix(.v4(network), length: 24)
        rule.protocol = .udp
        rule.sourcePorts = [1_024...65_535]
        rule.destinationPorts = [53...53]
      case 1:
        rule.protocol = .tcp
        rule.destinationPorts = [number...number]
      case 2: rule.source = IPPrefix(.v4(host), length: 32)
      default:
        rule.destination = IPPrefix(.v4(network), length: 24)
        rule.protocol = .tcp
        rule.destinationPorts = [8_000...8_080]
      }
      return rule
    }
  }
}
