// Which uplinks have a carrier, as soon as that can be known.
//
// A lost carrier shows in the kernel's counter of carrier changes at once, while the netlink event may be
// held back for up to a second; a carrier that came back is trusted only when the event says so, because
// before it the device throws frames away. So the worker looks at the counters every millisecond in
// which it is awake anyway, and at the events when they come. While it sleeps no frame can be lost.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Netlink

/// The nic of an uplink, watched.
final class UplinkWatch {
  let nic: String
  let switchName: String
  let port: PortIndex
  private let probe: LinkProbe

  /// For a device of the calling thread's namespace.
  init(nic: String, switchName: String, port: PortIndex) throws(Failure) {
    self.nic = nic
    self.switchName = switchName
    self.port = port
    probe = try LinkProbe(nic)
  }

  var hasCarrier: Bool { probe.hasCarrier() }
}

/// Watches the links of the host's namespace.
struct LinkWatch: ~Copyable, Sendable {
  static let probeNanoseconds: UInt64 = 1_000_000
  /// A backlog of hundreds of frames can go into a dead link in less than that.
  static let probeFrames = 128

  private let monitor: LinkMonitor
  private var nextProbe = MonotonicTime.zero

  /// For the calling thread's namespace.
  init() throws(Failure) { monitor = try LinkMonitor() }

  var descriptor: Int32 { monitor.descriptor }

  /// Looks for lost carriers, every millisecond or every few batches. True when one is lost.
  mutating func probe(_ state: inout WorkerState, now: MonotonicTime) -> Bool {
    guard now >= nextProbe || state.framesSinceProbe >= Self.probeFrames else { return false }
    var hasLost = false
    state.framesSinceProbe = 0
    nextProbe = now.advanced(byNanoseconds: Self.probeNanoseconds)
    for place in state.runtimes.indices {
      let runtime = state.runtimes[place]
      for watch in runtime.watches where !watch.hasCarrier {
        runtime.network.setLink(watch.port, isUp: false, now: now)
        hasLost = true
      }
    }
    return hasLost
  }

  /// Takes in what the kernel told.
  mutating func readEvents(_ state: inout WorkerState, _ notices: NoticeBoard, now: MonotonicTime) {
    let events: [LinkEvent]
    do throws(Failure) { events = try monitor.readEvents() } catch {
      // What the socket cannot tell any more, a fresh look at every nic can.
      events = [.overrun]
    }
    for event in events {
      switch event {
      case .changed(let link): changed(link, &state, notices, now: now)
      case .removed(_, let name): removed(name, &state, notices, now: now)
      case .overrun: notices.post([.linksLost])
      }
    }
  }

  private func changed(
    _ link: Link, _ state: inout WorkerState, _ notices: NoticeBoard, now: MonotonicTime
  ) {
    guard let uplink = state.uplink(of: link.name) else {
      if state.number == 0 { notices.post([.nicAppeared]) }
      return
    }
    // The event may be older than the counter.
    state.setLink(uplink, isUp: link.isLinkUp && uplink.hasCarrier, now: now)
    // A link that comes up may have another speed.
    if state.number == 0 { notices.post([.linkChanged(nic: uplink.nic)]) }
  }

  private func removed(
    _ name: String, _ state: inout WorkerState, _ notices: NoticeBoard, now: MonotonicTime
  ) {
    guard let uplink = state.uplink(of: name) else { return }
    state.setLink(uplink, isUp: false, now: now)
    guard state.number == 0 else { return }
    notices.post([.attachmentGone(switch: uplink.switchName, port: uplink.port)])
  }
}
