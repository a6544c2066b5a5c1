// Which captures run, and where they look: worked out when one begins or ends, and when the configuration
// changes.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Planner

extension ControlState {
  /// More than people watch at once; each costs the worker a copy of every frame that it wants.
  static let capturesMax = 4

  /// Begins a capture. Fails when there are enough, or nothing of that name.
  mutating func begin(_ session: CaptureSession) throws(Failure) {
    guard captures.count < Self.capturesMax else {
      throw CaptureRequest.refusal(
        "\(Self.capturesMax) captures run already", "end one of them, then try again")
    }
    if !places(for: session.request).contains(where: { $0.wanted.contains { $0 != [] } }),
      let (noun, name) = session.request.named
    {
      throw CaptureRequest.refusal(
        "no frame of \(noun) \(name) passes there, or there is no such \(noun)",
        "see `martlet \(noun) list` for those there are")
    }
    captures.append(session)
    settleCaptures()
  }

  mutating func end(_ session: CaptureSession) {
    captures.removeAll { $0 === session }
    settleCaptures()
  }

  /// Tells the switches who wants what of them.
  func settleCaptures() {
    var clients: [String: [SwitchCapture.Client]] = [:]
    for session in captures {
      let places = places(for: session.request)
      for (place, number) in zip(places, session.setPlaces(places)) {
        guard place.wanted.contains(where: { $0 != [] }) else { continue }
        clients[place.switchName, default: []].append(
          SwitchCapture.Client(session: session, place: number, wanted: place.wanted))
      }
    }
    for planned in switches {
      let name = planned.name
      for worker in workers.all {
        let capture = clients[name].map { SwitchCapture($0, portCapacity: SwitchLimits().ports) }
        let parcel = Handover(capture)
        // The old one is freed here.
        _ = worker.perform { state -> Handover<SwitchCapture?> in
          guard let runtime = state.runtime(named: name) else { return Handover(nil) }
          let old = runtime.capture
          runtime.capture = parcel.value
          return Handover(old)
        }
      }
    }
  }

  private func places(for request: CaptureRequest) -> [CapturePlace] {
    switches.map { planned in
      let indices = planned.ports.map(\.index.index) + planned.uplinks.map(\.index.index)
      let count = (indices.max() ?? -1) + 1
      var place = CapturePlace(
        switchName: planned.name, wanted: Array(repeating: [], count: count),
        names: Array(repeating: "", count: count))
      let isHere = request.switchName.map { $0 == planned.name } ?? true
      for port in planned.ports {
        place.names[port.index.index] = "\(options.host)/\(port.key.vm)-\(port.key.device)"
        if isHere, request.wants(port) {
          place.wanted[port.index.index] = request.points.intersection(.ofVMPorts)
        }
      }
      for uplink in planned.uplinks {
        place.names[uplink.index.index] = "\(options.host)/\(uplink.name)"
        if isHere, request.wants(uplink) {
          place.wanted[uplink.index.index] = request.points.intersection(.ofUplinks)
        }
      }
      return place
    }
  }
}

extension CapturePoints {
  fileprivate static let ofVMPorts = CapturePoints([
    CapturePoints(.vnicIn), CapturePoints(.portIn), CapturePoints(.portOut),
    CapturePoints(.vnicOut), CapturePoints(.drop),
  ])
  fileprivate static let ofUplinks = CapturePoints([
    CapturePoints(.uplinkIn), CapturePoints(.uplinkOut), CapturePoints(.drop),
  ])
}

extension CaptureRequest {
  fileprivate func wants(_ planned: PlannedPort) -> Bool {
    guard let port else { return uplink == nil }
    return port == "\(planned.id)" || port == planned.label
  }

  fileprivate func wants(_ planned: PlannedUplink) -> Bool {
    guard let uplink else { return port == nil }
    return uplink == planned.name || uplink == planned.nic
  }

  /// What was named, for messages.
  fileprivate var named: (noun: String, name: String)? {
    if let port { return ("port", port) }
    if let uplink { return ("uplink", uplink) }
    return switchName.map { ("switch", $0) }
  }
}
