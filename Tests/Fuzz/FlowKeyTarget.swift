// Any bytes as a frame: reading its key never traps, and a key has what its bits say. The same frame gets the
// same verdict from the rules, from the rules with the masked key, and from the flow table.

internal import Base
internal import Dataplane
internal import Tables
internal import Wire

enum FlowKeyTarget {
  static func run(_ bytes: RawSpan) {
    let key = FlowKey(bytes, vlan: UInt16(truncatingIfNeeded: bytes.byteCount), ruleSet: 1)
    precondition(key.ruleSet == 1, "a frame reaches into the number of its rule set")
    precondition(!key.hasPorts || key.hasAddresses, "ports without addresses")
    precondition(key.hasPorts || key.tcpFlags == nil, "flags without ports")
    precondition(!key.isLaterFragment || key.isFragment && !key.hasPorts, "ports in mid-packet")
    precondition(key.hasPorts || key.sourcePort | key.destinationPort == 0, "unsaid ports")
    let rules = RuleSet(rules(like: key), seed: 1)
    let masked = key.masked(by: rules.fieldMask)
    let verdict = rules.match(key)
    precondition(rules.match(masked) == verdict, "a masked key has another verdict")
    precondition(masked.masked(by: rules.fieldMask) == masked, "masking twice masks more")
    precondition(verdict.rule != nil || !key.hasPorts, "a frame's own ports do not match it")
    var flows = FlowTable(capacity: 8, seed: 1)
    precondition(flows.lookup(masked, generation: 1) == nil, "an empty table knows a flow")
    flows.insert(masked, generation: 1, verdict: verdict)
    precondition(flows.lookup(masked, generation: 1) == verdict, "a flow was not kept")
    precondition(flows.lookup(masked, generation: 2) == nil, "a flow outlived its plan")
  }

  /// Rules that look at what this frame has.
  private static func rules(like key: FlowKey) -> [FilterRule] {
    var ports = FilterRule(.drop)
    ports.protocol = key.protocol
    ports.destinationPorts = [key.destinationPort...key.destinationPort]
    ports.sourcePorts = [0...key.sourcePort]
    var host = FilterRule(.tag(cos: nil, dscp: 46))
    host.source = IPPrefix(host: .v6(key.source))
    var fragment = FilterRule(.drop)
    fragment.fragment = true
    fragment.vlans = 1...key.vlan | 1
    return [host, fragment, ports]
  }
}
