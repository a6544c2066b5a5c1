// What a topology must hold beyond its shape: names that can be, references that lead somewhere,
// things that exist once.
//
// One pass over each kind of thing, physical first; each `checkX` writes what it finds into the log
// and goes on.

public import Base

extension Topology {
  /// Everything that is wrong with a topology made in code; empty when it is valid.
  public func validationFailures() -> [Failure] {
    let log = MistakeLog()
    TopologyCheck(self, log: log).run()
    return log.sorted
  }
}

/// The checks of one topology.
struct TopologyCheck {
  let topology: Topology
  let log: MistakeLog
  let physicalSwitches: KnownNames
  let hosts: KnownNames

  init(_ topology: Topology, log: MistakeLog) {
    self.topology = topology
    self.log = log
    physicalSwitches = KnownNames(
      topology.physicalSwitches.map(\.name), declaredIn: topology.origin, "physicalSwitches")
    hosts = KnownNames(topology.hosts.map(\.name), declaredIn: topology.origin, "hosts")
  }

  func run() {
    check(topology.name, .node, "topology", at: topology.origin.location(of: "name"))
    checkNodeNames()
    for physical in topology.physicalSwitches {
      checkAvailability(physical, "physical switch \(physical.name.excerpt)")
    }
    checkLinks()
    for host in topology.hosts { checkNICs(of: host) }
    checkSwitchNames()
    for declared in topology.distributedSwitches { check(declared) }
    for declared in topology.standardSwitches { check(declared) }
    checkNICsUsedOnce()
    checkVMs()
  }

  /// Checks a name against its rule. An empty name was already told as a missing key.
  func check(_ name: String, _ rule: NameRule, _ subject: String, at location: SourceLocation?) {
    if name.isEmpty, location != nil, topology.origin.node != nil { return }
    guard let mistake = rule.mistake(in: name) else { return }
    log.add(subject, mistake.why, remedy: mistake.remedy, at: location)
  }

  /// Checks that a name refers to one that exists.
  func check(
    _ name: String, isOneOf known: KnownNames, _ kind: String, _ subject: String,
    at location: SourceLocation?
  ) {
    guard !known.set.contains(name), !name.isEmpty, known.isComplete else { return }
    log.add(
      subject, "unknown \(kind) `\(name.excerpt)`",
      remedy: log.remedy(
        for: name, among: known.list, "the known ones are", ifNone: "declare it first"),
      at: location)
  }

  /// Hosts, VMs and physical switches become namespaces of one lab, so their names are one space.
  private func checkNodeNames() {
    var names = UniqueNames(log: log)
    for item in topology.physicalSwitches {
      names.add(item.name, "physical switch \(item.name.excerpt)", .node, item.origin, self)
    }
    for item in topology.hosts {
      names.add(item.name, "host \(item.name.excerpt)", .node, item.origin, self)
    }
    for item in topology.vms {
      names.add(item.name, "VM \(item.name.excerpt)", .node, item.origin, self)
    }
  }

  /// Distributed switches are known to all hosts; standard switches only to their own.
  private func checkSwitchNames() {
    var distributed = UniqueNames(log: log)
    for item in topology.distributedSwitches {
      distributed.add(
        item.name, "distributed switch \(item.name.excerpt)", .label, item.origin, self)
    }
    var standard: [String: UniqueNames] = [:]
    for item in topology.standardSwitches {
      standard[item.host, default: distributed].add(
        item.name, "standard switch \(item.name.excerpt)", .label, item.origin, self)
    }
  }
}

/// Names that may be referred to, in the order of the file.
struct KnownNames {
  let list: [String]
  let set: Set<String>
  /// False when a name could not be read: then what refers to it must not be called unknown.
  let isComplete: Bool

  /// The names that were declared under `key` of a declaration.
  init(_ names: [String], declaredIn origin: Origin, _ key: String) {
    list = names
    set = Set(names)
    let declared = origin.node?[key]
    let isReadable =
      declared.map { $0.isNull || $0.elements != nil || $0.entries != nil } ?? true
    isComplete = isReadable && !set.contains("")
  }
}

/// Names that must differ, with what bears each.
struct UniqueNames {
  let log: MistakeLog
  private var bearers: [String: (subject: String, location: SourceLocation?)] = [:]

  init(log: MistakeLog) { self.log = log }

  /// Adds the `name` of something declared at `origin`, after a check against its rule.
  mutating func add(
    _ name: String, _ subject: String, _ rule: NameRule, _ origin: Origin, _ check: TopologyCheck
  ) {
    let location = origin.location(of: "name")
    check.check(name, rule, subject, at: location)
    guard !name.isEmpty else { return }
    guard let other = bearers[name] else {
      bearers[name] = (subject, location)
      return
    }
    let place = other.location.map { " on line \($0.line)" } ?? ""
    log.add(
      subject, "the name `\(name.excerpt)` is already taken by \(other.subject)\(place)",
      remedy: "give one of the two another name", at: location)
  }
}
