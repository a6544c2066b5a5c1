// A network namespace of one test's own.

internal import Base
internal import Glibc
public import Linux

/// A namespace without IPv6 and with a name that no other run uses; gone when its owner goes.
public final class TestNamespace {
  public let handle: NetworkNamespace
  public let name: String

  public init() throws {
    name = RigEnvironment.uniquePrefix() + "ns"
    handle = try NetworkNamespace.create(named: name)
    try run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
    try run("ip link set lo up")
  }

  deinit { try? NetworkNamespace.delete(named: name) }

  /// Runs a shell script inside; a failing one is an error with what it said.
  @discardableResult
  public func run(_ script: String) throws -> String {
    let report = try ChildProcess.run(.init(["sh", "-ec", script], in: handle))
    guard report.ending.isSuccess else {
      throw Failure(
        "cannot run `\(script)` in \(name)", why: report.errors, remedy: "run it by hand")
    }
    return report.output
  }
}
