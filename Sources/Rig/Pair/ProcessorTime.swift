// Processor time of the whole machine (proc(5), /proc/stat): what a switch costs includes the work that
// the kernel does for it, in whoever's name.

public import Base
internal import Glibc
public import Linux

public enum ProcessorTime {
  /// Seconds that all processors together have not been idle since the machine started.
  public static func busySeconds() throws(Failure) -> Double {
    let text = String(decoding: try readFile("/proc/stat", limitBytes: 1 << 20), as: UTF8.self)
    guard let ticks = busyTicks(text) else {
      throw Failure("cannot read /proc/stat", why: "it has no line `cpu`", remedy: "mount /proc")
    }
    return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// user nice system irq softirq steal, without idle and iowait.
  package static func busyTicks(_ text: String) -> UInt64? {
    let words = text.split(separator: "\n").first?.split(separator: " ") ?? []
    let fields = words.dropFirst().prefix(8).compactMap { UInt64($0) }
    guard words.first == "cpu", fields.count == 8 else { return nil }
    return fields.enumerated().reduce(0) { $1.offset == 3 || $1.offset == 4 ? $0 : $0 + $1.element }
  }
}

/// UDP datagrams that reached the stack of a namespace (proc(5), /proc/net/snmp).
public enum DatagramCount {
  /// Those that a socket got, and those that it refused or had no room for: the path brought them
  /// all. What waits in a socket is not counted: let it refuse everything.
  public static func arrived(in namespace: NetworkNamespace) throws(Failure) -> UInt64 {
    let bytes = try namespace.run { () throws(Failure) in
      try readFile("/proc/thread-self/net/snmp", limitBytes: 1 << 16)
    }
    guard let count = arrived(String(decoding: bytes, as: UTF8.self)) else {
      throw Failure(
        "cannot count datagrams", why: "/proc/net/snmp has no line `Udp:`", remedy: "mount /proc")
    }
    return count
  }

  package static func arrived(_ text: String) -> UInt64? {
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("Udp:") }.map {
      $0.split(separator: " ")
    }
    guard lines.count == 2, lines[0].count == lines[1].count else { return nil }
    func value(_ name: String) -> UInt64? {
      lines[0].firstIndex { $0 == name }.flatMap { UInt64(lines[1][$0]) }
    }
    guard let got = value("InDatagrams"), let lost = value("InErrors") else { return nil }
    return got + lost
  }
}
