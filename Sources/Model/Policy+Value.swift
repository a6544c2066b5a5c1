// Policies, VLANs and the settings of switches as the values that a file would hold. Bandwidths and
// sizes are written as plain numbers, which say the same to everybody.

internal import Base
internal import Wire

extension Policy {
  var value: JSONObject {
    var object: JSONObject = [:]
    object["blocked"] = blocked.map { .bool($0) }
    object.set("security", security.value)
    object.set("macLearning", macLearning.value)
    object.set("inShaping", inShaping.value)
    object.set("outShaping", outShaping.value)
    object["filter"] = filter.map { .array($0.map(\.value)) }
    object.set("teaming", teaming.value)
    return object
  }
}

extension SecurityPolicy {
  fileprivate var value: JSONObject {
    var object: JSONObject = [:]
    object["allowPromiscuous"] = allowPromiscuous.map { .bool($0) }
    object["macChanges"] = macChanges.map { .bool($0) }
    object["forgedTransmits"] = forgedTransmits.map { .bool($0) }
    object["blockGuestBPDU"] = blockGuestBPDU.map { .bool($0) }
    object["reversePathCheckPromiscuous"] = reversePathCheckPromiscuous.map { .bool($0) }
    return object
  }
}

extension MACLearningPolicy {
  fileprivate var value: JSONObject {
    var object: JSONObject = [:]
    object["enabled"] = enabled.map { .bool($0) }
    object["allowUnicastFlooding"] = allowUnicastFlooding.map { .bool($0) }
    object["limit"] = limit.map { .int($0) }
    object["limitPolicy"] = limitPolicy.map { .string($0.rawValue) }
    return object
  }
}

extension ShapingPolicy {
  fileprivate var value: JSONObject {
    var object: JSONObject = [:]
    object["enabled"] = enabled.map { .bool($0) }
    object["averageBandwidth"] = averageBandwidth.map { .int($0) }
    object["peakBandwidth"] = peakBandwidth.map { .int($0) }
    object["burstSize"] = burstSize.map { .int($0) }
    return object
  }
}

extension TeamingPolicy {
  fileprivate var value: JSONObject {
    var object: JSONObject = [:]
    object["policy"] = policy.map { .string($0.rawValue) }
    object["activeUplinks"] = activeUplinks.map { .array($0.map { .string($0) }) }
    object["standbyUplinks"] = standbyUplinks.map { .array($0.map { .string($0) }) }
    object["failureDetection"] = failureDetection.map { .string($0.rawValue) }
    object["failback"] = failback.map { .bool($0) }
    object["notifySwitches"] = notifySwitches.map { .bool($0) }
    object["loadThresholdPercent"] = loadThresholdPercent.map { .int($0) }
    object["loadInterval"] = loadInterval.map { .int($0) }
    return object
  }
}

extension FilterRule {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["name": .string(name)]
    if direction != .both { object["direction"] = .string(direction.rawValue) }
    object["sourceMAC"] = sourceMAC.map { .string($0.description) }
    object["destinationMAC"] = destinationMAC.map { .string($0.description) }
    object["etherType"] = etherType.map { type in
      type.word.map { .string($0) } ?? .int(Int(type.rawValue))
    }
    object["vlan"] = vlan?.value
    object["source"] = source.map { .string($0.description) }
    object["destination"] = destination.map { .string($0.description) }
    object["protocol"] = `protocol`.map { number in
      number.word.map { .string($0) } ?? .int(Int(number.rawValue))
    }
    object.set("sourcePorts", sourcePorts.map(\.value))
    object.set("destinationPorts", destinationPorts.map(\.value))
    object["tcpFlags"] = tcpFlags.map { .array($0.words.map { .string($0) }) }
    object["fragment"] = fragment.map { .bool($0) }
    object["action"] = action.value
    return .object(object)
  }
}

extension FilterRange {
  fileprivate var value: JSONValue { low == high ? .int(Int(low)) : .string(description) }
}

extension FilterAction {
  fileprivate var value: JSONValue {
    switch self {
    case .allow: return "allow"
    case .drop: return "drop"
    case .tag(let cos, let dscp):
      var tag: JSONObject = [:]
      tag["cos"] = cos.map { .int(Int($0)) }
      tag["dscp"] = dscp.map { .int(Int($0)) }
      return ["tag": .object(tag)]
    }
  }
}

extension VLANSetting {
  func value(on kind: SwitchKind) -> JSONValue {
    switch (self, kind) {
    case (.none, _): 0
    case (.access(let vlan), _): .int(Int(vlan))
    case (.privateVLAN(let secondary), _): ["pvlan": .int(Int(secondary))]
    case (.trunk, .standard): 4095
    case (.trunk(let trunk), .distributed): trunk.value
    }
  }
}

extension VLANRanges {
  fileprivate var value: JSONValue {
    ["trunk": .array(ranges.map { FilterRange($0).value })]
  }
}

extension SwitchSettings {
  /// Adds what differs from the defaults to a switch.
  func add(to object: inout JSONObject) {
    if multicastFiltering != .basic {
      object["multicastFiltering"] = .string(multicastFiltering.rawValue)
    }
    object.set("multicastSnooping", multicastSnooping.value)
    object.set("beacon", beacon.value)
    if uplinkUpDelay != SwitchSettings().uplinkUpDelay {
      object["uplinkUpDelay"] = .int(uplinkUpDelay)
    }
    object.set(
      "privateVlans",
      privateVlans.map { row in
        [
          "primary": .int(Int(row.primary)), "secondary": .int(Int(row.secondary)),
          "type": .string(row.type.rawValue),
        ]
      })
    guard let uplinkPortgroup else { return }
    var group: JSONObject = ["name": .string(uplinkPortgroup.name)]
    if uplinkPortgroup.vlan != .all { group["vlan"] = uplinkPortgroup.vlan.value }
    group.set("policy", uplinkPortgroup.policy.value)
    object["uplinkPortgroup"] = .object(group)
  }
}

extension MulticastSnooping {
  fileprivate var value: JSONObject {
    let usual = MulticastSnooping()
    var object: JSONObject = [:]
    if querier != usual.querier { object["querier"] = .bool(querier) }
    if queryInterval != usual.queryInterval { object["queryInterval"] = .int(queryInterval) }
    if robustness != usual.robustness { object["robustness"] = .int(robustness) }
    if igmpVersion != usual.igmpVersion { object["igmpVersion"] = .int(igmpVersion) }
    if mldVersion != usual.mldVersion { object["mldVersion"] = .int(mldVersion) }
    return object
  }
}

extension BeaconSettings {
  fileprivate var value: JSONObject {
    let usual = BeaconSettings()
    var object: JSONObject = [:]
    if etherType != usual.etherType { object["etherType"] = .int(Int(etherType)) }
    if interval != usual.interval { object["interval"] = .int(interval) }
    if misses != usual.misses { object["misses"] = .int(misses) }
    return object
  }
}
