// The devices of a lab: bridges, cables, addresses. Each is made in its namespace at once, so that
// none ever shows in the machine's own network.

internal import Base
internal import Linux
internal import Model
internal import Netlink
internal import Wire

enum LabDevices {
  /// - Thread: inside the namespace.
  static func raiseLoopback() throws(Failure) { try NetlinkSocket().setUp("lo") }

  /// Makes the bridge of a physical switch: no spanning tree, ports forward at once, multicast
  /// goes everywhere.
  static func makeBridge(in namespace: NetworkNamespace) throws(Failure) {
    var options = BridgeOptions()
    options.mtuBytes = LabPlan.physicalMTU
    try NetlinkSocket(in: namespace).createBridge(LabPlan.bridge, options)
  }

  /// Makes a veth pair with each end in its namespace, plugged in and up.
  static func lay(
    _ cable: LabPlan.Cable, in namespaces: (String) -> NetworkNamespace
  ) throws(Failure) {
    let ends = [cable.first, cable.second].map { end in
      VethEnd(
        end.device, in: namespaces(end.namespace), mtuBytes: end.mtu, isUp: !end.isBridgePort)
    }
    try NetlinkSocket.createVethPair(ends[0], ends[1])
    for end in [cable.first, cable.second] where end.isBridgePort {
      let socket = try NetlinkSocket(in: namespaces(end.namespace))
      try socket.setMaster(.name(LabPlan.bridge), of: .name(end.device))
      try socket.setUp(.name(end.device))
    }
  }

  /// Whether the device of a port can be given its addresses. A blocked port never is up, and its device
  /// comes a moment after it.
  static func isReady(_ device: String, _ state: PortState, in namespace: NetworkNamespace)
    throws(Failure) -> Bool
  {
    switch state {
    case .up: true
    case .blocked: try NetlinkSocket(in: namespace).link(.name(device))?.isUp ?? false
    case .down, .fenced: false
    }
  }

  /// Gives a device of a VM its addresses.
  static func give(_ addresses: [IPPrefix], to device: String, in namespace: NetworkNamespace)
    throws(Failure)
  {
    guard !addresses.isEmpty else { return }
    let socket = try NetlinkSocket(in: namespace)
    for address in addresses { try socket.addAddress(address, to: .name(device)) }
  }
}
