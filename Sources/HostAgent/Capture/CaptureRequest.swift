// What a client of `GET /v1/capture` asks for, read from the query:
//
//   switch=NAME                                              where to look; everywhere when nothing is given
//   port=ID or VM/NIC | uplink=NAME or NIC                   only there, on that switch or any
//   point=P,P                                                may be given several times
//   filter=EXPRESSION                                        as for tcpdump
//   snapBytes=N   count=N   seconds=N                        per frame; when to end

internal import Base
internal import Dataplane
internal import HTTP

/// A checked request for a capture.
struct CaptureRequest: Sendable {
  /// Where frames are looked at; everywhere where a name is nil.
  var switchName: String?
  /// Its id, or `VM/NIC`.
  var port: String?
  /// Its name, or that of its nic.
  var uplink: String?
  var points: CapturePoints = []
  var filter = ""
  var snapBytes = 0
  var countLimit: Int?
  var seconds: Int?

  init(_ target: HTTPTarget) throws(Failure) {
    for item in target.query {
      switch item.name {
      case "switch": switchName = item.value
      case "port": port = item.value
      case "uplink": uplink = item.value
      case "point": try add(item.value)
      case "filter": filter = item.value
      case "snapBytes": snapBytes = try Self.number(item, 14...262_144)
      case "count": countLimit = try Self.number(item, 1...Int(Int32.max))
      case "seconds": seconds = try Self.number(item, 1...86_400)
      default:
        throw Self.refusal(
          "there is no \(item.name)",
          "use switch, port, uplink, point, filter, snapBytes, count or seconds")
      }
    }
    if port != nil, uplink != nil {
      throw Self.refusal("a port and an uplink are named", "give one of them")
    }
    // The ends of the switch: elsewhere the same frame is seen again.
    if points == [] { try add("vnicIn,vnicOut,uplinkIn,uplinkOut,drop") }
  }

  private mutating func add(_ names: String) throws(Failure) {
    for name in names.split(separator: ",", omittingEmptySubsequences: false) {
      guard let point = CapturePoint(name: name) else {
        let known = CapturePoint.allCases.map(\.name).joined(separator: ", ")
        throw Self.refusal("there is no point \(name)", "use some of \(known)")
      }
      points.insert(CapturePoints(point))
    }
  }

  private static func number(_ item: HTTPTarget.Item, _ range: ClosedRange<Int>) throws(Failure)
    -> Int
  {
    guard let number = Int(item.value), range.contains(number) else {
      throw refusal(
        "\(item.name) is \(item.value)",
        "give a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  static func refusal(_ why: String, _ remedy: String) -> Failure {
    Failure("cannot capture", why: why, remedy: remedy)
  }
}
