// What a client of `GET /v1/capture` asks for, read from the query:
//
//   switch=NAME | port=ID or VM/NIC | uplink=NAME or NIC     where to look; everywhere when none is given
//   point=P,P                                                may be given several times
//   filter=EXPRESSION                                        as for tcpdump
//   snapBytes=N   count=N   seconds=N                        per frame; when to end

internal import Base
internal import Dataplane
internal import HTTP

/// A checked request for a capture.
struct CaptureRequest: Sendable {
  /// Where frames are looked at.
  enum Place: Hashable, Sendable {
    case everywhere
    case onSwitch(String)
    case port(String)
    case uplink(String)
  }

  var place = Place.everywhere
  var points: CapturePoints = []
  var filter = ""
  var snapBytes = 0
  var countLimit: Int?
  var seconds: Int?

  init(_ target: HTTPTarget) throws(Failure) {
    for item in target.query {
      switch item.name {
      case "switch": try choose(.onSwitch(item.value))
      case "port": try choose(.port(item.value))
      case "uplink": try choose(.uplink(item.value))
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
    // The ends of the switch: elsewhere the same frame is seen again.
    if points == [] { try add("vnicIn,vnicOut,uplinkIn,uplinkOut,drop") }
  }

  private mutating func choose(_ place: Place) throws(Failure) {
    guard self.place == .everywhere else {
      throw Self.refusal(
        "several places are named", "give one of switch, port and uplink")
    }
    self.place = place
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
