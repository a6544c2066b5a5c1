// Does a device have its carrier right now?
//
// The kernel tells of a carrier in two steps. The driver's call counts the change and drops the
// carrier at once; a work item (net/core/link_watch.c) then takes the rtnl lock, starts or stops
// the queues of the device and sends the netlink event. That work waits for the lock, and for up to
// a second when it runs too often and the device does not look urgent. So:
//   - a lost carrier is seen here, by the counter, without waiting for either;
//   - a carrier that came back is trusted only when the event says so: before it, a device with a
//     queue discipline still throws frames away.

public import Base
public import Linux

/// Watches the carrier of one device for its loss.
///
/// - Thread: one at a time.
public struct LinkProbe: ~Copyable, Sendable {
  private let counter: CarrierCounter
  private let changesWithCarrier: UInt64

  public let name: String

  /// For a device of the calling thread's namespace. Needs root, and Linux 5.2.
  public init(_ name: String) throws(Failure) {
    let counter = try Self.counter(name)
    changesWithCarrier = try Self.baseline(counter, name)
    self.counter = counter
    self.name = name
  }

  private static func counter(_ name: String) throws(Failure) -> CarrierCounter {
    do throws(Errno) { return try CarrierCounter(device: name) } catch {
      throw error.failure(
        "cannot watch the carrier of link \(name)",
        remedy: "check that the link exists, and run as root")
    }
  }

  /// The count at some time when there was a carrier, give or take an even number.
  private static func baseline(
    _ counter: borrowing CarrierCounter, _ name: String
  ) throws(Failure) -> UInt64 {
    let socket = try NetlinkSocket()
    // The count says when the carrier changed, the kernel's answer which way it was: they belong
    // together when the count did not change meanwhile. A carrier that changes faster than 16
    // answers is not one to use.
    for _ in 0..<16 {
      let before = counter.read()
      guard let before, let link = try socket.link(.name(name)) else { break }
      if counter.read() == before { return link.hasCarrier ? before : before &+ 1 }
    }
    throw Failure(
      "cannot watch the carrier of link \(name)",
      why: "it is gone, or its carrier comes and goes without a pause",
      remedy: "check the link with `ip link show \(name)`")
  }

  /// For a device of another namespace.
  public init(_ name: String, in namespace: NetworkNamespace) throws(Failure) {
    self = try namespace.run { () throws(Failure) in try LinkProbe(name) }
  }

  /// The carrier at this moment; false when the device is gone.
  ///
  /// - Cost: one system call of about a microsecond, no lock, no allocation.
  public borrowing func hasCarrier() -> Bool {
    guard let changes = counter.read() else { return false }
    return (changes &- changesWithCarrier) & 1 == 0
  }
}
