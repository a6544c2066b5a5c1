// The other end of a QMP socket, said and heard step by step by the test itself; and real QEMU.

import Base
import Glibc
import Linux
import QMP
import Testing

/// A socket that says what a test wants. Nothing waits: both ends are in one thread.
final class FakeQEMU {
  let path: String
  private let listener: Descriptor
  private var guest: Descriptor?

  /// What QEMU 7.2 says, word for word.
  static let greeting =
    #"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "#
    + #""package": "Debian 1:7.2+dfsg-7+deb12u18+b3"}, "capabilities": ["oob"]}}"# + "\r\n"
  static let event =
    #"{"timestamp": {"seconds": 1699872175, "microseconds": 218042}, "#
    + #""event": "NIC_RX_FILTER_CHANGED", "data": {"name": "net0", "#
    + #""path": "/machine/peripheral/net0/virtio-backend"}}"# + "\r\n"
  static let otherEvent =
    #"{"timestamp": {"seconds": 1699872176, "microseconds": 1}, "event": "RESUME"}"# + "\r\n"

  static func accepted(id: Int) -> String { #"{"return": {}, "id": \#(id)}"# + "\r\n" }

  static func refused(id: Int, _ words: String) -> String {
    #"{"id": \#(id), "error": {"class": "GenericError", "desc": "\#(words)"}}"# + "\r\n"
  }

  static func filter(
    _ name: String = "net0", mac: String = "52:54:00:12:34:56", promiscuous: Bool = false,
    multicast: String = "normal", groups: [String] = ["01:00:5e:00:00:01", "33:33:00:00:00:01"],
    overflow: Bool = false, vlans: Int = 4096
  ) -> String {
    let table = groups.map { "\"\($0)\"" }.joined(separator: ", ")
    let vlans = (0..<vlans).reversed().map(String.init).joined(separator: ", ")
    return #"{"promiscuous": \#(promiscuous), "name": "\#(name)", "main-mac": "\#(mac)", "#
      + #""unicast": "normal", "vlan": "all", "vlan-table": [\#(vlans)], "unicast-table": [], "#
      + #""multicast": "\#(multicast)", "multicast-overflow": \#(overflow), "#
      + #""unicast-overflow": false, "multicast-table": [\#(table)], "broadcast-allowed": false}"#
  }

  static func answer(id: Int, _ filters: String...) -> String {
    #"{"return": [\#(filters.joined(separator: ", "))], "id": \#(id)}"# + "\r\n"
  }

  init() throws {
    path = "/tmp/martlet-qmp-\(getpid())-\(MonotonicClock.now().nanoseconds)"
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    listener = Descriptor(owning: number)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // SAFETY: the path fits, and a sockaddr_un begins as a sockaddr.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: Array(path.utf8))
    }
    let result = unsafe withUnsafePointer(to: address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0 && listen(number, 4) == 0)
  }

  // SAFETY: a C string for the call.
  deinit { unsafe unlink(path) }

  /// Takes the connection that waits, if it was not taken, and says something.
  func say(_ text: String) throws {
    if guest == nil {
      guest = Descriptor(owning: accept(listener.number, nil, nil))
    }
    try guest?.write(Array(text.utf8))
  }

  /// What the client has said and was not heard before.
  func hear() throws -> String {
    var text = ""
    while let number = guest?.number {
      var buffer = [UInt8](repeating: 0, count: 4096)
      // SAFETY: the buffer is lent for the call, with its size.
      let count = unsafe recv(number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count <= 0 { break }
      text += String(decoding: buffer.prefix(count), as: UTF8.self)
    }
    return text
  }

  func hangUp() { guest = nil }
}

/// QEMU itself, with a virtio nic and no guest, stopped before its first instruction.
final class RealQEMU {
  static let program = "/usr/bin/qemu-system-x86_64"
  // SAFETY: a C string for the call.
  static let isInstalled = unsafe access(program, X_OK) == 0
  static let needed: Comment = "needs qemu-system-x86_64 (package qemu-system-x86)"

  let path = "/tmp/martlet-qemu-\(getpid())-\(MonotonicClock.now().nanoseconds)"
  private let process: Process

  /// A process that ends with its test.
  private final class Process {
    var child: ChildProcess
    init(_ command: ChildProcess.Command) throws { child = try ChildProcess(command) }
    deinit { _ = child.terminate(graceNanoseconds: 0) }
  }

  init() throws {
    var command = ChildProcess.Command([
      Self.program, "-nodefaults", "-display", "none", "-machine", "q35", "-m", "32", "-S",
      "-qmp", "unix:\(path),server=on,wait=off", "-netdev", "hubport,id=hub0,hubid=0",
      "-device", "virtio-net-pci,netdev=hub0,id=net0,mac=52:54:00:12:34:56,romfile=",
    ])
    command.errors = .null
    command.output = .null
    command.diesWithParent = true
    process = try Process(command)
  }

  /// Connects as soon as QEMU listens: its socket is in the folder a moment before it does.
  func connect() throws -> QMPClient {
    let path = path
    let listens = MonotonicClock.wait(atMostNanoseconds: 20_000_000_000) {
      (try? QMPClient(path: path, now: MonotonicClock.now())) != nil
    }
    try #require(listens)
    return try QMPClient(path: path, now: MonotonicClock.now(), answerMilliseconds: 20_000)
  }

  // SAFETY: a C string for the call.
  deinit { unsafe unlink(path) }
}
