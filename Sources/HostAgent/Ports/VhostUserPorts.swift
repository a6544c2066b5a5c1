// VM ports whose guests are behind vhost-user: a Unix socket for each, and no device.
//
// The socket is there as long as the port has its attachment: nothing of it outlives the agent, and whoever
// runs the guest connects again to the next one. So the keeper has no part in it. The thread that serves the
// sockets starts with the first such port.
//
// A port is up while a driver runs its rings. That is told to the switch by the control thread, and by
// the frames themselves where one comes before (`SwitchRuntime.service`).

internal import Attachments
internal import Base
internal import Linux
internal import Model
internal import Planner
internal import VhostUser

/// Opens and closes the vhost-user ports of a host.
struct VhostUserPorts: ~Copyable {
  /// Where sockets are that no file names.
  private let folder: String
  /// Has the service once it runs, so that whoever waits for news need not know when that was.
  private let poller: Poller
  private var service: VhostUserService?
  private var views: [PortKey: VhostUserView] = [:]
  private var settings: [PortKey: VhostUserSettings] = [:]

  init(folder: String) throws(Errno) {
    self.folder = folder
    poller = try Poller(capacity: 1)
  }

  /// Readable when there is news of any port.
  var descriptor: Int32 { poller.descriptor }

  /// To be called before the ports are looked at.
  func clearChanges() { service?.clearChanges() }

  /// The attachment of a port, listening or about to connect.
  ///
  /// - Errors: a path that cannot be listened on. A guest that is not there yet is none.
  mutating func open(_ port: PlannedPort, _ socket: VhostUserSocket) throws(Failure)
    -> VhostUserAttachment
  {
    let settings = settings(of: port, socket)
    let attachment = try running().open(settings)
    views[port.key] = attachment.view
    self.settings[port.key] = settings
    return attachment
  }

  /// Looks no more at a port. Its attachment closes the socket.
  mutating func forget(_ key: PortKey) {
    views[key] = nil
    settings[key] = nil
  }

  func view(of key: PortKey) -> VhostUserView? { views[key] }

  func status(of key: PortKey) -> VhostUserStatus? {
    guard let view = views[key], let settings = settings[key] else { return nil }
    return VhostUserStatus(settings, view.state)
  }

  /// Why an open port passes no frame; nil when it passes them.
  func message(of key: PortKey) -> String? {
    guard let view = views[key], let settings = settings[key] else { return nil }
    let state = view.state
    if state.isLinkUp { return nil }
    if state.isConnected { return "the guest has not started its driver" }
    if state.isCutOff, let reason = state.lastCutOff {
      return "the guest was cut off: \(reason.explanation)"
    }
    return settings.mode == .server
      ? "no guest is connected to \(settings.path)" : "no guest listens at \(settings.path)"
  }

  private mutating func running() throws(Failure) -> VhostUserService {
    if let service { return service }
    let fresh = try VhostUserService()
    do throws(Errno) { try poller.add(fresh.changesDescriptor, token: 0) } catch {
      throw error.failure("cannot serve vhost-user ports")
    }
    service = fresh
    return fresh
  }

  private func settings(of port: PlannedPort, _ socket: VhostUserSocket) -> VhostUserSettings {
    let name = VhostUserSocket.defaultName(vm: port.key.vm, device: port.key.device)
    var settings = VhostUserSettings(
      name: "\(port.key.vm):\(port.key.device)",
      path: socket.path ?? (folder.isEmpty ? name : "\(folder)/\(name)"),
      mode: VhostUserSettings.Mode(socket.mode), owner: socket.owner)
    settings.limits.queuePairs = socket.queues
    return settings
  }
}

extension VhostUserSettings.Mode {
  fileprivate init(_ mode: VhostUserMode) {
    self =
      switch mode {
      case .server: .server
      case .client: .client
      }
  }
}

extension VhostUserStatus {
  fileprivate init(_ settings: VhostUserSettings, _ state: VhostUserState) {
    self.init(
      socket: settings.path, mode: settings.mode == .server ? .server : .client,
      state: state.isConnected ? .connected : state.isCutOff ? .cutOff : .waiting,
      lastCutOff: state.lastCutOff?.rawValue, features: state.features,
      receiveQueues: state.receiveQueues, transmitQueues: state.transmitQueues,
      queueEntries: state.queueEntries, memoryBytes: state.memoryBytes,
      connections: state.connections, refusals: state.refusals, cutOffs: state.cutOffs)
  }
}
