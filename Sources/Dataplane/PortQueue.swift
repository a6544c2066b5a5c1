// Ports that wait for something, each at most once, in order.

internal import Base
internal import FrameMemory

/// A queue of ports with room for every port: it cannot overflow.
struct PortQueue: ~Copyable, Sendable {
  private var ring: FixedArray<PortIndex>
  private var isWaiting: FixedArray<Bool>
  private var head = 0
  private(set) var count = 0

  init(capacity: Int) {
    ring = FixedArray(repeating: .none, count: capacity)
    isWaiting = FixedArray(repeating: false, count: capacity)
  }

  /// Adds a port unless it waits already.
  mutating func append(_ port: PortIndex) {
    guard !isWaiting[port.index] else { return }
    isWaiting[port.index] = true
    ring[(head + count) % ring.count] = port
    count += 1
  }

  mutating func popFirst() -> PortIndex? {
    guard count > 0 else { return nil }
    let port = ring[head]
    head = (head + 1) % ring.count
    count -= 1
    isWaiting[port.index] = false
    return port
  }
}
