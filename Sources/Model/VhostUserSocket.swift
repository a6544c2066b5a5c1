// A nic whose guest is behind vhost-user: its memory is shared with the switch, and no device of the host is
// made for it. QEMU, or whoever runs the guest, meets the agent at a Unix socket.

/// Who makes the socket.
public enum VhostUserMode: String, CaseIterable, Hashable, Codable, Sendable {
  /// The agent listens, and the guest's side connects (QEMU `-chardev socket,path=…,reconnect=1`).
  case server
  /// The guest's side listens (QEMU `server=on,wait=off`), and the agent connects, again and again.
  case client
}

/// Where and how a guest behind vhost-user is met.
public struct VhostUserSocket: Hashable, Sendable {
  /// Pairs of queues that a guest may use; one worker serves them all.
  public static let queuesRange = 1...64
  public static let queuesDefault = 1
  public static let ownerRange = 0...Int(UInt32.max - 1)

  /// Absolute; nothing: `defaultName` in the folder of the agent's own socket.
  public var path: String?
  public var mode: VhostUserMode
  public var queues: Int
  /// The number of the user that QEMU runs as, where that is neither root nor the agent's.
  public var owner: UInt32?
  public var origin: Origin

  public init(
    path: String? = nil, mode: VhostUserMode = .server, queues: Int = queuesDefault,
    owner: UInt32? = nil, origin: Origin = Origin()
  ) {
    self.path = path
    self.mode = mode
    self.queues = queues
    self.owner = owner
    self.origin = origin
  }

  /// The name of the socket of a nic that names none: `web1-eth0.sock`.
  public static func defaultName(vm: String, device: String) -> String {
    "\(vm)-\(device).sock"
  }
}
