// What an agent says about itself: the worker's numbers, with the names of the configuration.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner
internal import Wire

extension ControlState {
  func hostStatus() -> HostStatus {
    HostStatus(
      name: options.host, revision: revision, pid: Int(ProcessIdentity.current.number),
      uptimeSeconds: Int(MonotonicClock.now().nanoseconds(since: startedAt) / 1_000_000_000),
      switchCount: switches.count, uplinkCount: switches.map(\.uplinks.count).reduce(0, +),
      vmCount: topology.vms(onHost: options.host).count, version: martletVersion,
      message: problems.isEmpty
        ? nil
        : problems.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
          .joined(separator: "; "),
      poll: options.poll.rawValue, workers: workers.count)
  }

  func switchStatuses() -> [SwitchStatus] {
    switches.map { planned in
      let reading = reading(of: planned)
      let declared = planned.hostSwitch
      var status = SwitchStatus(
        name: declared.name, kind: declared.kind, hosts: [options.host], mtu: declared.mtu,
        uplinks: planned.uplinks.map(\.name), portgroupCount: declared.portgroups.count,
        portsUsed: planned.ports.count,
        portLimit: SwitchLimits().ports - planned.uplinks.count, revision: reading.revision,
        conservation: ConservationStatus(reading.sums))
      status.multicastFiltering = declared.multicastFiltering
      return status
    }
  }

  func portgroupStatuses() -> [PortGroupStatus] {
    switches.flatMap { planned in
      planned.hostSwitch.portgroups.map { portgroup in
        var status = PortGroupStatus(
          name: portgroup.name, switch: planned.name, vlan: portgroup.vlan,
          ports: planned.ports.count { $0.portgroup == portgroup.name },
          policy: planned.hostSwitch.effectivePolicy(of: portgroup))
        if let found = planned.portgroups.first(where: { $0.name == portgroup.name }) {
          status.binding = found.binding
          status.allocation = found.numPorts == nil ? nil : portgroup.allocation
          status.numPorts = found.numPorts
          status.usedPorts = found.usedPorts
        }
        return status
      }
    }
  }

  func portStatuses() -> [PortStatus] {
    switches.flatMap { planned in
      let reading = reading(of: planned)
      let groups = groupsByPort(of: planned)
      return planned.ports.map { port in
        var status = portStatus(port, planned, reading)
        status.groups = groups.map { $0[port.index.index] ?? [] }
        return status
      }
    }
  }

  private func portStatus(
    _ port: PlannedPort, _ planned: PlannedSwitch, _ reading: SwitchReading
  ) -> PortStatus {
    let numbers = reading[port.index]
    var status = PortStatus(
      id: "\(port.id)", switch: planned.name, portgroup: port.portgroup, host: options.host,
      vm: port.key.vm, device: port.key.device, mac: port.mac, vlan: port.vlan,
      state: state(of: port, numbers),
      teamUplink: uplinkName(numbers.uplink, planned), revision: reading.revision,
      counters: Model.PortCounters(numbers.counters), drops: numbers.counters.dropsByName,
      attachment: numbers.attachment, message: message(of: port),
      offload: OffloadStatus(numbers.offload))
    status.policy = port.policy
    status.isBlocked = numbers.isBlocked
    status.isConflict = port.isConflict
    status.binding = port.binding
    status.teamUplinks = planned.uplinks.enumerated().filter { position, _ in
      numbers.teamUplinks & (1 << UInt32(position)) != 0
    }.map(\.element.name)
    status.inShaping = numbers.inShaper.map { ShapingStatus($0) }
    status.outShaping = numbers.outShaper.map { ShapingStatus($0) }
    status.vhostUser = vhostUsers.status(of: port.key)
    status.effectiveMAC = numbers.nic.address
    let view = guests.views[port.key]
    status.observed = view?.observed ?? .inferred
    if numbers.nic.isObserved {
      status.promiscuous = numbers.nic.isPromiscuous
      status.multicastAddresses = view?.multicastAddresses
    }
    return status
  }

  /// A device that its guest has set down takes no frame.
  private func state(of port: PlannedPort, _ numbers: PortReading) -> PortState {
    let isSetDown = guests.views[port.key]?.isSetDown ?? false
    return numbers.state == .up && isSetDown ? .down : numbers.state
  }

  private func message(of port: PlannedPort) -> String? {
    if !port.isConnected { return "the nic is detached" }
    if let problem = problems[port.label] { return problem }
    if port.vhostUser != nil { return vhostUsers.message(of: port.key) }
    return guests.views[port.key]?.isSetDown == true ? "the VM has set its nic down" : nil
  }

  private func uplinkName(_ port: PortIndex?, _ planned: PlannedSwitch) -> String? {
    planned.uplinks.first { $0.index == port }?.name
  }

  func uplinkStatuses() -> [UplinkStatus] {
    switches.flatMap { planned in
      let reading = reading(of: planned)
      return planned.uplinks.map { uplink in
        let numbers = reading[uplink.index]
        let state: UplinkStatus.State =
          numbers.isUsable ? .up : numbers.isAttached && numbers.isLinkUp ? .recovering : .down
        var status = UplinkStatus(
          name: uplink.name, nic: uplink.nic, host: options.host, switch: planned.name,
          link: numbers.isAttached && numbers.isLinkUp ? .up : .down, role: uplink.role,
          state: state,
          speedMbps: speeds[UplinkSlot(switchName: planned.name, port: uplink.index)] ?? nil,
          counters: Model.PortCounters(numbers.counters), drops: numbers.counters.dropsByName,
          offload: OffloadStatus(numbers.offload))
        status.beacon = UplinkStatus.Beacon(numbers)
        status.loadInMbps = Double(numbers.loadIn) / 1e6
        status.loadOutMbps = Double(numbers.loadOut) / 1e6
        let note = numbers.isAttached ? uplinkNotes[uplink.nic] : nil
        status.attachment = note?.kind
        status.attachmentReason = note?.reason ?? problems[uplink.nic]
        return status
      }
    }
  }

  func vmStatuses() -> [VMStatus] {
    let ports = switches.flatMap { planned in
      let reading = reading(of: planned)
      return planned.ports.map { port in
        var nic = VMStatus.NIC(
          device: port.key.device, portgroup: port.portgroup, switch: planned.name,
          mac: port.mac, addresses: port.addresses, portId: "\(port.id)",
          state: state(of: port, reading[port.index]),
          teamUplink: uplinkName(reading[port.index].uplink, planned))
        nic.vhostUser = vhostUsers.status(of: port.key)
        return (port, nic)
      }
    }
    return topology.vms(onHost: options.host).map { vm in
      let nics = ports.filter { $0.0.key.vm == vm.name }.map(\.1)
      return VMStatus(name: vm.name, host: vm.host, nics: nics.sorted { $0.device < $1.device })
    }
  }
}
