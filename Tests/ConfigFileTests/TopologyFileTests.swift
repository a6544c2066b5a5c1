// Files: those that are shipped, those that are too large or not there, those that are broken at
// random, and topologies that are written and read again.

import Base
import ConfigFile
import FoundationEssentials
import Model
import Testing
import Wire

@Suite struct ShippedTopologyTests {
  static let paths = [
    "Topologies/quickstart.yaml", "Topologies/teaming.yaml", "Topologies/standard-switch.yaml",
    "Topologies/trunk.yaml", "Topologies/security.yaml", "Topologies/multicast.yaml",
    "Topologies/private-vlans.yaml", "Topologies/mac-learning.yaml", "Topologies/ports.yaml",
    "Topologies/shaping.yaml", "Topologies/beacon.yaml", "Topologies/nic-load.yaml",
    "Topologies/filters.yaml", "Topologies/vhost-user.yaml",
  ]

  @Test(arguments: paths) func isValidAndReadsBack(_ path: String) throws {
    let topology = try TopologyFile.load(path: "\(packageRoot)/\(path)")
    #expect(path == "Topologies/\(topology.name).yaml")
    let text = YAMLWriter.text(topology.value)
    #expect(try TopologyFile.parse(text: text, file: "again.yaml") == topology)
    for vm in topology.vms {
      for nic in vm.nics { #expect(topology.portgroup(of: nic, of: vm) != nil) }
    }
  }

  @Test func quickstartIsWhatItsCommentSays() throws {
    let topology = try TopologyFile.load(path: "\(packageRoot)/\(Self.paths[0])")
    #expect(topology.vms(onHost: "host1").map(\.name) == ["web1", "web2", "db1"])
    #expect(topology.vms(onHost: "host2").map(\.name) == ["web3", "db2", "db3"])
    let vlans = topology.switches(onHost: "host1").flatMap(\.portgroups).map(\.vlan)
    #expect(vlans == [.access(10), .access(20)])
  }

  /// `port set` writes what runs anew, longer than a person would: a host must be able to read it.
  @Test func theLongestFilterCanBeWrittenAndReadAgain() throws {
    let rules = (0..<TopologyLimit.rulesOfAFilter).map { number in
      "{ name: r\(number), source: 10.\(number >> 8).\(number & 255).0/24, protocol: tcp, "
        + "destinationPorts: [\(number + 1)], action: drop }"
    }
    let shipped = YAMLWriter.text(
      try TopologyFile.load(path: "\(packageRoot)/\(Self.paths[0])").value)
    let policy = "policy: { filter: [\(rules.joined(separator: ", "))] }"
    let long = shipped.replacing(
      "name: web\n", with: "name: web\n        \(policy)\n", maxReplacements: 1)
    let topology = try TopologyFile.parse(text: long, file: "long.yaml")
    #expect(topology.distributedSwitches[0].portgroups[0].policy.filter?.count == rules.count)
    let text = YAMLWriter.text(topology.value)
    #expect(text.utf8.count > 1 << 20 && text.utf8.count < YAMLReader.sizeLimitBytes)
    #expect(try TopologyFile.parse(text: text, file: "again.yaml") == topology)
  }

  /// The file that says every key: what stands in it is what is read.
  static let everyKey = "Tests/Data/policies.yaml"

  @Test func everyKeyIsReadAndReadsBack() throws {
    let topology = try TopologyFile.load(path: "\(packageRoot)/\(Self.everyKey)")
    let text = YAMLWriter.text(topology.value)
    #expect(try TopologyFile.parse(text: text, file: "again.yaml") == topology, "\(text)")
    let item = topology.distributedSwitches[0]
    #expect(item.multicastFiltering == .snooping && item.multicastSnooping.robustness == 3)
    #expect(item.beacon == BeaconSettings(etherType: 0x88B5, interval: 2, misses: 5))
    #expect(item.uplinkUpDelay == 60_000 && item.privateVlans.count == 3)
    #expect(item.uplinkPortgroup?.policy.filter?[0].action == .tag(cos: 5, dscp: nil))
    let web = item.portgroups[0]
    #expect(
      web.policy.inShaping
        == ShapingPolicy(
          enabled: true, averageBandwidth: 100_000_000, peakBandwidth: 1_000_000_000,
          burstSize: 1_048_576))
    let rules = try #require(web.policy.filter)
    #expect(rules.map(\.name) == ["telnet", "new", "voice", "mask", "six", "other"])
    #expect(rules[1].tcpFlags == TCPFlagPattern(set: 2, clear: 16))
    #expect(rules[1].sourcePorts == [FilterRange(1024...65535), FilterRange(7)])
    #expect(rules[2].action == .tag(cos: 5, dscp: 46))
    #expect(web.allowOverride == Set(PolicyOverride.allCases) && !web.resetAtDisconnect)
    let lab = topology.standardSwitches[0].portgroups[0].policy.inShaping
    #expect(lab.averageBandwidth == 64_000 && lab.burstSize == 65_536)
    let nic = topology.vms[0].nics[0]
    #expect(!nic.isConnected && nic.qmp == "/run/web1.qmp" && nic.qmpNic == "net0")
    #expect(
      nic.vhostUser
        == VhostUserSocket(path: "/run/web1-vhost.sock", mode: .client, queues: 4, owner: 64_055))
    #expect(topology.vms[0].nics.map(\.vhostUser)[1...2] == [nil, VhostUserSocket()])
    #expect(nic.port?.id == 7 && nic.port?.vlan == .access(20))
    let policy = topology.switches(onHost: "host1")[0].effectivePolicy(of: web, nic: nic)
    #expect(policy.blocked == Effective(true, from: .port))
    #expect(policy.teaming.policy == Effective(.explicitOrder, from: .port))
    #expect(policy.teaming.loadInterval == Effective(10, from: .switch))
    #expect(policy.filter.source == .portgroup)
  }

  /// Every file breaks in its own way when bytes of it are changed; none may trap or hang.
  @Test(arguments: paths + [everyKey], 0..<4 as Range<UInt64>)
  func survivesMutation(_ path: String, seed: UInt64) throws {
    let good = Array(try text(ofFile: path).utf8)
    // Only the part without the opening comment, where changes matter.
    let start = try #require(good.firstRange(of: "apiVersion".utf8)?.lowerBound)
    var random = SeededRandom(seed: seed)
    var valid = 0
    for _ in 0..<250 {
      let bytes = mutated(Array(good[start...]), using: &random)
      do throws(ConfigErrors) {
        let topology = try TopologyFile.parse(bytes, file: path)
        valid += 1
        #expect(topology.validationFailures() == [], "seed \(seed)")
        let again = try TopologyFile.parse(text: YAMLWriter.text(topology.value), file: path)
        #expect(again == topology, "seed \(seed)")
      } catch {
        let hasPlaces = error.failures.allSatisfy { $0.location != nil && !$0.remedy.isEmpty }
        #expect(hasPlaces, "seed \(seed): \(error)")
      }
    }
    #expect(valid < 250, "no mutation was noticed")
  }

  private func mutated(_ bytes: [UInt8], using random: inout SeededRandom) -> [UInt8] {
    var bytes = bytes
    let tokens = [
      "[", "]", "{", "}", ": ", "- ", "\n", "  ", "&a ", "*a", "~", "4095", "-1", "\"", "#", "!!x",
      "host1", "uplink1", "tor1", "\u{0}", "trunk", "\t", "policy: {}", "name: ",
    ]
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      let length = min(Int.random(in: 1...24, using: &random), bytes.count - place)
      let range = place..<place + length
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.removeSubrange(range)
      case 2: bytes.insert(contentsOf: Array(bytes[range]), at: place)
      case 3:
        let token = tokens[Int.random(in: tokens.indices, using: &random)]
        bytes.insert(contentsOf: Array(token.utf8), at: place)
      default:
        let other = Int.random(in: 0...bytes.count - length, using: &random)
        bytes.replaceSubrange(range, with: Array(bytes[other..<other + length]))
      }
      if bytes.isEmpty { return bytes }
    }
    return bytes
  }
}

@Suite struct TopologyFileTests {
  private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    let name = "martlet-\(ProcessInfo.processInfo.processIdentifier)-\(bytes.count).yaml"
    let url = FileManager.default.temporaryDirectory.appending(path: name)
    try Data(bytes).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url.path)
  }

  @Test func refusesTenMegabytesBeforeReading() throws {
    try withFile(Array(repeating: UInt8(ascii: "["), count: 10_000_000)) { path in
      let error = #expect(throws: ConfigErrors.self) { try TopologyFile.load(path: path) }
      #expect(
        error?.description == """
          \(path):1:1: martlet: error: cannot read the file: it has 10000000 bytes, more than \
          4194304; check that it is the right file, or split it
          """)
    }
  }

  @Test func readsAFile() throws {
    try withFile(Array(BadTopologyTests.good.utf8)) { path in
      let topology = try TopologyFile.load(path: path)
      #expect(topology.name == "base")
      let location = topology.vms[0].nics[1].origin.location(of: "portgroup")
      #expect(location?.description == "\(path):30:22")
    }
  }

  @Test func tellsOfAnEmptyFile() throws {
    try withFile([]) { path in
      let error = #expect(throws: ConfigErrors.self) { try TopologyFile.load(path: path) }
      #expect(error?.failures.first?.location?.description == "\(path):1:1")
    }
  }

  @Test(arguments: [("/no/such/file.yaml", "No such file or directory"), ("/", "it is a folder")])
  func tellsOfAFileThatCannotBeRead(_ path: String, _ why: String) throws {
    let error = #expect(throws: ConfigErrors.self) { try TopologyFile.load(path: path) }
    #expect(error?.failures.map(\.why) == [why])
    #expect(error?.failures.first?.what == "cannot read \(path)")
  }
}
