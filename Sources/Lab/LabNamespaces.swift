// Makes the namespaces of a lab, and the settings that a quiet network needs.
//
// Hosts and physical switches have no IPv6 of their own: their kernels would send neighbour
// discovery and listener reports into a network that is being measured. VMs have it, without
// waiting for duplicate address detection (RFC 4862) and without looking for routers.

internal import Base
internal import Linux

/// Makes one namespace after the other, each written down first.
struct LabNamespaces {
  let folder: LabFolder

  /// Makes the namespace of a node.
  ///
  /// - Errors: the name is taken: that namespace is not touched, now or by `lab down`.
  func make(_ node: LabPlan.Node) throws(Failure) -> NetworkNamespace {
    try LabJournal.write(.namespaceIntended(node.namespace), in: folder)
    let namespace: NetworkNamespace
    do {
      namespace = try NetworkNamespace.create(named: node.namespace)
    } catch {
      // What was there before stays; `create` leaves nothing of its own.
      try LabJournal.write(.namespaceForeign(node.namespace), in: folder)
      throw error
    }
    try LabJournal.write(.namespaceMade(node.namespace, namespace.identity), in: folder)
    try namespace.run { () throws(Failure) in
      for (path, value) in Self.settings(of: node.kind) { try Self.set(path, value) }
      try LabDevices.raiseLoopback()
    }
    return namespace
  }

  private static func settings(of kind: LabPlan.Kind) -> [(path: String, value: String)] {
    switch kind {
    case .physicalSwitch: quietSettings + bridgeSettings
    case .host: quietSettings
    case .vm: vmSettings
    }
  }

  private static let quietSettings = [
    ("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1"),
  ]

  /// No packet filter in a bridge, also where br_netfilter is loaded, as container engines do.
  private static let bridgeSettings = [
    ("bridge/bridge-nf-call-iptables", "0"), ("bridge/bridge-nf-call-ip6tables", "0"),
    ("bridge/bridge-nf-call-arptables", "0"),
  ]

  private static let vmSettings = [
    ("ipv6/conf/default/accept_dad", "0"), ("ipv6/conf/default/dad_transmits", "0"),
    ("ipv6/conf/default/accept_ra", "0"), ("ipv6/conf/default/router_solicitations", "0"),
  ]

  /// A kernel without IPv6, or without br_netfilter, has nothing to set.
  private static func set(_ path: String, _ value: String) throws(Failure) {
    let parts = path.split(separator: "/")
    let folder = "/proc/sys/net/\(parts.dropLast().joined(separator: "/"))"
    guard (try? listDirectory(folder))?.contains(String(parts[parts.count - 1])) == true else {
      return
    }
    try writeKernelSetting(value, "/proc/sys/net/\(path)")
  }
}
