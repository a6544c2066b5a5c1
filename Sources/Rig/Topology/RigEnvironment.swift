// What tests and benchmarks ask before they build a rig: whether this machine lets them, under which names,
// and which program is under test.

internal import Base
internal import Glibc
internal import HTTP
internal import Linux
internal import Netlink
internal import Synchronization

/// The machine that rigs are built on.
public enum RigEnvironment {
  private static let prefixCount = Atomic(0)

  /// Root may make namespaces and devices; some sandboxes forbid it even to root.
  public static func canBuild() -> Bool {
    // SAFETY: a C string for the call.
    guard geteuid() == 0, unsafe access("/dev/net/tun", R_OK | W_OK) == 0 else { return false }
    let name = uniquePrefix() + "probe"
    defer { try? NetworkNamespace.delete(named: name) }
    guard let namespace = try? NetworkNamespace.create(named: name) else { return false }
    return
      (try? NetlinkSocket.createVethPair(
        VethEnd("a", in: namespace), VethEnd("b", in: namespace))) != nil
  }

  /// Whether programs are in PATH.
  public static func hasPrograms(_ names: String...) -> Bool {
    names.allSatisfy { name in
      (try? ChildProcess.run(.init(["which", name])).ending.isSuccess) ?? false
    }
  }

  /// What no other run on this machine uses.
  public static func uniquePrefix() -> String {
    "mt\(getpid())x\(prefixCount.add(1, ordering: .relaxed).newValue)-"
  }

  /// The program under test: MARTLET_BINARY, else the one that was built beside the tests.
  public static func testedProgram() -> String {
    if let given = ChildProcess.Command.inheritedEnvironment["MARTLET_BINARY"] { return given }
    let tests = CommandLine.arguments[0]
    return (tests.lastIndex(of: "/").map { tests[...$0] } ?? "./") + "martlet"
  }

  /// How many workers agents have where a test does not say: MARTLET_WORKERS, else 1.
  public static var workers: Int {
    ChildProcess.Command.inheritedEnvironment["MARTLET_WORKERS"].flatMap { Int($0) } ?? 1
  }

  /// Waits up to ten seconds for something to become true.
  public static func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    try MonotonicClock.wait(
      atMostNanoseconds: 10_000_000_000, everyNanoseconds: 5_000_000, until: condition)
  }
}

extension Rig {
  /// Whether a VM gets an answer from an address within the time.
  public func reaches(_ vm: String, _ address: String, seconds: String = "1", bytes: Int = 56)
    -> Bool
  {
    let command = ["ping", "-n", "-c1", "-W\(seconds)", "-s\(bytes)", "-Mdo", address]
    let report = try? ChildProcess.run(.init(command, in: namespace(vm)))
    return report?.ending.isSuccess ?? false
  }

  /// Replaces the topology file and lets an agent read it; fails unless it is applied.
  public func change(_ text: String, on host: String) throws {
    try write(text)
    let reply = try reload(host)
    guard reply.status == 200 else {
      throw Failure(
        "cannot change the topology of \(host)", why: String(decoding: reply.body, as: UTF8.self),
        remedy: "look at the agent's log")
    }
  }
}
