// The devices of a lab: bridges, cables, addresses.

internal import Base
internal import Linux
internal import Wire

enum LabDevices {
  /// - Thread: inside the namespace.
  static func raiseLoopback() throws(Failure) { try ip("link", "set", "lo", "up") }

  /// Makes the bridge of a physical switch: no spanning tree, ports forward at once, multicast
  /// goes everywhere.
  static func makeBridge(in namespace: NetworkNamespace) throws(Failure) {
    let name = namespace.name ?? ""
    try ip(
      "-n", name, "link", "add", LabPlan.bridge, "mtu", "\(LabPlan.physicalMTU)", "type", "bridge",
      "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
    try ip("-n", name, "link", "set", LabPlan.bridge, "up")
  }

  /// Makes a veth pair with each end in its namespace, both up.
  static func lay(_ cable: LabPlan.Cable) throws(Failure) {
    try ip(
      "-n", cable.first.namespace, "link", "add", cable.first.device, "mtu", "\(cable.first.mtu)",
      "type", "veth", "peer", "name", cable.second.device, "mtu", "\(cable.second.mtu)", "netns",
      cable.second.namespace)
    for end in [cable.first, cable.second] {
      if end.isBridgePort {
        try ip("-n", end.namespace, "link", "set", end.device, "master", LabPlan.bridge)
      }
      try ip("-n", end.namespace, "link", "set", end.device, "up")
    }
  }

  /// Gives a device of a VM its addresses.
  static func give(_ addresses: [IPPrefix], to device: String, in namespace: NetworkNamespace)
    throws(Failure)
  {
    for address in addresses {
      var words = ["-n", namespace.name ?? "", "address", "replace", "\(address)", "dev", device]
      if case .v6 = address.address { words.append("nodad") }
      try ip(words)
    }
  }

  private static func ip(_ words: String...) throws(Failure) { try ip(words) }

  private static func ip(_ words: [String]) throws(Failure) {
    let report = try ChildProcess.run(.init(["ip"] + words))
    guard report.ending.isSuccess else {
      throw Failure("ip \(words)", why: report.errors, remedy: "look")
    }
  }
}
