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
    settings.add(to: &object)
    object.set("portgroups", portgroups.map { $0.value(on: .distributed) })
    return .object(object)
  }
}

extension DistributedSwitch.Member {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["name": .string(host)]
    object.set("uplinks", pairs: uplinks.map { ($0.uplink, $0.nic) })
    if attachment != .auto { object["attachment"] = .string(attachment.rawValue) }
    return .object(object)
  }
}

extension StandardSwitch {
  fileprivate var value: JSONValue {
    var object: JSONObject = ["host": .string(host), "name": .string(name)]
    if mtu != Self.mtuDefault { object["mtu"] = .int(mtu) }
    object.set("uplinks", uplinks.map { .string($0) })
    if attachment != .auto { object["attachment"] = .string(attachment.rawValue) }
    object.set("policy", policy.value)
    settings.add(to: &object)
    object.set("portgroups", portgroups.map { $0.value(on: .standard) })
    return .object(object)
  }
}

extension PortGroup {
  fileprivate func value(on kind: SwitchKind) -> JSONValue {
    var object: JSONObject = ["name": .string(name), "vlan": vlan.value(on: kind)]
    if binding != .static { object["binding"] = .string(binding.rawValue) }
    if allocation != .elastic { object["allocation"] = .string(allocation.rawValue) }
    if numPorts != Self.portsDefault { object["numPorts"] = .int(numPorts) }
    object.set(
      "allowOverride",
      PolicyOverride.allCases.filter(allowOverride.contains).map { .string($0.rawValue) })
    if !resetAtDisconnect { object["resetAtDisconnect"] = false }
    object.set("policy", policy.value)
    return .object(object)
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
        if !nic.isConnected { object["connected"] = false }
        object["qmp"] = nic.qmp.map { .string($0) }
        object["qmpNic"] = nic.qmpNic.map { .string($0) }
        object["vhostUser"] = nic.vhostUser?.value
        object["port"] = nic.port?.value
        return .object(object)
      })
    return .object(object)
  }
}

extension VhostUserSocket {
  /// Empty when all is as it is by default: that a guest is behind vhost-user is said by the key.
  fileprivate var value: JSONValue {
    var object: JSONObject = [:]
    object["socket"] = path.map { .string($0) }
    if mode != .server { object["mode"] = .string(mode.rawValue) }
    if queues != Self.queuesDefault { object["queues"] = .int(queues) }
    object["owner"] = owner.map { .int(Int($0)) }
    return .object(object)
  }
}

extension PortSettings {
  fileprivate var value: JSONValue {
    var object: JSONObject = [:]
    object["id"] = id.map { .int(Int($0)) }
    object["vlan"] = vlan?.value(on: .distributed)
    object.set("policy", policy.value)
    return .object(object)
  }
}

extension JSONObject {
  /// Sets a key to a list, unless it is empty.
  mutating func set(_ key: String, _ values: [JSONValue]) {
    if !values.isEmpty { self[key] = .array(values) }
  }

  /// Sets a key to an object, unless it is empty.
  mutating func set(_ key: String, _ object: JSONObject) {
    if !object.members.isEmpty { self[key] = .object(object) }
  }

  fileprivate mutating func set(_ key: String, pairs: [(String, String)]) {
    set(key, JSONObject(pairs.map { Member($0.0, .string($0.1)) }))
  }
}
