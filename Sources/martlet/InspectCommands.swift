// The nouns that agents tell about, with the columns of their tables.
//
// Tables show what one looks for first; `show` and `-o json` have everything. In is into the switch.

internal import Model
internal import Wire

enum InspectCommands {
  static let all: [Command] =
    switches.commands + portgroups.commands + ports.commands + PortCommands.all + uplinks.commands
    + macs.commands
    + [MACCommands.flush] + groups.commands + vms.commands + hosts.commands

  static let switches = Inspection<SwitchStatus>(
    noun: "switch", path: "/v1/switches",
    columns: [
      Column("NAME") { $0.name },
      Column("KIND") { $0.kind.rawValue },
      Column("HOSTS") { $0.hosts.joined(separator: ",") },
      Column(number: "MTU") { UInt64($0.mtu) },
      Column("UPLINKS") { $0.uplinks.joined(separator: ",") },
      Column(number: "PORTGROUPS") { UInt64($0.portgroupCount) },
      Column(number: "PORTS") { UInt64($0.portsUsed) },
      Column(number: "REVISION") { $0.revision },
    ],
    keyWords: "the name of a switch", keys: { [$0.name] }, hosts: \.hosts, switches: { [$0.name] },
    merge: SwitchStatus.summed,
    listExample: .init(line: "martlet switch list", effect: "every switch of the running lab"),
    showExample: .init(line: "martlet switch show dvs1", effect: "its uplinks, and every frame"))

  static let portgroups = Inspection<PortGroupStatus>(
    noun: "portgroup", path: "/v1/portgroups",
    columns: [
      Column("NAME") { $0.name },
      Column("SWITCH") { $0.switch },
      Column("VLAN") { $0.vlan.description },
      Column(number: "PORTS") { UInt64($0.ports) },
      Column("TEAMING") { $0.policy.teaming.policy.value.rawValue },
      Column("ACTIVE") { $0.policy.teaming.activeUplinks.value.joined(separator: ",") },
      Column("STANDBY") { $0.policy.teaming.standbyUplinks.value.joined(separator: ",") },
    ],
    keyWords: "the name of a port group", keys: { [$0.name] }, switches: { [$0.switch] },
    merge: PortGroupStatus.summed,
    listExample: .init(line: "martlet portgroup list", effect: "every port group"),
    showExample: .init(
      line: "martlet portgroup show web", effect: "its policy, and who set each field"))

  static let ports = Inspection<PortStatus>(
    noun: "port", path: "/v1/ports",
    columns: [
      Column("ID") { $0.id },
      Column("VM") { $0.vm },
      Column("NIC") { $0.device },
      Column("MAC") { $0.mac?.description },
      Column("PORTGROUP") { $0.portgroup },
      Column("VLAN") { $0.vlan.description },
      Column("HOST") { $0.host },
      Column("SWITCH") { $0.switch },
      Column("STATE") { $0.state.rawValue },
      Column("UPLINK") { $0.teamUplink },
      Column(number: "IN") { $0.counters.packetsIn },
      Column(number: "OUT") { $0.counters.packetsOut },
      Column(number: "DROPS") { $0.drops.values.reduce(0, &+) },
      Column("ATTACHED") { $0.attachment },
    ],
    keyWords: "a port id, a MAC address, a VM or VM/eth0",
    keys: { [$0.id] + [$0.mac?.description, $0.vm, $0.label].compactMap { $0 } },
    hosts: { [$0.host] }, switches: { [$0.switch] },
    flag: (
      .init(name: "conflict", summary: "only those whose port another nic has"),
      { $0.isConflict == true }
    ),
    notes: { [.init(name: "receives", text: $0.receives)] },
    listExample: .init(line: "martlet port list --host host1", effect: "the ports of one host"),
    showExample: .init(
      line: "martlet port show web1/eth0",
      effect: "how it is attached, its policy and who set each field, counters, drops with reasons")
  )

  static let uplinks = Inspection<UplinkStatus>(
    noun: "uplink", path: "/v1/uplinks",
    columns: [
      Column("NAME") { $0.name },
      Column("NIC") { $0.nic },
      Column("HOST") { $0.host },
      Column("SWITCH") { $0.switch },
      Column("LINK") { $0.link.rawValue },
      Column("ROLE") { $0.role.rawValue },
      Column("STATE") { $0.state.rawValue },
      Column(number: "MBPS") { $0.speedMbps.map { UInt64(max(0, $0)) } },
      Column(number: "IN") { $0.counters.packetsIn },
      Column(number: "OUT") { $0.counters.packetsOut },
      Column(number: "DROPS") { $0.drops.values.reduce(0, &+) },
      Column("BEACON") { $0.beacon?.rawValue },
      Column("MBPSIN") { $0.loadInMbps.map(InspectCommands.tenths) },
      Column("MBPSOUT") { $0.loadOutMbps.map(InspectCommands.tenths) },
      Column("ATTACHED") { $0.attachment?.rawValue },
    ],
    keyWords: "the name of an uplink or of its nic", keys: { [$0.name, $0.nic] },
    hosts: { [$0.host] }, switches: { [$0.switch] },
    listExample: .init(line: "martlet uplink list", effect: "links and roles on every host"),
    showExample: .init(
      line: "martlet uplink show uplink1 --host host1",
      effect: "beacons, load, counters and drops of one uplink"))

  static let macs = Inspection<MACEntryStatus>(
    noun: "mac", path: "/v1/macs",
    columns: [
      Column("MAC") { $0.mac.description },
      Column(number: "VLAN") { UInt64($0.vlan) },
      Column("PORT") { $0.port },
      Column("VM") { $0.vm },
      Column("TYPE") { $0.type.rawValue },
      Column(number: "AGE") { $0.ageSeconds.map { UInt64(max(0, $0)) } },
      Column("HOST") { $0.host },
      Column("SWITCH") { $0.switch },
    ],
    keyWords: "a MAC address", keys: { [$0.mac.description] }, hosts: { [$0.host] },
    switches: { [$0.switch] },
    listExample: .init(line: "martlet mac list --switch dvs1", effect: "the MAC table of a switch"),
    showExample: .init(
      line: "martlet mac show 00:50:56:00:00:01", effect: "where each host sees the address"))

  static let groups = Inspection<GroupMemberStatus>(
    noun: "group", path: "/v1/groups",
    columns: [
      Column("GROUP") { $0.group.description },
      Column(number: "VLAN") { UInt64($0.vlan) },
      Column("PORT") { $0.port },
      Column("VM") { $0.vm },
      Column("NIC") { $0.device },
      // Who names no source wants every sender: EXCLUDE of nothing (RFC 3376, 3).
      Column("MODE") { $0.sources.isEmpty ? "exclude" : "include" },
      Column("SOURCES") { $0.sources.map(\.description).joined(separator: ",") },
      Column(number: "EXPIRES") { $0.expiresInSeconds.map { UInt64(max(0, $0)) } },
      Column("HOST") { $0.host },
      Column("SWITCH") { $0.switch },
    ],
    keyWords: "a multicast address, a port or a VM",
    keys: { [$0.group.description, $0.port] + [$0.vm].compactMap { $0 } },
    hosts: { [$0.host] }, switches: { [$0.switch] },
    listExample: .init(
      line: "martlet group list --switch dvs1", effect: "who joined which multicast group"),
    showExample: .init(line: "martlet group show 239.1.1.1", effect: "the members of one group"))

  static let vms = Inspection<VMStatus>(
    noun: "vm", path: "/v1/vms",
    columns: [
      Column("NAME") { $0.name },
      Column("HOST") { $0.host },
      Column("NICS") { $0.nics.map(\.device).joined(separator: ",") },
      Column("MAC") { $0.nics.map(\.mac.description).joined(separator: ",") },
      Column("ADDRESSES") {
        $0.nics.flatMap(\.addresses).map(\.description).joined(separator: ",")
      },
      Column("PORTGROUP") { $0.nics.map(\.portgroup).joined(separator: ",") },
      Column("STATE") { $0.nics.map(\.state.rawValue).joined(separator: ",") },
    ],
    keyWords: "the name of a VM", keys: { [$0.name] }, hosts: { [$0.host] },
    switches: { $0.nics.map(\.switch) },
    listExample: .init(
      line: "martlet vm list", effect: "every VM, where it runs and its addresses"),
    showExample: .init(line: "martlet vm show web1", effect: "its nics, ports and uplinks"))

  static let hosts = Inspection<HostStatus>(
    noun: "host", path: "/v1/host", answersOneRow: true,
    columns: [
      Column("NAME") { $0.name },
      Column(number: "REVISION") { $0.revision },
      Column(number: "SWITCHES") { UInt64($0.switchCount) },
      Column(number: "UPLINKS") { UInt64($0.uplinkCount) },
      Column(number: "VMS") { UInt64($0.vmCount) },
      Column(number: "UPTIME") { UInt64(max(0, $0.uptimeSeconds)) },
      Column(number: "PID") { UInt64(max(0, $0.pid)) },
      Column("VERSION") { $0.version },
      Column("MESSAGE") { $0.message },
      Column("POLL") { $0.poll },
      Column(number: "WORKERS") { $0.workers.map { UInt64(max(0, $0)) } },
    ],
    keyWords: "the name of a host", keys: { [$0.name] }, hosts: { [$0.name] },
    listExample: .init(line: "martlet host list", effect: "every host and its agent"),
    showExample: .init(line: "martlet host show host1 -o json", effect: "one host, for a script"))
}

extension InspectCommands {
  /// A number with one digit after the point.
  @Sendable static func tenths(_ number: Double) -> String {
    guard number.isFinite, abs(number) < 1e12 else { return "-" }
    let tenths = Int((number * 10).rounded())
    return "\(tenths / 10).\(abs(tenths % 10))"
  }
}

extension PortStatus {
  /// `web1/eth0`.
  fileprivate var label: String? {
    guard let vm, let device else { return nil }
    return "\(vm)/\(device)"
  }

  /// Whether frames reach the VM, and why they do not.
  fileprivate var receives: String {
    if isBlocked == true || state == .blocked {
      return "nothing: its policy blocks it (portBlocked)"
    }
    if state != .up { return "nothing: \(message ?? "it is \(state.rawValue)")" }
    if let effectiveMAC, let mac, effectiveMAC != mac, policy?.security.macChanges.value == false {
      return
        "nothing: the VM has set its nic to \(effectiveMAC), and macChanges is false (macChange)"
    }
    guard promiscuous == true else { return "its frames" }
    return policy?.security.allowPromiscuous.value == true
      ? "all frames of its VLANs (promiscuous)"
      : "its frames; the VM asks for all, and allowPromiscuous is false"
  }
}

extension PortCounters {
  fileprivate var packetsIn: UInt64 {
    packetsInUnicast &+ packetsInMulticast &+ packetsInBroadcast
  }
  fileprivate var packetsOut: UInt64 {
    packetsOutUnicast &+ packetsOutMulticast &+ packetsOutBroadcast
  }
}

extension SwitchStatus {
  /// One row for a distributed switch, summed over its hosts; a standard switch is its host's own.
  static func summed(_ rows: [SwitchStatus]) -> [SwitchStatus] {
    var sums: [SwitchStatus] = []
    for row in rows {
      let same = sums.firstIndex { $0.name == row.name && $0.kind == .distributed }
      guard row.kind == .distributed, let same else {
        sums.append(row)
        continue
      }
      sums[same].hosts += row.hosts
      sums[same].portsUsed += row.portsUsed
      // The revision that every host has reached.
      sums[same].revision = min(sums[same].revision, row.revision)
      sums[same].conservation.add(row.conservation)
    }
    return sums
  }
}

extension ConservationStatus {
  fileprivate mutating func add(_ other: ConservationStatus) {
    received &+= other.received
    replicated &+= other.replicated
    generated &+= other.generated
    delivered &+= other.delivered
    dropped &+= other.dropped
    queued &+= other.queued
  }
}

extension PortGroupStatus {
  /// One row for a port group that several hosts have, with the ports of all.
  static func summed(_ rows: [PortGroupStatus]) -> [PortGroupStatus] {
    var sums: [PortGroupStatus] = []
    for row in rows {
      let same = sums.firstIndex {
        $0.name == row.name && $0.switch == row.switch && $0.vlan == row.vlan
          && $0.policy == row.policy
      }
      guard let same else {
        sums.append(row)
        continue
      }
      sums[same].ports += row.ports
      // Each host knows all ports of the switch; one may be behind.
      sums[same].numPorts = [sums[same].numPorts, row.numPorts].compactMap { $0 }.max()
      sums[same].usedPorts = [sums[same].usedPorts, row.usedPorts].compactMap { $0 }.max()
    }
    return sums
  }
}
