// Giving ports and uplinks their devices, at start, after a change, and when a device comes back.

internal import Attachments
internal import Base
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner

extension ControlState {
  /// Attaches every port and uplink of a switch that has no attachment yet.
  mutating func attachMissing(_ planned: PlannedSwitch) {
    let attached = attachedPorts(of: planned.name)
    for uplink in planned.uplinks where !attached.contains(uplink.index) {
      attach(uplink, of: planned)
    }
    for port in planned.ports where port.isConnected && !attached.contains(port.index) {
      attach(port, of: planned)
    }
  }

  private func attachedPorts(of name: String) -> Set<PortIndex> {
    worker.perform { state in
      guard let runtime = state.runtime(named: name) else { return [] }
      return Set(
        runtime.attachments.indices.filter { runtime.attachments[$0] != nil }.map {
          PortIndex($0)
        })
    }
  }

  private mutating func attach(_ port: PlannedPort, of planned: PlannedSwitch) {
    do throws(Failure) {
      let mtu = planned.hostSwitch.mtu
      if let known = parked[port.key] {
        try taps.configure(port, mtu: mtu)
        parked[port.key] = nil
        observe(port, of: planned.name)
        give(known, to: port.index, of: planned.name)
      } else {
        let tap = try taps.open(port, mtu: mtu)
        observe(port, of: planned.name)
        give(tap, to: port.index, of: planned.name)
      }
      problems[port.label] = nil
    } catch { note(error, as: port.label) }
  }

  private mutating func attach(_ uplink: PlannedUplink, of planned: PlannedSwitch) {
    do throws(Failure) {
      let name = planned.name
      let opened = try uplinkPorts.open(
        uplink.nic, mtu: planned.hostSwitch.mtu, choice: uplink.attachment)
      let watch = Handover(
        try UplinkWatch(nic: uplink.nic, switchName: name, port: uplink.index))
      give(opened.attachment, to: uplink.index, of: name)
      // Asked after the monitor listens: what changes from here on is an event.
      let isUp = try DeviceControl.hasLink(uplink.nic)
      worker.perform { $0.watch(watch.value, isUp: isUp, now: MonotonicClock.now()) }
      tellSpeeds { $0 == uplink.nic }
      problems[uplink.nic] = nil
      uplinkNotes[uplink.nic] = opened.note
    } catch { note(error, as: uplink.nic) }
  }

  /// Brings the devices that stay to a new size. What refuses stays as it was, and is logged.
  mutating func resizeDevices(of planned: PlannedSwitch) {
    let mtu = planned.hostSwitch.mtu
    let attached = attachedPorts(of: planned.name)
    for uplink in planned.uplinks where attached.contains(uplink.index) {
      do throws(Failure) { try DeviceControl.prepareUplink(uplink.nic, mtu: mtu) } catch {
        AgentLog.write("\(uplink.nic) is not resized: \(error.why)")
      }
    }
    for port in planned.ports where attached.contains(port.index) {
      do throws(Failure) { try taps.configure(port, mtu: mtu) } catch {
        AgentLog.write("\(port.label) is not resized: \(error.why)")
      }
    }
  }

  private func give(_ attachment: any Attachment, to port: PortIndex, of name: String) {
    let parcel = Handover(attachment)
    worker.perform { state in
      state.attach(parcel.value, to: port, of: name, now: MonotonicClock.now())
    }
  }

  private mutating func note(_ failure: Failure, as name: String) {
    guard problems[name] != failure.why else { return }
    problems[name] = failure.why
    AgentLog.write("\(name) is not attached: \(failure.what): \(failure.why)")
  }
}
