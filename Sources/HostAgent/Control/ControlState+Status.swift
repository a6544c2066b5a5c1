// What an agent says about itself: the worker's numbers, with the names of the configuration.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner
internal import Wire

/// The numbers of one port, as the worker has them at one moment.
struct PortReading: Sendable {
  var isAttached = false
  var counters = Dataplane.PortCounters()
  var offload = OffloadCounters()
  /// `tap`, `packet`; `none` without an attachment.
  var attachment = "none"
  var uplink: PortIndex?
  var isLinkUp = false
  var isUsable = false
}

/// The numbers of a switch at one moment.
struct SwitchReading: Sendable {
  var ports: [PortReading] = []
  var sums = ConservationSums()
  var revision: UInt64 = 0

  subscript(port: PortIndex) -> PortReading {
    port.index < ports.count ? ports[port.index] : PortReading()
  }
}

extension SwitchRuntime {
  /// Reads every port below `count` between two batches.
  func reading(portCount count: Int) -> SwitchReading {
    var reading = SwitchReading()
    reading.sums = network.conservation
    reading.revision = network.revision
    for index in 0..<count {
      let port = PortIndex(index)
      var numbers = PortReading()
      numbers.isAttached = network.isAttached(port)
      numbers.counters = network.portCounters(port)
      numbers.uplink = network.selectedUplink(of: port)
      numbers.isLinkUp = network.isLinkUp(port)
      numbers.isUsable = network.isUplinkUsable(port)
      if let attachment = attachments[index] {
        numbers.offload = attachment.offloadCounters
        // A name is the kind and then the device.
        numbers.attachment = String(attachment.name.prefix { $0 != " " })
      }
      reading.ports.append(numbers)
    }
    return reading
  }
}

extension ControlState {
  func reading(of planned: PlannedSwitch) -> SwitchReading {
    let name = planned.name
    let indices = planned.ports.map(\.index) + planned.uplinks.map(\.index)
    let count = (indices.map(\.index).max() ?? -1) + 1
    return worker.perform { $0.runtime(named: name)?.reading(portCount: count) }
      ?? SwitchReading()
  }

  func hostStatus() -> HostStatus {
    HostStatus(
      name: options.host, revision: revision, pid: Int(ProcessIdentity.current.number),
      uptimeSeconds: Int(MonotonicClock.now().nanoseconds(since: startedAt) / 1_000_000_000),
      switchCount: switches.count, uplinkCount: switches.map(\.uplinks.count).reduce(0, +),
      vmCount: topology.vms(onHost: options.host).count, version: martletVersion,
      message: problems.isEmpty
        ? nil
        : problems.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
          .joined(separator: "; "))
  }

  func switchStatuses() -> [SwitchStatus] {
    switches.map { planned in
      let reading = reading(of: planned)
      let declared = planned.hostSwitch
      return SwitchStatus(
        name: declared.name, kind: declared.kind, hosts: [options.host], mtu: declared.mtu,
        uplinks: planned.uplinks.map(\.name), portgroupCount: declared.portgroups.count,
        portsUsed: planned.ports.count,
        portLimit: SwitchLimits().ports - planned.uplinks.count, revision: reading.revision,
        conservation: ConservationStatus(reading.sums))
    }
  }

  func portgroupStatuses() -> [PortGroupStatus] {
    switches.flatMap { planned in
      planned.hostSwitch.portgroups.map { portgroup in
        PortGroupStatus(
          name: portgroup.name, switch: planned.name, vlan: portgroup.vlan,
          ports: planned.ports.count { $0.portgroup == portgroup.name },
          policy: planned.hostSwitch.effectivePolicy(of: portgroup))
      }
    }
  }

  func portStatuses() -> [PortStatus] {
    switches.flatMap { planned in
      let reading = reading(of: planned)
      return planned.ports.map { portStatus($0, planned, reading) }
    }
  }

  private func portStatus(
    _ port: PlannedPort, _ planned: PlannedSwitch, _ reading: SwitchReading
  ) -> PortStatus {
    let numbers = reading[port.index]
    return PortStatus(
      id: "\(port.id)", switch: planned.name, portgroup: port.portgroup, host: options.host,
      vm: port.key.vm, device: port.key.device, mac: port.mac, vlan: port.vlan,
      state: numbers.isAttached ? .up : .down,
      teamUplink: uplinkName(numbers.uplink, planned), revision: reading.revision,
      counters: Model.PortCounters(numbers.counters), drops: numbers.counters.dropsByName,
      attachment: numbers.attachment, message: problems[port.label],
      offload: OffloadStatus(numbers.offload))
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
        return UplinkStatus(
          name: uplink.name, nic: uplink.nic, host: options.host, switch: planned.name,
          link: numbers.isAttached && numbers.isLinkUp ? .up : .down, role: uplink.role,
          state: state,
          speedMbps: speeds[UplinkSlot(switchName: planned.name, port: uplink.index)] ?? nil,
          counters: Model.PortCounters(numbers.counters), drops: numbers.counters.dropsByName,
          offload: OffloadStatus(numbers.offload))
      }
    }
  }

  func vmStatuses() -> [VMStatus] {
    let ports = switches.flatMap { planned in
      let reading = reading(of: planned)
      return planned.ports.map { port in
        (
          port,
          VMStatus.NIC(
            device: port.key.device, portgroup: port.portgroup, switch: planned.name,
            mac: port.mac, addresses: port.addresses, portId: "\(port.id)",
            state: reading[port.index].isAttached ? .up : .down,
            teamUplink: uplinkName(reading[port.index].uplink, planned))
        )
      }
    }
    return topology.vms(onHost: options.host).map { vm in
      let nics = ports.filter { $0.0.key.vm == vm.name }.map(\.1)
      return VMStatus(name: vm.name, host: vm.host, nics: nics.sorted { $0.device < $1.device })
    }
  }
}

extension Model.PortCounters {
  init(_ counters: Dataplane.PortCounters) {
    self.init()
    packetsInUnicast = counters.ingress.packetsUnicast
    packetsInMulticast = counters.ingress.packetsMulticast
    packetsInBroadcast = counters.ingress.packetsBroadcast
    bytesInUnicast = counters.ingress.bytesUnicast
    bytesInMulticast = counters.ingress.bytesMulticast
    bytesInBroadcast = counters.ingress.bytesBroadcast
    packetsOutUnicast = counters.egress.packetsUnicast
    packetsOutMulticast = counters.egress.packetsMulticast
    packetsOutBroadcast = counters.egress.packetsBroadcast
    bytesOutUnicast = counters.egress.bytesUnicast
    bytesOutMulticast = counters.egress.bytesMulticast
    bytesOutBroadcast = counters.egress.bytesBroadcast
    packetsInDropped = counters.ingress.packetsDropped
    packetsOutDropped = counters.egress.packetsDropped
    packetsInException = counters.ingress.packetsException
    packetsOutException = counters.egress.packetsException
  }
}

extension Dataplane.PortCounters {
  /// Drops by the reason's name, those that happened.
  var dropsByName: [String: UInt64] {
    var drops: [String: UInt64] = [:]
    for reason in DropReason.allCases where self[reason] > 0 { drops[reason.name] = self[reason] }
    return drops
  }
}

extension OffloadStatus {
  init(_ counters: OffloadCounters) {
    self.init()
    segmentedFramesIn = counters.segmentationReceived
    segmentedFramesOut = counters.segmentationPassed
    checksumsCompleted = counters.checksumDone
    framesSegmented = counters.segmentationDone
    segmentsMade = counters.segmentsMade
  }
}

extension ConservationStatus {
  init(_ sums: ConservationSums) {
    self.init()
    received = sums.received
    replicated = sums.replicated
    generated = sums.generated
    delivered = sums.delivered
    dropped = sums.dropped
    queued = sums.queued
  }
}
