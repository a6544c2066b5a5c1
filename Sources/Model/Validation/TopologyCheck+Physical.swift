// Checks cables: between physical switches, and from nics to them.

internal import Base

extension TopologyCheck {
  /// The bridges of a lab run without spanning tree: one loop, and a broadcast never ends.
  func checkLinks() {
    var parts = DisjointNames()
    var cables: [Set<String>: SourceLocation?] = [:]
    for physical in topology.physicalSwitches {
      let subject = "physical switch \(physical.name.excerpt)"
      for (index, other) in physical.links.enumerated() {
        let location = physical.origin.location(of: "links", index)
        check(other, isOneOf: physicalSwitches, "physical switch", subject, at: location)
        guard physicalSwitches.set.contains(other) else { continue }
        guard other != physical.name else {
          log.add(subject, "is linked to itself", remedy: "remove the link", at: location)
          continue
        }
        let cable: Set = [physical.name, other]
        if let earlier = cables[cable] {
          let place = earlier.map { " on line \($0.line)" } ?? ""
          log.add(
            subject, "the link to `\(other)` is already declared\(place)",
            remedy: "keep one of the two: a link is told at one end", at: location)
          continue
        }
        cables[cable] = .some(location)
        guard !parts.join(physical.name, other) else { continue }
        log.add(
          subject, "the link to `\(other)` closes a loop, and these bridges run no spanning tree",
          remedy: "remove a link of the loop", at: location)
      }
    }
  }

  func checkNICs(of host: Host) {
    var seen: Set<String> = []
    for nic in host.nics {
      let subject = "nic \(nic.name.excerpt) of host \(host.name.excerpt)"
      let nics = host.origin["nics"]
      check(nic.name, .device, subject, at: nics.keyLocation(of: nic.name))
      check(
        nic.physicalSwitch, isOneOf: physicalSwitches, "physical switch", subject,
        at: nics.location(of: nic.name))
      if !seen.insert(nic.name).inserted {
        log.add(subject, "is declared twice", remedy: "remove one of the two", at: nics.location)
      }
    }
  }
}

/// Names that are joined into parts, to find the join that closes a loop (union-find).
private struct DisjointNames {
  private var parents: [String: String] = [:]

  private func root(of name: String) -> String {
    var name = name
    while let parent = parents[name] { name = parent }
    return name
  }

  /// Joins the parts of two names; false when they were already one part.
  mutating func join(_ left: String, _ right: String) -> Bool {
    let (first, second) = (root(of: left), root(of: right))
    guard first != second else { return false }
    parents[first] = second
    return true
  }
}
