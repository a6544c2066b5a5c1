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
    case .linksLost: tellLinks()
    }
  }

  /// Tries again to attach what could not be attached.
  mutating func retry() {
    for planned in switches { attachMissing(planned) }
  }

  /// Looks at every nic and tells the switches.
  private mutating func tellLinks() {
    for planned in switches {
      for uplink in planned.uplinks {
        let isUp = (try? DeviceControl.hasLink(uplink.nic)) ?? false
        let name = planned.name
        worker.perform { state in
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
      detach(port, of: name)
      problems[vmPort.label] = "the device is gone"
      AgentLog.write("port \(vmPort.id): the device of \(vmPort.label) is gone")
    }
  }
}
