// Which ports want a multicast frame.
//
// Basic filtering goes by the destination addresses that the guest's nic listens to; a nic that nobody can
// look at, or with more than 32 addresses, gets all (vSphere's "legacy" filtering). Snooping goes by the
// groups that guests join (RFC 4541): local groups and other protocols reach everybody, reports reach
// only ports with a multicast router behind them, and uplinks always get everything that VMs send.

internal import Base
internal import FrameMemory
internal import Protocols
internal import Tables
internal import Wire

extension Switch {
  /// Notes who wants a multicast frame, for `isWanted`.
  @inline(__always)
  mutating func findAudience(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ context: BatchContext
  ) {
    guard header.kind == .multicast else { return }
    if plan.multicast == .basic {
      isForEveryone = false
      audience.removeAll()
      _ = groupFilter.ports(of: header.destination, into: &audience)
    } else {
      snoop(&header, batch.bytes(of: Int(header.index)), context)
    }
  }

  /// Whether a port is to get the multicast frame that `findAudience` looked at.
  @inline(__always)
  mutating func isWanted(by port: PortIndex) -> Bool {
    states[port.index].hearsAllMulticast || isForEveryone || audience.contains(port.index)
  }
}
