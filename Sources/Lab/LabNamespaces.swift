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
    let settings = node.kind == .vm ? Self.vmSettings : Self.quietSettings
    try namespace.run { () throws(Failure) in
      for (path, value) in settings { try Self.set(path, value) }
      try LabDevices.raiseLoopback()
    }
    return namespace
  }

  private static let quietSettings = [
    ("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1"),
  ]

  private static let vmSettings = [
    ("ipv6/conf/default/accept_dad", "0"), ("ipv6/conf/default/dad_transmits", "0"),
    ("ipv6/conf/default/accept_ra", "0"), ("ipv6/conf/default/router_solicitations", "0"),
  ]

  /// A kernel without IPv6 is quiet by itself.
  private static func set(_ path: String, _ value: String) throws(Failure) {
    guard (try? listDirectory("/proc/sys/net/ipv6")) != nil else { return }
    try writeKernelSetting(value, "/proc/sys/net/\(path)")
  }
}
