// Who gets a frame that is for many: broadcast, multicast, unknown unicast, and promiscuous ports.

import FrameMemory

extension ForwardingModel {
  /// The policy allows it, and the guest asks for it or cannot be asked.
  func isPromiscuous(_ port: ModelPort) -> Bool {
    port.allowsPromiscuous && (port.nic.isPromiscuous || !port.nic.isObserved)
  }

  /// The ports that get a broadcast or multicast frame; when there are none, why.
  func audience(of frame: ModelFrame, _ tag: UInt16, withoutPorts: DropReason)
    -> (Set<Int>, DropReason?)
  {
    let members = ports.indices.filter { $0 != frame.ingress && isMember(ports[$0], of: tag) }
    let allowed = members.filter { !isIsolated(tag, from: ports[$0]) }
    let passed = allowed.filter { passesReversePath(frame, $0) }
    let wanting = passed.filter { frame.isBroadcast || wants(ports[$0], frame.destination) }
    let reason: DropReason? =
      if members.isEmpty {
        withoutPorts
      } else if allowed.isEmpty {
        .pvlanIsolation
      } else if passed.isEmpty {
        .reversePath
      } else if wanting.isEmpty {
        .multicastNotMember
      } else {
        nil
      }
    return (Set(wanting), reason)
  }

  /// Basic filtering: by what the nic listens to. A port may list 32 addresses.
  private func wants(_ port: ModelPort, _ group: UInt64) -> Bool {
    let nic = port.nic
    return !nic.isObserved || nic.isAllMulticast || isPromiscuous(port) || nic.groups.count > 32
      || nic.groups.contains(group)
  }

  /// The learning and flooding ports that get unknown unicast.
  func flood(_ frame: ModelFrame, _ tag: UInt16) -> Set<Int> {
    Set(reachable(frame, tag).filter { ports[$0].floods })
  }

  /// The promiscuous ports that get a copy of every frame.
  func watchers(of frame: ModelFrame, _ tag: UInt16) -> Set<Int> {
    Set(reachable(frame, tag).filter { isPromiscuous(ports[$0]) })
  }

  private func reachable(_ frame: ModelFrame, _ tag: UInt16) -> [Int] {
    ports.indices.filter {
      $0 != frame.ingress && isMember(ports[$0], of: tag) && !isIsolated(tag, from: ports[$0])
        && passesReversePath(frame, $0)
    }
  }

  /// A frame for many reaches a port only by the uplink that the port itself uses. Promiscuous ports skip
  /// this, unless they are told not to.
  private func passesReversePath(_ frame: ModelFrame, _ index: Int) -> Bool {
    guard ports[frame.ingress].kind == .uplink else { return true }
    if isPromiscuous(ports[index]) && !ports[index].checksPromiscuous { return true }
    return returnUplinks(of: index).contains(frame.ingress)
  }
}
