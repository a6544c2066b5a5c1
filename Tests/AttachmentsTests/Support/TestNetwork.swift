// Namespaces and devices of a test's own, removed at its end whatever happened.

import Attachments
import Base
import Glibc
import Linux
import Rig
import Testing

/// Whether this machine lets us make what the tests with real devices need.
// SAFETY: a C string for the call.
let canMakeDevices = unsafe getuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0
let needsDevices: Comment = "needs root and /dev/net/tun"
// SAFETY: as above.
let hasTshark = unsafe access("/usr/bin/tshark", X_OK) == 0
let needsTshark: Comment = "needs tshark"

/// Waits for something that follows from closing a descriptor. It may take a moment: a child that
/// another test has just forked holds a copy until it executes its program.
func becomesTrue(_ condition: () throws -> Bool) rethrows -> Bool {
  try MonotonicClock.wait(atMostNanoseconds: 5_000_000_000, until: condition)
}

extension TestNamespace {
  /// Gives a device 02:00:00:00:00:0N, 10.9.8.N and fd00:9::N, and takes it up.
  func address(_ device: String, _ host: Int) throws {
    try run(
      """
      sysctl -qw net.ipv6.conf.\(device).disable_ipv6=0
      ip link set \(device) address 02:00:00:00:00:0\(host)
      ip address add 10.9.8.\(host)/24 dev \(device)
      ip address add fd00:9::\(host)/64 dev \(device) nodad
      ip link set \(device) up
      """)
  }
}
