// Namespaces and devices of a test's own, removed at its end whatever happened.

import Base
import Glibc
import Linux
import Rig
import Testing

// SAFETY: a C string for the call.
let canMakeDevices = unsafe getuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0
let needsDevices: Comment = "needs root and /dev/net/tun"

/// Whether the kernel has sockets of this family (CONFIG_XDP_SOCKETS).
let hasXDPSockets: Bool = {
  let descriptor = socket(AF_XDP, Int32(SOCK_RAW.rawValue), 0)
  if descriptor >= 0 { close(descriptor) }
  return descriptor >= 0
}()
let needsXDPSockets: Comment = "needs a kernel with AF_XDP sockets (CONFIG_XDP_SOCKETS)"

/// Waits for something that the kernel does in its own time.
func becomesTrue(_ condition: () throws -> Bool) rethrows -> Bool {
  try MonotonicClock.wait(atMostNanoseconds: 5_000_000_000, until: condition)
}

extension TestNamespace {
  /// A veth pair: `NAME` and `NAMEp`, both up, with as many queues each.
  func pair(_ name: String, queues: Int = 1) throws {
    let count = "numtxqueues \(queues) numrxqueues \(queues)"
    try run(
      """
      ip link add name \(name) \(count) type veth peer name \(name)p \(count)
      ip link set dev \(name) up; ip link set dev \(name)p up
      """)
  }
}
