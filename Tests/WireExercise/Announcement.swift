// Recognition of announcements and of claims of IP addresses in whole frames.

internal import Wire

func exerciseAnnouncement(_ bytes: RawSpan) {
  if let announcement = Announcement(bytes) {
    precondition(!announcement.mac.isMulticast, "a group address announced")
    precondition(EthernetView(bytes)?.source == announcement.mac, "announced for another")
    _ = checkRoundTrip(announcement)
  }
  if let claim = AddressClaim(bytes) {
    precondition(claim.address.isUnicast, "a group address claimed")
    precondition(EthernetView(bytes)?.source == claim.mac, "claimed for another")
    precondition(!claim.description.isEmpty, "a claim has no description")
    // What is learned from a claim is later announced, and that must be understood.
    _ = checkRoundTrip(Announcement(claim.mac, claim.address, isRouter: claim.isRouter))
  }
}
