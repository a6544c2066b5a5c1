// A device opened for AF_XDP: a socket for each of its queues, and the program that feeds them.
//
// Three ways are tried, the best first:
//   zero-copy  the driver receives into our cells and sends from them
//   copy       the program runs in the driver, frames are copied
//   generic    the program runs in the kernel after the driver has made a socket buffer
// Whatever is got, the reason why it is not better is kept for people.

internal import Attachments
public import Base
internal import CLinux
internal import Glibc
public import Linux

/// How frames get from the driver to us.
public enum XDPMode: String, Sendable, CaseIterable {
  case zeroCopy = "zero-copy"
  case copy
  case generic
}

/// The sockets of a device.
public struct XDPDevice: ~Copyable, Sendable {
  /// How a device is used.
  public struct Options: Hashable, Sendable {
    /// The ways that are allowed.
    public var modes = Set(XDPMode.allCases)
    /// Generic mode on a veth, which loses VLAN tags that the other end keeps beside its frames.
    public var losesTags = false
    /// For tests on machines without such a driver: sockets that copy are handled as zero-copy ones.
    package var actsAsZeroCopy = false

    public init() {}
  }

  /// How long a queue may be taken before that is an error.
  private static let patienceNanoseconds: UInt64 = 500_000_000

  public let name: String
  public let mode: XDPMode
  /// Why it is not a better one; a sentence without a full stop, empty for zero-copy.
  public let reason: String
  let memory: XDPMemory
  private let parts: OpenedDevice
  /// A veth has none; see RedirectProgram.swift.
  private let stripping: TagStripping?

  /// Opens every queue of a device; the memory must be the worker's.
  ///
  /// - `namespace`: where the device is, nil for the namespace of the calling thread.
  public init(
    _ name: String, namespace: NetworkNamespace? = nil, memory: XDPMemory,
    options: Options = Options()
  ) throws(Failure) {
    self = try NetworkNamespace.run(in: namespace) { () throws(Failure) in
      try XDPDevice(here: name, memory, options)
    }
  }

  var queues: [XDPQueue] { parts.queues }

  /// Readable when a frame waits, or when the device has changed.
  var descriptor: Int32 { parts.wakeups.number }

  private init(here name: String, _ memory: XDPMemory, _ options: Options) throws(Failure) {
    let facts = try Self.facts(of: name, memory)
    let stripping = facts.isVeth ? nil : try TagStripping(switchedOffOn: name)
    var why: [String] = []
    for mode in XDPMode.allCases where options.modes.contains(mode) {
      if mode == .generic, facts.isVeth, !options.losesTags {
        why.append("in generic mode a veth would lose VLAN tags")
        continue
      }
      do throws(Errno) {
        parts = try Self.open(facts, mode, memory, options)
        self.name = name
        self.mode = mode
        self.memory = memory
        self.stripping = stripping
        reason = why.joined(separator: "; ")
        return
      } catch {
        if let failure = Self.finalFailure(error, name, facts) { throw failure }
        why.append(Self.sentence(mode, facts.driver, error))
      }
    }
    throw Failure(
      "cannot attach to device \(name) by AF_XDP", why: why.joined(separator: "; "),
      remedy: "use `attachment: packet`, or a kernel and a driver with AF_XDP")
  }

  private static func facts(of name: String, _ memory: XDPMemory) throws(Failure) -> DeviceFacts {
    let what = "cannot attach to device \(name) by AF_XDP"
    let facts = try DeviceFacts.asked(name)
    let frameBytes = facts.mtu + XDPAttachment.headerBytes
    if frameBytes > memory.largestFrameBytes {
      throw Failure(
        what,
        why: "with an MTU of \(facts.mtu) a frame has \(frameBytes) bytes, and a cell holds "
          + "\(memory.largestFrameBytes)",
        remedy: "set an MTU of at most \(memory.largestFrameBytes - XDPAttachment.headerBytes), "
          + "or use `attachment: packet`")
    }
    if facts.queueCount > memory.limits.queues {
      throw Failure(
        what,
        why: "it has \(facts.queueCount) queues, and \(memory.limits.queues) can be open in all",
        remedy: "use fewer queues: `ethtool -L \(name) combined \(memory.limits.queues)`")
    }
    return facts
  }

  /// The kernel lets go of a queue and of a program a moment after whoever had them has closed them.
  private static func open(
    _ facts: DeviceFacts, _ mode: XDPMode, _ memory: XDPMemory, _ options: Options
  )
    throws(Errno) -> OpenedDevice
  {
    var opened: OpenedDevice?
    var problem = Errno(rawValue: EBUSY)
    _ = MonotonicClock.wait(atMostNanoseconds: patienceNanoseconds) {
      do throws(Errno) {
        opened = try OpenedDevice(facts, mode, memory, options)
        return true
      } catch {
        problem = error
        return error.rawValue != EBUSY || RedirectProgram.isForeign(on: facts.index)
      }
    }
    guard let result = opened.take() else { throw problem }
    return result
  }

  /// The largest frame that the device takes, its tag not counted; nil when it is gone.
  var frameLimitBytes: Int? {
    // SAFETY: the name is a C string for the call.
    let mtu = unsafe clinux_device_mtu(parts.watch.number, name)
    return mtu < 0 ? nil : Int(mtu) + 14
  }

  /// Whether the device was deleted, or left its namespace; takes what `watch` has to tell.
  var isGone: Bool {
    _ = clinux_take_error(parts.watch.number)
    return clinux_packet_bound_index(parts.watch.number) <= 0
  }

  /// What no other mode would change.
  private static func finalFailure(_ error: Errno, _ name: String, _ facts: DeviceFacts)
    -> Failure?
  {
    let what = "cannot attach to device \(name) by AF_XDP"
    switch error.rawValue {
    case EBUSY:
      guard let program = RedirectProgram.name(on: facts.index) else {
        return Failure(
          what, why: "another AF_XDP socket has a queue of it",
          remedy: "stop the program that uses it")
      }
      return Failure(
        what, why: "it has an XDP program already (\(program))",
        remedy: "stop the program that put it there, or `ip link set \(name) xdp off`")
    case EPERM, EACCES:
      return error.failure(what, remedy: "run as root (CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF)")
    case ENOMEM, ENOBUFS, EMFILE, ENFILE, ENODEV, ENXIO: return error.failure(what)
    case EAFNOSUPPORT:
      return error.failure(what, remedy: "use a kernel with AF_XDP (CONFIG_XDP_SOCKETS)")
    default: return nil
    }
  }

  private static func sentence(_ mode: XDPMode, _ driver: String, _ error: Errno) -> String {
    switch mode {
    case .zeroCopy: "the driver \(driver) has no zero-copy (\(error))"
    case .copy:
      "the driver \(driver) does not run the program (\(error)"
        + (error.rawValue == ERANGE ? ": its MTU, or that of its other end, is too large)" : ")")
    case .generic: "the kernel does not run the program (\(error))"
    }
  }
}

/// The descriptors of a device.
private struct OpenedDevice: ~Copyable, Sendable {
  let queues: [XDPQueue]
  let program: RedirectProgram
  /// Learns that the device goes, and keeps it promiscuous.
  let watch: Descriptor
  /// An epoll of the sockets and of `watch`.
  let wakeups: Descriptor

  init(
    _ facts: DeviceFacts, _ mode: XDPMode, _ memory: XDPMemory, _ options: XDPDevice.Options
  ) throws(Errno) {
    let use = XDPQueue.Use(
      bindsZeroCopy: mode == .zeroCopy, sendsLater: mode == .zeroCopy || options.actsAsZeroCopy,
      notesTags: facts.isVeth && mode != .generic)
    var queues: [XDPQueue] = []
    for number in 0..<facts.queueCount {
      queues.append(
        try XDPQueue(
          device: facts, queue: UInt32(number), use, memory: memory))
    }
    let program = try RedirectProgram(
      device: facts.index, sockets: queues.map { $0.socket.number }, isGeneric: mode == .generic,
      tellsTags: use.notesTags)
    let watch = try Self.own(clinux_xdp_watch(facts.index))
    let wakeups = try Self.own(clinux_epoll_create())
    try Self.listen(wakeups, to: watch)
    for queue in queues { try Self.listen(wakeups, to: queue.socket) }
    self.queues = queues
    self.program = program
    self.watch = watch
    self.wakeups = wakeups
  }

  private static func own(_ number: Int32) throws(Errno) -> Descriptor {
    guard number >= 0 else { throw .current }
    return Descriptor(owning: number)
  }

  private static func listen(_ epoll: borrowing Descriptor, to other: borrowing Descriptor)
    throws(Errno)
  {
    let operation = Int32(CLINUX_EPOLL_ADD)
    let interest = Poller.Readiness.readable.rawValue
    guard clinux_epoll_control(epoll.number, operation, other.number, interest, 0) == 0 else {
      throw .current
    }
  }
}
