// A switch to be measured in turns with others, with one worker or with several.
//
// One worker alone is measured without anything that only lanes need; beside several, as a lane.

internal import Base

final class PipelineRig {
  let scenario: PipelineScenario
  private var one: PipelineBenchmark?
  private let several: PipelineLanes?

  init(_ scenario: PipelineScenario, batchFrames: Int, asLanes: Bool) throws {
    self.scenario = scenario
    if !asLanes {
      one = try PipelineBenchmark(scenario, batchFrames: batchFrames, seed: 1)
      several = nil
    } else {
      one = nil
      several = try PipelineLanes(scenario, batchFrames: batchFrames, seed: 1)
    }
  }

  func run(nanoseconds: UInt64) throws -> PipelineRun {
    if let several { return try several.run(nanoseconds: nanoseconds) }
    return try one?.run(nanoseconds: nanoseconds) ?? PipelineRun()
  }

  func runRawLimit(nanoseconds: UInt64) throws -> PipelineRun {
    if let several { return try several.runRawLimit(nanoseconds: nanoseconds) }
    return one?.runRawLimit(nanoseconds: nanoseconds) ?? PipelineRun()
  }
}
