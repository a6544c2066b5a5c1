// Every input that Martlet takes from outside, by name.
//
// A new target is three things: a file beside this one with a function that takes the bytes, a
// line in `all`, and a folder of its name in `corpus` with a few inputs to start from.

internal import WireExercise

/// Something that must stand any bytes: it returns, or it traps on a finding.
struct FuzzTarget: Sendable {
  /// The folder of its corpus, and the word on the command line of `scripts/fuzz`.
  var name: String
  var run: @Sendable (RawSpan) -> Void
}

extension FuzzTarget {
  /// The parsers of Wire: one target a protocol.
  static let wire: [FuzzTarget] = WireExercise.allCases.map { exercise in
    FuzzTarget(name: exercise.rawValue) { exercise.run($0) }
  }

  /// Frames and changes of configuration through the switch.
  static let pipeline = FuzzTarget(name: "pipeline") { PipelineProgram.run($0) }

  /// Topology files, from their text to the plans of their hosts.
  static let config = FuzzTarget(name: "config") { ConfigTarget.run($0) }

  /// Frames as a filter reads them.
  static let flowkey = FuzzTarget(name: "flowkey") { FlowKeyTarget.run($0) }

  /// A hostile front end of a vhost-user port.
  static let vhost = FuzzTarget(name: "vhost") { VhostTarget.run($0) }

  /// All of them. Each has a folder in `corpus`; `scripts/fuzz` finds the names there.
  static let all: [FuzzTarget] = wire + [pipeline, config, flowkey, vhost]
}
