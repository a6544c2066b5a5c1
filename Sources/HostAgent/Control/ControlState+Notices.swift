// What the worker saw and the control thread looks into.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Planner

extension ControlState {
  mutating func handle(_ notice: SwitchRuntime.Notice) {
    switch notice {
    case .attachmentGone(let name, let port): giveUp(port, of: name)
    case .nicAppeared: if !problems.isEmpty { retry() }
    case .linkChanged(let nic): tellSpeeds { $0 == nic }
    case .linksLost: tellLinks()
    }
  }

  /// Once a second: gives up ports whose VM is gone, and looks for what was missing.
  ///
  /// - Cost: one system call a port.
  mutating func lookAround() {
    for planned in switches {
      for port in planned.ports where taps.hasLost(port.key) { abandon(port, of: planned.name) }
    }
    tellSpeeds()
    if !problems.isEmpty { retry() }
  }

  /// Asks the drivers of attached nics for their speeds, and tells the switches what is new. A driver that
  /// knows none leaves the load of its uplink unjudged.
  mutating func tellSpeeds(of isWanted: (_ nic: String) -> Bool = { _ in true }) {
    for planned in switches {
      for uplink in planned.uplinks where isWanted(uplink.nic) {
        let speed = DeviceControl.speedMbps(uplink.nic)
        let slot = UplinkSlot(switchName: planned.name, port: uplink.index)
        guard speeds[slot] != .some(speed) else { continue }
        speeds[slot] = .some(speed)
        workers.performOnAll { state in
          state.runtime(named: slot.switchName)?.network.setSpeed(
            slot.port, megabitsPerSecond: UInt32(clamping: speed ?? 0))
        }
      }
    }
  }

  /// The VM's namespace has gone. Our descriptor alone would keep it, and the device in it, alive: the
  /// next namespace of that name would never be looked at.
  private mutating func abandon(_ port: PlannedPort, of name: String) {
    _ = detach(port.index, of: name)
    parked[port.key] = nil
    guests.forget(port.key)
    do throws(Failure) { try taps.forget(port.key) } catch {
      AgentLog.write("cannot forget the device of \(port.label): \(error.why)")
    }
    problems[port.label] = "the network namespace is gone"
    AgentLog.write("port \(port.id): the network namespace of \(port.label) is gone")
  }

  /// The keeper has gone: a new one takes its place, so that the next `kill -9` goes unnoticed too.
  mutating func restoreKeeper() -> Bool {
    AgentLog.write("the keeper of TAP descriptors is gone; starting another")
    do throws(Failure) {
      try taps.restoreKeeper()
      return true
    } catch {
      AgentLog.write("\(error)")
      return false
    }
  }

  /// Tries again to attach what could not be attached.
  private mutating func retry() {
    for planned in switches { attachMissing(planned) }
    rememberDevices()
  }

  /// Looks at every nic and tells the switches.
  private mutating func tellLinks() {
    for planned in switches {
      for uplink in planned.uplinks {
        let isUp = (try? DeviceControl.hasLink(uplink.nic)) ?? false
        let name = planned.name
        workers.performOnAll { state in
          state.runtime(named: name)?.network.setLink(
            uplink.index, isUp: isUp, now: MonotonicClock.now())
        }
      }
    }
  }

  /// The device is gone. The port is down until the device, or another of its name, is there.
  private mutating func giveUp(_ port: PortIndex, of name: String) {
    guard let planned = plannedSwitch(named: name) else { return }
    if let uplink = planned.uplinks.first(where: { $0.index == port }) {
      detachUplink(uplink, of: name)
      problems[uplink.nic] = "the device is gone"
      AgentLog.write("uplink \(uplink.name): nic \(uplink.nic) is gone")
    } else if let vmPort = planned.ports.first(where: { $0.index == port }) {
      _ = detach(port, of: name)
      guests.forget(vmPort.key)
      try? taps.forget(vmPort.key)
      problems[vmPort.label] = "the device is gone"
      AgentLog.write("port \(vmPort.id): the device of \(vmPort.label) is gone")
    }
  }
}
