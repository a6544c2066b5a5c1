// Networks for these tests, put together from lines of YAML.
//
// VMs have one letter: `a` has the address 00:50:56:00:00:01 and 10.0.0.1/24, and so on; all are in one
// subnet, so that only the switch keeps them apart.

import Base
import Wire

/// A distributed switch on its hosts. Uplink n of each host is on physical switch torN; those are in a row.
///
/// - Parameters:
///   - areLinked: the physical switches make one network; else each is one of its own.
///   - settings: lines of the switch.
///   - groups: port groups, each a line such as `{ name: web, vlan: 10 }`.
///   - vms: what `vm` makes.
func network(
  hosts: Int = 1, uplinks: Int = 1, areLinked: Bool = true, settings: [String] = [],
  groups: [String], vms: [String]
) -> String {
  let numbers = 1...max(1, uplinks)
  let nics = numbers.map { "vmnic\($0 - 1): tor\($0)" }.joined(separator: ", ")
  let places = numbers.map { "uplink\($0): vmnic\($0 - 1)" }.joined(separator: ", ")
  let names = numbers.map { "uplink\($0)" }.joined(separator: ", ")
  var lines = ["apiVersion: martlet/v1", "kind: Topology", "name: policy", "physicalSwitches:"]
  lines += numbers.map { number in
    let links = areLinked && number < uplinks ? ", links: [tor\(number + 1)]" : ""
    return "  - { name: tor\(number)\(links) }"
  }
  lines.append("hosts:")
  lines += (1...hosts).map { "  - { name: host\($0), nics: { \(nics) } }" }
  lines += ["distributedSwitches:", "  - name: dvs1", "    uplinks: [\(names)]", "    hosts:"]
  lines += (1...hosts).map { "      - { name: host\($0), uplinks: { \(places) } }" }
  lines += settings.map { "    \($0)" }
  lines += ["    portgroups:"] + groups.map { "      - \($0)" }
  lines += ["vms:"] + vms.map { "  - \($0)" }
  return lines.joined(separator: "\n") + "\n"
}

/// A VM with one nic.
///
/// - Parameter more: further keys of the nic, such as `port: { id: 7 }`.
func vm(_ letter: Character, _ group: String, on host: String = "host1", _ more: String = "")
  -> String
{
  let keys = [
    "portgroup: \(group)", "mac: \"\(mac(letter))\"", "addresses: [10.0.0.\(number(letter))/24]",
    more,
  ]
  let nic = keys.filter { !$0.isEmpty }.joined(separator: ", ")
  return "{ name: \(letter), host: \(host), nics: [{ \(nic) }] }"
}

private func number(_ letter: Character) -> UInt64 {
  guard let value = letter.asciiValue, (97...122).contains(value) else {
    preconditionFailure("VMs are called a to z")
  }
  return UInt64(value - 96)
}

/// The address of a VM's nic.
func mac(_ letter: Character) -> MACAddress {
  MACAddress(rawValue: 0x0050_5600_0000 | number(letter))
}

/// An address that no VM has: locally administered.
func stranger(_ number: UInt64) -> MACAddress {
  MACAddress(rawValue: 0x0200_5E00_0000 | number)
}

/// A multicast address of no protocol.
func group(_ number: UInt64) -> MACAddress {
  MACAddress(rawValue: 0x0300_5E00_0000 | number)
}

/// One uplink works, the other waits: where a frame leaves is known.
let uplink1First =
  "policy: { teaming: { policy: failover_explicit, activeUplinks: [uplink1], "
  + "standbyUplinks: [uplink2] } }"
