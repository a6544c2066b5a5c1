// IGMP and MLD: single messages, and whole frames as a snooping switch reads and a querier writes them.

internal import Base
internal import Wire

func exerciseIGMP(_ bytes: RawSpan) {
  guard let view = IGMPView(bytes), let message = IGMPMessage(bytes) else {
    precondition(bytes.byteCount < 8, "refused without a reason")
    return
  }
  read(view.isChecksumValid)
  read(view.type.isMembership)
  precondition(view.group == message.group, "view and value disagree")
  checkBytes(message, of: bytes)
  var written = copy(of: bytes)
  written.withMutableRawSpan { IGMP.updateChecksum(in: &$0) }
  precondition(IGMPView(written.rawSpan)?.isChecksumValid ?? false, "a wrong checksum was written")
}

func exerciseMLD(_ bytes: RawSpan) {
  guard let view = MLDView(bytes), let message = MLDMessage(bytes) else {
    precondition(MLDMessage(bytes) == nil, "a value without a view")
    return
  }
  read(view.checksum)
  precondition(view.type.isMembership, "a type that is not about membership")
  precondition(view.group == message.group, "view and value disagree")
  _ = checkRoundTrip(message)
}

/// As it is, and with checksums and lifetime set right: no mutation would hit them.
func exerciseGroupMessage(_ bytes: RawSpan) {
  checkMessage(bytes)
  checkMessage(repaired(bytes).rawSpan)
}

private func repaired(_ bytes: RawSpan) -> [UInt8] {
  var frame = copy(of: bytes)
  guard let ethernet = EthernetView(bytes) else { return frame }
  if let packet = IPv4View(ethernet.payload) {
    let (start, end) = (14 + packet.headerBytes, 14 + packet.totalBytes)
    frame.withMutableRawSpan { frame in
      var header = frame.part(14..<start)
      IPv4.setTimeToLive(1, in: &header)
      IPv4.updateChecksum(in: &header)
      guard end - start >= IGMP.headerBytes else { return }
      var message = frame.part(start..<end)
      IGMP.updateChecksum(in: &message)
    }
  } else if let packet = IPv6View(ethernet.payload), let layer = packet.upperLayer {
    let (start, end) = (14 + layer.offset, 14 + packet.bytes.byteCount)
    let sum = packet.pseudoHeader(of: layer)
    frame.withMutableRawSpan { frame in
      frame.setByte(1, at: 14 + IPv6.hopLimitOffset)
      guard end - start >= ICMPv6.headerBytes else { return }
      var message = frame.part(start..<end)
      ICMPv6.updateChecksum(in: &message, pseudoHeader: sum)
    }
  }
  return frame
}

private func checkMessage(_ bytes: RawSpan) {
  guard let message = GroupMessage(bytes) else {
    read(GroupMessage.isClaimed(by: bytes))
    precondition(GroupQuery(bytes) == nil, "a query in what is no message")
    return
  }
  precondition(GroupMessage.isClaimed(by: bytes), "a message that nobody claims")
  read(message.source)
  if let query = message.query {
    precondition(message.isQuery, "a query that is none")
    for index in 0..<query.sourceCount { read(message.querySource(index)) }
    var cursor = 0
    precondition(message.next(&cursor) == nil, "a query with records")
  } else {
    precondition(!message.isQuery && GroupQuery(bytes) == nil, "a report that asks")
    checkRecords(message, frameBytes: bytes.byteCount)
  }
  if let query = GroupQuery(bytes) {
    let written = checkRoundTrip(query)
    precondition(GroupMessage.isClaimed(by: written.rawSpan), "a query that nobody claims")
  }
}

private func checkRecords(_ message: borrowing GroupMessage, frameBytes: Int) {
  var cursor = 0
  var before = -1
  while let record = message.next(&cursor) {
    precondition(cursor > before && cursor <= frameBytes, "a walk that does not move on")
    before = cursor
    precondition(record.group.isMulticast, "a record for no group")
    for index in 0..<record.sourceCount {
      let source = message.source(index, of: record)
      precondition(source.bitCount == record.group.bitCount, "a source of the other family")
    }
  }
}

func exerciseBeacon(_ bytes: RawSpan) {
  guard let beacon = Beacon(bytes) else { return }
  precondition(
    Beacon.isClaimed(by: bytes, etherType: beacon.etherType), "a beacon that nobody claims")
  _ = checkRoundTrip(beacon)
}
