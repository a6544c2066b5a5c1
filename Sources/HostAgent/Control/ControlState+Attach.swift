// Giving ports and uplinks their devices, at start, after a change, and when a device comes back.

internal import Attachments
internal import Base
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner
internal import VhostUser

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
    let attached = workers.performOnAll { state -> [PortIndex] in
      guard let runtime = state.runtime(named: name) else { return [] }
      return runtime.attachments.indices.filter { runtime.attachments[$0] != nil }.map {
        PortIndex($0)
      }
    }
    return Set(attached.joined())
  }

  private mutating func attach(_ port: PlannedPort, of planned: PlannedSwitch) {
    do throws(Failure) {
      let mtu = planned.hostSwitch.mtu
      if let known = parked[port.key] {
        if port.vhostUser == nil { try taps.configure(port, mtu: mtu) }
        parked[port.key] = nil
        observe(port, of: planned.name)
        give(known, to: port.index, of: planned.name, vhostUsers.view(of: port.key))
      } else if let socket = port.vhostUser {
        let attachment = try vhostUsers.open(port, socket)
        observe(port, of: planned.name)
        give(attachment, to: port.index, of: planned.name, attachment.view)
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
        uplink.nic, mtu: planned.hostSwitch.mtu, choice: uplink.attachment,
        worker: workers.home(of: uplink.index))
      let watches = try workers.all.map { _ throws(Failure) in
        Handover(try UplinkWatch(nic: uplink.nic, switchName: name, port: uplink.index))
      }
      give(opened.attachment, to: uplink.index, of: name)
      // Asked after the monitor listens: what changes from here on is an event.
      let isUp = try DeviceControl.hasLink(uplink.nic)
      for (worker, watch) in zip(workers.all, watches) {
        worker.perform { $0.watch(watch.value, isUp: isUp, now: MonotonicClock.now()) }
      }
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
    for port in planned.ports where port.vhostUser == nil && attached.contains(port.index) {
      do throws(Failure) { try taps.configure(port, mtu: mtu) } catch {
        AgentLog.write("\(port.label) is not resized: \(error.why)")
      }
    }
  }

  /// Gives a port its attachment; `view` says whether it is up, if it has one.
  private func give(
    _ attachment: any Attachment, to port: PortIndex, of name: String, _ view: VhostUserView? = nil
  ) {
    workers.attach(attachment, to: port, of: name) { view?.isLinkUp ?? true }
  }

  /// Tells the switches which guests behind vhost-user are there.
  func tellVhostUserLinks() {
    vhostUsers.clearChanges()
    var links: [(switchName: String, port: PortIndex, view: VhostUserView)] = []
    for planned in switches {
      for port in planned.ports {
        if let view = vhostUsers.view(of: port.key) {
          links.append((planned.name, port.index, view))
        }
      }
    }
    guard !links.isEmpty else { return }
    let told = links
    workers.performOnAll { state in
      let now = MonotonicClock.now()
      for link in told {
        // As it is now: it may have changed on the way here.
        state.runtime(named: link.switchName)?.setLink(
          link.port, isUp: link.view.isLinkUp, now: now)
      }
    }
  }

  private mutating func note(_ failure: Failure, as name: String) {
    guard problems[name] != failure.why else { return }
    problems[name] = failure.why
    AgentLog.write("\(name) is not attached: \(failure.what): \(failure.why)")
  }
}
