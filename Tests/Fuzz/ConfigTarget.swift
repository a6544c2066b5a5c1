// Topology files: YAML, its decoding, validation, and the plan of every host.
//
// A file is accepted or refused with errors that point into it; either way it costs bounded time and
// nothing traps. What is accepted can be planned for each of its hosts, or is refused in words, and reads
// the same after it was written out and read again.

internal import Base
internal import ConfigFile
internal import Dataplane
internal import Model
internal import Planner

enum ConfigTarget {
  static func run(_ bytes: RawSpan) {
    var text: [UInt8] = []
    for offset in 0..<bytes.byteCount { text.append(bytes.byte(offset)) }
    do throws(ConfigErrors) {
      let topology = try TopologyFile.parse(text, file: "fuzz.yaml")
      plan(topology)
      let again = try TopologyFile.parse(
        text: YAMLWriter.text(topology.value), file: "again.yaml")
      precondition(again == topology, "a topology changed while it was written and read")
    } catch {
      precondition(!error.failures.isEmpty, "refused without a reason")
      for failure in error.failures {
        precondition(failure.location != nil, "an error that points nowhere: \(failure)")
        precondition(!failure.remedy.isEmpty, "an error that does not say what to do: \(failure)")
      }
    }
  }

  private static func plan(_ topology: Topology) {
    for host in topology.hosts {
      for hostSwitch in topology.switches(onHost: host.name) {
        var directory = PortDirectory()
        directory.update(for: topology, switch: hostSwitch)
        var planner = SwitchPlanner()
        let planned = try? planner.plan(
          hostSwitch, in: topology, directory: directory, revision: 1)
        if let planned { _ = planned.makePlan() }
      }
    }
  }
}
