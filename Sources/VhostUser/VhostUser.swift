// vhost-user: a VM's network card at memory speed (virtio 1.2, 2.7 and 5.1; QEMU docs/interop/vhost-user).
//
// The guest's memory is mapped here. Its driver puts buffers into rings in that memory; the worker of the
// switch moves frames in and out of them. A socket to the front end (QEMU, DPDK's virtio-user) says where
// memory and rings are. We are the back end, and either listen or connect; the front end may vanish and
// come back at any time.
//
//   control thread                                       worker
//   VhostUserService ── VhostEndpoint (listen, connect)
//        FrontEndConnection (bytes, descriptors)
//            FrontEndSession (what the messages say)     VhostUserAttachment
//                    │ installs                              │ enters, one batch, leaves
//                    └──────────────► PortRings ◄────────────┘
//                                       GuestRing × queues, MemoryView, DirtyLog
//
// - Memory/: `MappedRegion` maps a file of the front end, `GuestMemory` is a table of them, `MemoryView` finds
//   an address in it. A file that shrinks under us raises SIGBUS; the handler (CLinux) puts zeroes there
//   and marks the memory as lost, and the worker cuts the front end off after its batch.
// - Ring/: `GuestRing` is one split virtqueue; `ChainReader` follows what the guest put in, on private
//   copies of every descriptor, with a bound on everything.
// - Control/: messages in, one reply out; nothing there is touched by the worker.
//
// The hand-over: the worker owns `PortRings` while it is between `enter` and `leave`, once a batch; the
// control thread takes it the same way to install another set of rings. Neither waits for a system call of
// the other, so a message that stops a ring (GET_VRING_BASE) is answered when it has stopped, exactly.
//
// Nothing that comes from the front end is believed: whatever breaks a rule cuts it off with a
// `CutOffReason`, closes its socket, frees its memory, and is counted. It may connect again.
//
// Memory: per port the rings' state (128 bytes a ring), scratch for one chain (48 KiB), and maps of memory
// that the guest has anyway.

public import Attachments

/// What a vhost-user port may grow to.
public struct VhostUserLimits: Hashable, Sendable {
  /// Pairs of queues, 1 to 64: one worker serves them all.
  public var queuePairs = 8
  /// Regions of guest memory, 8 to 256.
  public var memoryRegions = 32
  /// Guest memory that may be mapped, all regions together.
  public var memoryBytes: UInt64 = 1 << 44

  public init() {}
}

/// What a vhost-user port is opened with.
public struct VhostUserSettings: Hashable, Sendable {
  /// Who makes the socket.
  public enum Mode: String, CaseIterable, Sendable {
    /// We listen (QEMU `-chardev socket,path=…`, DPDK `path=…`); the file is removed at the end.
    case server
    /// We connect, again and again (QEMU `server=on`, DPDK `server=1`).
    case client
  }

  /// For people: `web1:eth0`.
  public var name: String
  /// Of the socket, at most 107 bytes.
  public var path: String
  public var mode: Mode
  /// The user that the front end runs as, beside root and ourselves; the socket file becomes theirs.
  public var owner: UInt32?
  /// What the guest is offered to leave to us, and to take from us.
  public var offloads: OffloadSet = .all
  public var limits = VhostUserLimits()

  public init(name: String, path: String, mode: Mode = .server, owner: UInt32? = nil) {
    self.name = name
    self.path = path
    self.mode = mode
    self.owner = owner
  }
}
