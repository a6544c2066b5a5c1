// From a tree of scalars, lists and mappings to a `Topology` that is valid.
//
// Pure: the tree may come from YAML, JSON or a test. Everything that is wrong is found before
// anything is thrown: the shape of the file first, then what the names in it refer to.

internal import Base

/// Decodes and validates a topology.
public struct TopologyDecoder {
  static let keys = [
    "apiVersion", "kind", "name", "physicalSwitches", "hosts", "distributedSwitches",
    "standardSwitches", "vms",
  ]

  let log = MistakeLog()

  init() {}

  /// Reads a whole file. Throws everything that is wrong with it.
  public static func decode(_ root: ConfigNode) throws(ConfigErrors) -> Topology {
    let decoder = TopologyDecoder()
    guard let topology = decoder.topology(root) else { throw ConfigErrors(decoder.log.sorted) }
    TopologyCheck(topology, log: decoder.log).run()
    guard decoder.log.failures.isEmpty else { throw ConfigErrors(decoder.log.sorted) }
    return topology
  }

  /// Nothing when the file is something else than a topology, and the rest would be noise.
  private func topology(_ root: ConfigNode) -> Topology? {
    guard root.entries != nil else {
      log.add(
        "topology", "must be a mapping, not \(root.shapeName)",
        remedy: "begin the file with `apiVersion: \(Topology.apiVersion)`", at: root.location)
      return nil
    }
    guard isTopology(root) else { return nil }
    let reader = MappingReader(root, subject: "topology", keys: Self.keys, log: log)
    let name = reader.requiredName("name")
    var topology = Topology(
      name: name,
      physicalSwitches: reader.list("physicalSwitches", limit: TopologyLimit.physicalSwitches)
        .map(physicalSwitch),
      hosts: reader.list("hosts", limit: TopologyLimit.hosts).map(host),
      distributedSwitches: reader.list(
        "distributedSwitches", limit: TopologyLimit.distributedSwitches
      )
      .map(distributedSwitch),
      standardSwitches: reader.list("standardSwitches", limit: TopologyLimit.standardSwitches)
        .map(standardSwitch),
      origin: Origin(root))
    let declared = reader.list("vms", limit: TopologyLimit.vms).map(declaredVM)
    topology.vms = DeclaredVM.withAddresses(declared, topology: name)
    return topology
  }

  /// Checks `apiVersion` and `kind`, before the rest is read.
  private func isTopology(_ root: ConfigNode) -> Bool {
    var isTopology = true
    for (key, wanted) in [("apiVersion", Topology.apiVersion), ("kind", Topology.kind)] {
      guard let value = root[key], !value.isNull else {
        log.add(
          "topology", "the key `\(key)` is missing", remedy: "add `\(key): \(wanted)`",
          at: root[key]?.location ?? root.location)
        continue
      }
      guard value.scalar?.text != wanted else { continue }
      isTopology = false
      log.add(
        "topology", "`\(key)` is \(value.quotedText)",
        remedy: "this version reads `\(key): \(wanted)`", at: value.location)
    }
    return isTopology
  }
}

// The physical side: switches and hosts.
extension TopologyDecoder {
  private func physicalSwitch(_ node: ConfigNode) -> PhysicalSwitch {
    let reader = MappingReader(
      node, subject: subject("physical switch", node), keys: ["name", "kind", "links"], log: log)
    return PhysicalSwitch(
      name: reader.requiredName("name"),
      kind: reader.choice("kind", unavailable: Unavailable.physicalSwitchKinds) ?? .bridge,
      links: reader.names("links", limit: TopologyLimit.linksOfAPhysicalSwitch) ?? [],
      origin: Origin(node))
  }

  private func host(_ node: ConfigNode) -> Host {
    let reader = MappingReader(
      node, subject: subject("host", node), keys: ["name", "nics"], log: log)
    return Host(
      name: reader.requiredName("name"),
      nics: reader.pairs("nics", limit: TopologyLimit.nicsOfAHost).map {
        Host.NIC(name: $0.key, physicalSwitch: $0.value)
      },
      origin: Origin(node))
  }

  /// "host host1", or "host" when it has no name that could be told.
  func subject(_ kind: String, _ node: ConfigNode) -> String {
    guard let name = node["name"]?.scalar?.text, !name.isEmpty else { return kind }
    return "\(kind) \(name.excerpt)"
  }
}
