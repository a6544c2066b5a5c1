// What these tests share: namespaces of their own, and `ip` as an independent eye.

import Base
import FoundationEssentials
import Glibc
import Linux
import Netlink
import Testing

/// Root may make namespaces and devices; some sandboxes forbid it even to root.
let canMakeDevices: Bool = {
  guard geteuid() == 0 else { return false }
  let name = uniqueName("probe")
  defer { try? NetworkNamespace.delete(named: name) }
  guard let namespace = try? NetworkNamespace.create(named: name),
    let pair = try? NetlinkSocket.createVethPair(
      VethEnd("a", in: namespace), VethEnd("b", in: namespace))
  else { return false }
  return pair.first != pair.second
}()

let needsDevices: Comment = "needs root, network namespaces and veth devices"

/// A name that no other test run uses.
func uniqueName(_ what: String) -> String {
  "mt-\(what)-\(getpid())-\(UInt16.random(in: 0...UInt16.max))"
}

/// Two namespaces that go at the end, and with them all devices inside.
func withNamespaces<Value>(_ body: (NetworkNamespace, NetworkNamespace) throws -> Value) throws
  -> Value
{
  let (left, right) = (uniqueName("left"), uniqueName("right"))
  defer {
    try? NetworkNamespace.delete(named: left)
    try? NetworkNamespace.delete(named: right)
  }
  return try body(
    NetworkNamespace.create(named: left), NetworkNamespace.create(named: right))
}

/// Waits up to five seconds for something to become true.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  try MonotonicClock.wait(atMostNanoseconds: 5_000_000_000, until: condition)
}

/// What `ip -details -json link show` says of one device.
struct SeenLink: Decodable {
  struct Information: Decodable {
    struct Data: Decodable {
      var forwardDelay: Int?
      var stpState: Int?
      var ageingTime: Int?
      var mcastSnooping: Int?
    }
    var infoKind: String?
    var infoData: Data?
  }
  var ifindex: Int32
  var ifname: String
  var mtu: Int
  var flags: [String]
  var address: String?
  var master: String?
  var linkIndex: Int32?
  var txqlen: Int?
  var operstate: String
  var linkinfo: Information?
}

/// What `ip -json address show` says of one device.
struct SeenAddresses: Decodable {
  struct Row: Decodable {
    var local: String
    var prefixlen: Int
    var tentative: Bool?
  }
  var ifname: String
  var addrInfo: [Row]
}

/// Asks `ip` in a namespace.
func ip<Value: Decodable>(_ arguments: [String], in namespace: NetworkNamespace, as: Value.Type)
  throws -> Value
{
  let command = ["ip", "-n", namespace.name!, "-details", "-json"] + arguments
  let report = try ChildProcess.run(.init(command))
  try #require(report.ending.isSuccess, "\(report.errors)")
  let text = report.output.isEmpty ? "[]" : report.output
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  return try decoder.decode(Value.self, from: Data(text.utf8))
}

func seenLink(_ name: String, in namespace: NetworkNamespace) throws -> SeenLink? {
  // An empty object stands for each device that does not match.
  try ip(["link", "show"], in: namespace, as: [SeenLink].self).first { $0.ifname == name }
}
