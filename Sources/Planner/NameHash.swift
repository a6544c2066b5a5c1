// Numbers that follow from names alone, so that they are the same after a restart.

internal import Base
internal import Model
internal import Wire

extension UInt64 {
  /// FNV-1a of the names, with a stroke between them.
  init(hashOf names: String...) {
    self = 0xCBF2_9CE4_8422_2325
    for byte in names.joined(separator: "/").utf8 {
      self = (self ^ UInt64(byte)) &* 0x100_0000_01B3
    }
  }
}

extension MACAddress {
  /// The address that an uplink of a switch sends beacons from: locally administered, 02:….
  static func uplink(_ uplink: String, switch name: String, host: String) -> MACAddress {
    let hash = UInt64(hashOf: host, name, uplink)
    return MACAddress(rawValue: 0x0200_0000_0000 | (hash ^ hash >> 40) & 0xFF_FFFF_FFFF)
  }
}

extension HostSwitch {
  /// What tells the beacons of this switch on this host from all others; with another `random` another.
  func beaconIdentity(random: UInt64) -> UInt64 {
    var mixer = SeededRandom(seed: UInt64(hashOf: host, name) ^ random)
    return mixer.next()
  }
}
