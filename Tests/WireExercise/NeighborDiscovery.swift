// Neighbour solicitations, and neighbour and router advertisements: the walk over their options
// must end inside.

internal import Wire

func exerciseNeighborDiscovery(_ bytes: RawSpan) {
  if let view = NeighborSolicitationView(bytes) {
    read(view.target)
    read(view.checksum)
    read(view.sourceLinkLayerAddress)
    precondition(!view.target.isMulticast, "a multicast target")
    precondition(NeighborAdvertisementView(bytes) == nil, "a message of two types")
    guard let message = NeighborSolicitationMessage(bytes) else {
      preconditionFailure("a view without a value")
    }
    _ = checkRoundTrip(message)
  } else if let view = NeighborAdvertisementView(bytes) {
    read(view.target)
    read(view.flags)
    read(view.checksum)
    read(view.targetLinkLayerAddress)
    precondition(!view.target.isMulticast, "a multicast target")
    guard let message = NeighborAdvertisementMessage(bytes) else {
      preconditionFailure("a view without a value")
    }
    _ = checkRoundTrip(message)
  } else if let view = RouterAdvertisementView(bytes) {
    read(view.lifetimeSeconds)
    read(view.sourceLinkLayerAddress)
  }
}
