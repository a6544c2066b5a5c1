// One capture: the worker puts frames in, a thread of its own sends them to the client.
//
//   worker --(lock, once a batch)--> pcapng in `bufferBytes` --(thread)--> HTTP stream --> client
//
// A client that does not read fast enough fills the buffer; what does not fit is counted, and told a second
// later at the latest. Every second something is sent, because only writing shows that a client has gone.

internal import Attachments
internal import Base
internal import HTTP
internal import Linux
internal import Synchronization

/// A running capture.
///
/// - Thread: any; the worker is held up for the time of a copy at most.
final class CaptureSession: Sendable {
  /// What waits for the client at most.
  static let bufferBytes = 4 << 20
  private static let pieceBytes = 64 << 10
  private static let roundNanoseconds: UInt64 = 1_000_000_000
  /// After a piece, the next may gather for so long: a thread that sends each frame by itself would take
  /// the processor from the worker.
  private static let gatherNanoseconds: UInt64 = 10_000_000

  let request: CaptureRequest
  let stream = HTTPStream(limitBytes: 256 << 10)
  private let host: String
  private let buffer: Mutex<CaptureBuffer>
  /// The client has gone, or got what it asked for.
  private let isOver = Mutex(false)
  private let wakeup: WakeupSignal
  /// The time of day when the monotonic clock was zero.
  private let epochNanoseconds: UInt64

  init(_ request: CaptureRequest, host: String) throws(Failure) {
    self.request = request
    self.host = host
    epochNanoseconds = WallClock.nowNanoseconds() &- MonotonicClock.now().nanoseconds
    buffer = Mutex(
      CaptureBuffer(
        filter: try PcapFilter(request.filter), limitBytes: Self.bufferBytes,
        snapBytes: request.snapBytes, frameLimit: request.countLimit))
    do throws(Errno) { wakeup = try WakeupSignal() } catch {
      throw error.failure("cannot capture")
    }
  }

  /// Says what there is to look at from now on. Returns the number of each place.
  func setPlaces(_ places: [CapturePlace]) -> [Int] {
    buffer.withLock { $0.setPlaces(places, host: host) }
  }

  /// Lets the worker put frames in; `body` is given their time of day.
  func take(now: MonotonicTime, _ body: (inout CaptureBuffer, _ timeNanoseconds: UInt64) -> Void) {
    let time = epochNanoseconds &+ now.nanoseconds
    let wakes = buffer.withLock { buffer in
      let wasEmpty = buffer.isEmpty
      body(&buffer, time)
      return wasEmpty && !buffer.isEmpty || buffer.isComplete
    }
    if wakes { wakeup.ring() }
  }

  // MARK: - The sending thread

  /// Starts to send; calls `whenOver` when the capture has ended, whoever ended it.
  func start(whenOver: @escaping @Sendable () -> Void) throws(Failure) {
    stream.whenClosed { [weak self] in self?.end() }
    do throws(Errno) {
      let poller = try Poller(capacity: 1)
      try poller.add(wakeup.descriptor, token: 0)
      _ = try Thread(named: "capture", owning: poller) { [self] poller in
        run(poller)
        whenOver()
        stream.finish()
      }
    } catch { throw error.failure("cannot capture") }
  }

  private func end() {
    isOver.withLock { $0 = true }
    wakeup.ring()
  }

  private var hasEnded: Bool { isOver.withLock { $0 } || stream.roomBytes == nil }

  private func run(_ poller: consuming Poller) {
    var poller = poller
    let start = MonotonicClock.now()
    let end =
      request.seconds.map { start.advanced(byMilliseconds: UInt64($0) * 1_000) } ?? .never
    var nextRound = start.advanced(byNanoseconds: Self.roundNanoseconds)
    var isLast = false
    while !isLast, !hasEnded {
      poller.wait(
        timeoutNanoseconds: min(nextRound, end).nanoseconds(since: MonotonicClock.now()))
      wakeup.clear()
      let now = MonotonicClock.now()
      let isDue = now >= nextRound
      if isDue { nextRound = now.advanced(byNanoseconds: Self.roundNanoseconds) }
      let time = epochNanoseconds &+ now.nanoseconds
      let isOut = now >= end
      let (bytes, isComplete) = buffer.withLock { buffer in
        let isComplete = buffer.isComplete || isOut
        if isDue || isComplete {
          buffer.tellStatistics(timeNanoseconds: time, always: isDue)
        }
        return (buffer.isEmpty ? [] : buffer.takeBytes(), isComplete)
      }
      isLast = isComplete
      send(bytes)
      if !isLast { gather(poller) }
    }
  }

  /// Sends all of it, as fast as the client reads.
  private func send(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(Self.pieceBytes))
      let isRoom = MonotonicClock.wait(atMostNanoseconds: Self.roundNanoseconds) {
        hasEnded || stream.roomBytes ?? 0 >= piece.count
      }
      if hasEnded { return }
      guard isRoom else { continue }
      stream.send(piece)
      rest = rest.dropFirst(piece.count)
    }
  }

  private func gather(_ poller: borrowing Poller) {
    _ = MonotonicClock.wait(
      atMostNanoseconds: Self.gatherNanoseconds, everyNanoseconds: Self.gatherNanoseconds
    ) { hasEnded }
  }
}
