// A topology as the value that its file would hold, in the order of the documentation.
//
// The promise, held by tests: written as YAML and read again, it is the same topology. Defaults are
// left out, except addresses that were derived: they are written, so that they can no longer change.

public import Base
internal import Wire

extension Topology {
  /// What a topology file says for this topology.
  public var value: JSONValue {
    var object: JSONObject = [
      "apiVersion": .string(Self.apiVersion), "kind": .string(Self.kind), "name": .string(name),
    ]
    object.set("physicalSwitches", physicalSwitches.map(\.value))
    object.set("hosts", hosts.map(\.value))
    object.set("distributedSwitches", distributedSwitches.map(\.value))
    object.set("standardSwitches", standardSwitches.map(\.value))
    object.set("vms", vms.map(\.value))
    return .object(object)
  }
}

extension PhysicalSwitch {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["name": .string(name)]
    if kind != .bridge { object["kind"] = .string(kind.rawValue) }
    object.set("links", links.map { .string($0) })
    return .object(object)
  }
}

extension Host {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["name": .string(name)]
    object.set("nics", pairs: nics.map { ($0.name, $0.physicalSwitch) })
    return .object(object)
  }
}

extension DistributedSwitch {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["name": .string(name)]
    if mtu != Self.mtuDefault { object["mtu"] = .int(mtu) }
    object.set("uplinks", uplinks.map { .string($0) })
    object.set("hosts", hosts.map(\.value))
    object.set("policy", policy.value)
    object.set("portgroups", portgroups.map { $0.value(on: .distributed) })
    return .object(object)
  }
}

extension DistributedSwitch.Member {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["name": .string(host)]
    object.set("uplinks", pairs: uplinks.map { ($0.uplink, $0.nic) })
    return .object(object)
  }
}

extension StandardSwitch {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["host": .string(host), "name": .string(name)]
    if mtu != Self.mtuDefault { object["mtu"] = .int(mtu) }
    object.set("uplinks", uplinks.map { .string($0) })
    object.set("policy", policy.value)
    object.set("portgroups", portgroups.map { $0.value(on: .standard) })
    return .object(object)
  }
}

extension PortGroup {
  fileprivate func value(on kind: SwitchKind) -> JSONValue {
    var object: JSONObject = ["name": .string(name)]
    switch (vlan, kind) {
    case (.none, _): object["vlan"] = 0
    case (.access(let vlan), _): object["vlan"] = .int(Int(vlan))
    case (.trunk, .standard): object["vlan"] = 4095
    case (.trunk(let trunk), .distributed):
      object["vlan"] = [
        "trunk": .array(
          trunk.ranges.map { range in
            range.count == 1
              ? .int(Int(range.lowerBound)) : .string("\(range.lowerBound)-\(range.upperBound)")
          })
      ]
    }
    object.set("policy", policy.value)
    return .object(object)
  }
}

extension Policy {
  fileprivate var value: JSONObject {
    var security: JSONObject = [:]
    security["allowPromiscuous"] = self.security.allowPromiscuous.map { .bool($0) }
    security["macChanges"] = self.security.macChanges.map { .bool($0) }
    security["forgedTransmits"] = self.security.forgedTransmits.map { .bool($0) }
    var learning: JSONObject = [:]
    learning["enabled"] = macLearning.enabled.map { .bool($0) }
    learning["allowUnicastFlooding"] = macLearning.allowUnicastFlooding.map { .bool($0) }
    learning["limit"] = macLearning.limit.map { .int($0) }
    learning["limitPolicy"] = macLearning.limitPolicy.map { .string($0.rawValue) }
    var team: JSONObject = [:]
    team["policy"] = teaming.policy.map { .string($0.rawValue) }
    team["activeUplinks"] = teaming.activeUplinks.map { .array($0.map { .string($0) }) }
    team["standbyUplinks"] = teaming.standbyUplinks.map { .array($0.map { .string($0) }) }
    team["failureDetection"] = teaming.failureDetection.map { .string($0.rawValue) }
    team["failback"] = teaming.failback.map { .bool($0) }
    team["notifySwitches"] = teaming.notifySwitches.map { .bool($0) }
    var object: JSONObject = [:]
    object.set("security", security)
    object.set("macLearning", learning)
    object.set("teaming", team)
    return object
  }
}

extension VirtualMachine {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["name": .string(name), "host": .string(host)]
    object.set(
      "nics",
      nics.map { nic in
        var object: JSONObject = [
          "portgroup": .string(nic.portgroup), "mac": .string(nic.mac.description),
        ]
        object.set("addresses", nic.addresses.map { .string($0.description) })
        return .object(object)
      })
    return .object(object)
  }
}

extension JSONObject {
  /// Sets a key to a list, unless it is empty.
  fileprivate mutating func set(_ key: String, _ values: [JSONValue]) {
    if !values.isEmpty { self[key] = .array(values) }
  }

  /// Sets a key to an object, unless it is empty.
  fileprivate mutating func set(_ key: String, _ object: JSONObject) {
    if !object.members.isEmpty { self[key] = .object(object) }
  }

  fileprivate mutating func set(_ key: String, pairs: [(String, String)]) {
    set(key, JSONObject(pairs.map { Member($0.0, .string($0.1)) }))
  }
}
