// Checks nics whose guests are behind vhost-user: what their sockets are.

internal import Base

/// The sockets that nics name, by host: each is for one.
struct UsedSockets {
  private struct Key: Hashable {
    var host: String
    var path: String
  }

  private var users: [Key: (subject: String, location: SourceLocation?)] = [:]

  /// Who named the path before; nil, and noted, when nobody did.
  mutating func claim(
    _ path: String, onHost host: String, _ subject: String, at location: SourceLocation?
  ) -> (subject: String, location: SourceLocation?)? {
    let key = Key(host: host, path: path)
    if let other = users[key] { return other }
    users[key] = (subject, location)
    return nil
  }
}

extension TopologyCheck {
  func checkVhostUser(
    of nic: VirtualMachine.NIC, onHost host: String, _ subject: String, _ sockets: inout UsedSockets
  ) {
    guard let vhostUser = nic.vhostUser else { return }
    let owner = "vhostUser of \(subject)"
    if !VhostUserSocket.queuesRange.contains(vhostUser.queues) {
      let range = VhostUserSocket.queuesRange
      log.add(
        owner, "`queues` is \(vhostUser.queues), which is out of range",
        remedy: "write a number from \(range.lowerBound) to \(range.upperBound)",
        at: vhostUser.origin.location(of: "queues"))
    }
    guard let path = vhostUser.path else { return }
    let location = vhostUser.origin.location(of: "socket")
    if path == nic.qmp {
      log.add(
        owner, "`socket` is the `qmp` of the same nic", remedy: "write another path", at: location)
    } else if let other = sockets.claim(path, onHost: host, subject, at: location) {
      let place = other.location.map { " on line \($0.line)" } ?? ""
      log.add(
        owner, "the socket `\(path.excerpt)` is already that of \(other.subject)\(place)",
        remedy: "write another, or leave `socket` out to have one named after VM and nic",
        at: location)
    }
  }
}
