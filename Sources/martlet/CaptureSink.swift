// Where the captures of several agents become one: one section, interfaces numbered through.
//
// Each agent sends a section of its own. Sections may follow each other in a file but not mix, so the
// first header is kept, and interfaces get new numbers in the order in which they come. Frames stay in
// the order of their arrival here, which between hosts is not quite that of their times (reordercap(1)
// sorts them).

internal import Attachments
internal import Base
internal import Linux
internal import Synchronization

/// Takes what agents send, and writes it.
///
/// - Thread: any; one writes at a time, and waits for the disk or the pipe while it does.
final class CaptureSink: Sendable {
  /// Where it goes.
  enum Output: ~Copyable {
    case text
    case standardOutput
    case file(Descriptor)

    fileprivate var isText: Bool {
      switch self {
      case .text: true
      default: false
      }
    }

    fileprivate borrowing func write(_ bytes: [UInt8]) throws(Failure) {
      switch self {
      case .file(let file):
        do throws(Errno) { try file.write(bytes) } catch {
          throw error.failure("cannot write the capture")
        }
      default: try Console.write(bytes)
      }
    }
  }

  /// How it ended.
  struct Report {
    var failures: [Failure]
    var frameCount: Int
    var lostFrames: UInt64

    /// "12 frames captured, 3 lost".
    var summary: String {
      let frames = "\(frameCount) \(frameCount == 1 ? "frame" : "frames") captured"
      return lostFrames == 0 ? frames : "\(frames), \(lostFrames) lost: the capture was too slow"
    }
  }

  private struct Source {
    var parser = PcapNGParser()
    /// The number of each interface in what is written, and its name.
    var interfaces: [(number: Int, name: String)] = []
    var lostFrames: [Int: UInt64] = [:]
  }

  private struct State: ~Copyable {
    let output: Output
    var sources: [Source]
    var openCount: Int
    var hasSection = false
    var interfaceCount = 0
    var frameCount = 0
    let countLimit: Int
    var failures: [Failure] = []
    var isOver = false
  }

  private let state: Mutex<State>
  private let over = Latch()

  init(agentCount: Int, output: consuming sending Output, countLimit: Int?) {
    precondition(agentCount > 0, "somebody has to be asked")
    state = Mutex(
      State(
        output: output, sources: Array(repeating: Source(), count: agentCount),
        openCount: agentCount, countLimit: countLimit ?? .max))
  }

  /// Takes a piece of what an agent sends; false when no more is wanted.
  func take(_ bytes: [UInt8], from source: Int) -> Bool {
    state.withLock { state in
      guard !state.isOver else { return false }
      state.sources[source].parser.feed(bytes)
      do throws(Failure) {
        try Self.drain(&state, source)
      } catch { finish(&state, error) }
      if state.frameCount >= state.countLimit { finish(&state, nil) }
      return !state.isOver
    }
  }

  /// An agent sends no more.
  func end(of source: Int, _ failure: Failure?) {
    state.withLock { state in
      // When it is over, the others are cut off, and that is not their fault.
      guard !state.isOver else { return }
      if let failure { state.failures.append(failure) }
      state.openCount -= 1
      if state.openCount == 0 { finish(&state, nil) }
    }
  }

  private func finish(_ state: inout State, _ failure: Failure?) {
    guard !state.isOver else { return }
    if let failure { state.failures.append(failure) }
    state.isOver = true
    over.open()
  }

  /// Blocks until every agent has ended, or there is enough.
  func wait() { over.wait() }

  func report() -> Report {
    state.withLock { state in
      Report(
        failures: state.failures, frameCount: state.frameCount,
        lostFrames: state.sources.flatMap { $0.lostFrames.values }.reduce(0, &+))
    }
  }

  // MARK: Blocks

  private static func drain(_ state: inout State, _ source: Int) throws(Failure) {
    var bytes: [UInt8] = []
    var text = ""
    let isText = state.output.isText
    while state.frameCount < state.countLimit, let block = try state.sources[source].parser.next() {
      switch block.content {
      case .section:
        if !state.hasSection { bytes += block.bytes }
        state.hasSection = true
      case .interface(let name, _):
        state.sources[source].interfaces.append((state.interfaceCount, name))
        state.interfaceCount += 1
        bytes += block.bytes
      case .frame(let frame):
        let interface = try interface(frame.interface, state.sources[source])
        state.frameCount += 1
        bytes += block.bytes(interface: interface.number)
        if isText { text += FrameLine.text(frame, at: interface.name) + "\n" }
      case .statistics(let number, _, let lostFrames):
        let interface = try interface(number, state.sources[source])
        // Each counts from the beginning.
        state.sources[source].lostFrames[number] = lostFrames
        bytes += block.bytes(interface: interface.number)
      case .other: break
      }
    }
    let written = isText ? Array(text.utf8) : bytes
    if !written.isEmpty { try state.output.write(written) }
  }

  private static func interface(_ number: Int, _ source: Source) throws(Failure)
    -> (number: Int, name: String)
  {
    guard source.interfaces.indices.contains(number) else {
      throw Failure(
        "cannot read the capture", why: "a frame is of interface \(number), which was not named",
        remedy: "check that both sides are the same version (`martlet version`)")
    }
    return source.interfaces[number]
  }
}
