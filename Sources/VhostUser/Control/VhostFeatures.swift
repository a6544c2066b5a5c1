// Feature bits: of virtio-net (virtio 1.2, 5.1.3 and 6) and of the vhost-user protocol.

internal import Attachments

/// What driver and device agree on.
package struct VirtioFeatures: OptionSet, Hashable, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  private init(bit: Int) { rawValue = 1 << UInt64(bit) }

  /// The driver may leave checksums to us.
  package static let checksum = VirtioFeatures(bit: 0)
  /// The driver takes frames with partial checksums.
  package static let guestChecksum = VirtioFeatures(bit: 1)
  package static let mtu = VirtioFeatures(bit: 3)
  package static let guestTSO4 = VirtioFeatures(bit: 7)
  package static let guestTSO6 = VirtioFeatures(bit: 8)
  package static let guestECN = VirtioFeatures(bit: 9)
  package static let hostTSO4 = VirtioFeatures(bit: 11)
  package static let hostTSO6 = VirtioFeatures(bit: 12)
  package static let hostECN = VirtioFeatures(bit: 13)
  package static let mergeableBuffers = VirtioFeatures(bit: 15)
  package static let multiQueue = VirtioFeatures(bit: 22)
  /// VHOST_F_LOG_ALL: dirty pages are noted, for a migration.
  package static let logAll = VirtioFeatures(bit: 26)
  package static let anyLayout = VirtioFeatures(bit: 27)
  package static let indirect = VirtioFeatures(bit: 28)
  package static let eventIndex = VirtioFeatures(bit: 29)
  /// VHOST_USER_F_PROTOCOL_FEATURES.
  package static let protocolFeatures = VirtioFeatures(bit: 30)
  package static let version1 = VirtioFeatures(bit: 32)
  package static let guestUSO4 = VirtioFeatures(bit: 54)
  package static let guestUSO6 = VirtioFeatures(bit: 55)
  package static let hostUSO = VirtioFeatures(bit: 56)

  private static let names: [(VirtioFeatures, String)] = [
    (.checksum, "csum"), (.guestChecksum, "guestCsum"), (.mtu, "mtu"), (.guestTSO4, "guestTso4"),
    (.guestTSO6, "guestTso6"), (.guestECN, "guestEcn"), (.hostTSO4, "hostTso4"),
    (.hostTSO6, "hostTso6"), (.hostECN, "hostEcn"), (.mergeableBuffers, "mrgRxbuf"),
    (.multiQueue, "mq"), (.logAll, "logAll"), (.anyLayout, "anyLayout"),
    (.indirect, "indirectDesc"), (.eventIndex, "eventIdx"),
    (.protocolFeatures, "protocolFeatures"), (.version1, "version1"),
    (.guestUSO4, "guestUso4"), (.guestUSO6, "guestUso6"), (.hostUSO, "hostUso"),
  ]

  /// For people and JSON, as the specification calls them.
  package var featureNames: [String] {
    Self.names.filter { contains($0.0) }.map(\.1)
  }

  /// What a port offers.
  package static func offered(_ settings: VhostUserSettings) -> VirtioFeatures {
    var result: VirtioFeatures = [
      .mtu, .mergeableBuffers, .logAll, .anyLayout, .indirect, .eventIndex, .protocolFeatures,
      .version1,
    ]
    if settings.limits.queuePairs > 1 { result.insert(.multiQueue) }
    let offloads = settings.offloads
    guard offloads.contains(.checksum) else { return result }
    result.formUnion([.checksum, .guestChecksum])
    if offloads.contains(.tcp4) { result.formUnion([.hostTSO4, .guestTSO4]) }
    if offloads.contains(.tcp6) { result.formUnion([.hostTSO6, .guestTSO6]) }
    if !offloads.isDisjoint(with: [.tcp4, .tcp6]) { result.formUnion([.hostECN, .guestECN]) }
    if offloads.contains(.udp) { result.formUnion([.hostUSO, .guestUSO4, .guestUSO6]) }
    return result
  }

  /// What the guest takes as it is.
  var guestOffloads: OffloadSet {
    guard contains(.guestChecksum) else { return [] }
    var result: OffloadSet = [.checksum]
    if contains(.guestTSO4) { result.insert(.tcp4) }
    if contains(.guestTSO6) { result.insert(.tcp6) }
    if isSuperset(of: [.guestUSO4, .guestUSO6]) { result.insert(.udp) }
    return result
  }

  /// The terms that frames are moved on.
  var terms: PortRings.Terms {
    PortRings.Terms(
      headerBytes: isDisjoint(with: [.version1, .mergeableBuffers]) ? 10 : 12,
      mergesBuffers: contains(.mergeableBuffers), allowsIndirect: contains(.indirect),
      readsHeaders: !isDisjoint(with: [.checksum, .hostTSO4, .hostTSO6, .hostUSO]),
      offloads: guestOffloads)
  }
}

/// What front end and back end agree on (VHOST_USER_PROTOCOL_F_*).
package struct ProtocolFeatures: OptionSet, Hashable, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  private init(bit: Int) { rawValue = 1 << UInt64(bit) }

  package static let multiQueue = ProtocolFeatures(bit: 0)
  package static let logSharedMemory = ProtocolFeatures(bit: 1)
  package static let reverseARP = ProtocolFeatures(bit: 2)
  package static let replyAcknowledge = ProtocolFeatures(bit: 3)
  package static let mtu = ProtocolFeatures(bit: 4)
  package static let memorySlots = ProtocolFeatures(bit: 15)

  package static let offered: ProtocolFeatures = [
    .multiQueue, .logSharedMemory, .reverseARP, .replyAcknowledge, .mtu, .memorySlots,
  ]
}
