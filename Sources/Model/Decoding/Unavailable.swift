// What the schema knows and this version of Martlet does not do yet.
//
// Such a key is refused with its own words: neither "unknown", which would send the reader looking
// for a slip of the keyboard, nor silence, which would let it seem to hold. This file is the whole list:
//
//   physicalSwitches   kind: ovs

internal import Base

enum Unavailable {
  static let physicalSwitchKinds = [PhysicalSwitch.Kind.ovs.rawValue]
}

extension MistakeLog {
  /// Refuses something that a later version will do.
  func add(
    unavailable feature: String, _ subject: String, remedy: String = "remove it",
    at location: SourceLocation?
  ) {
    add(
      subject, "`\(feature)` is not available in this version of Martlet", remedy: remedy,
      at: location)
  }
}

extension TopologyCheck {
  func checkAvailability(_ physical: PhysicalSwitch, _ subject: String) {
    guard physical.kind == .ovs else { return }
    log.add(
      unavailable: "kind: ovs", subject, remedy: "use `kind: bridge`",
      at: physical.origin.location(of: "kind"))
  }
}
