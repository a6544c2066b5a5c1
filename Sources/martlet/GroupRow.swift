// A membership of a multicast group, as an agent tells it: `GET /v1/groups`.

internal import Wire

/// A port that has joined a multicast group, where its switch snoops.
struct GroupRow: Codable, Sendable {
  var host: String?
  var `switch`: String
  /// 0 for frames without a tag.
  var vlan: UInt16
  var group: IPAddress
  var port: String
  var vm: String?
  /// `include`: only from the sources; `exclude`: from all but them.
  var mode: String
  var sources: [IPAddress]
  /// Since the port joined.
  var ageSeconds: Int?
}
