// VM ports: a persistent TAP in the VM's namespace for each vNIC.
//
// A TAP outlives the agent twice over: the keeper holds a descriptor of it, so that its link stays up
// while the agent is away, and the device itself is persistent, so that it is there even when both were
// killed. An agent that starts adopts what the keeper has, then what the namespace has, and makes only
// what is missing.
//
// The address of a device is the guest's to change, and what it made of it stays: only a device that is
// new, or whose declaration has changed since it was given its address, gets the declared one. So is the
// device to be set up or down: only a new one is set up.

internal import Attachments
internal import Base
internal import Linux
internal import Planner
internal import Wire

/// Opens and closes the TAPs of a host.
struct TapPorts: ~Copyable, Sendable {
  private static let restoreNanoseconds: UInt64 = 3_000_000_000

  private var keeper: KeeperClient
  private let namespacePrefix: String
  /// What the keeper had when the agent started, until it is asked for.
  private var orphans: [String: Int32] = [:]
  /// The addresses that devices were given, by what the keeper calls them.
  private var declared: [String: MACAddress]
  private var hasNewDeclarations = false
  /// The devices of open ports.
  private var places: [PortKey: Place] = [:]

  private struct Place {
    /// The namespace that the device was opened in.
    var namespace: NetworkNamespace.Identity
    /// Open as long as the port's attachment.
    var descriptor: Int32
  }

  /// `namespacePrefix` and a VM's name make the name of its namespace; `declared` is what
  /// `takeNewDeclarations` of the agent before gave.
  init(
    keeper: consuming KeeperClient, namespacePrefix: String, declared: [String: MACAddress]
  ) throws(Failure) {
    self.keeper = keeper
    self.namespacePrefix = namespacePrefix
    self.declared = declared
    var found: [String: Int32] = [:]
    try self.keeper.list { name, descriptor in found[name] = descriptor.release() }
    orphans = found
  }

  deinit { for number in orphans.values { _ = Descriptor(owning: number) } }

  /// The attachment of a port, adopted or made, its device configured and up.
  mutating func open(_ port: PlannedPort, mtu: Int) throws(Failure) -> TapAttachment {
    let namespace = try namespace(of: port.key)
    let name = Self.keptName(port.key)
    let device: TapDevice
    let isNew: Bool
    if let known = adopted(name) {
      isNew = false
      device = known
    } else {
      // One that is there, but that no agent of ours is known to have set, is as good as new.
      let exists = try DeviceControl.exists(port.key.device, in: namespace)
      isNew = !exists || declared[name] == nil
      device = try TapDevice.open(
        name: port.key.device, namespace: namespace, isPersistent: true)
    }
    do throws(Failure) {
      try configure(port, mtu: mtu, isNew: isNew)
      places[port.key] = Place(
        namespace: namespace.identity, descriptor: device.descriptor.number)
      try keep(port.key)
    } catch {
      // Not opened: what the keeper has would keep the next try out.
      try? forget(port.key)
      throw error
    }
    return TapAttachment(device, label: "\(port.key.vm):\(port.key.device)")
  }

  /// Gives the device of an open port the size that is declared now, and the address if another one is
  /// declared than before.
  mutating func configure(_ port: PlannedPort, mtu: Int, isNew: Bool = false) throws(Failure) {
    let name = Self.keptName(port.key)
    let setsAddress = isNew || declared[name].map { $0 != port.mac } ?? false
    try DeviceControl.configure(
      port.key.device, in: try namespace(of: port.key), mac: setsAddress ? port.mac : nil, mtu: mtu,
      setsUp: isNew)
    guard declared[name] != port.mac else { return }
    declared[name] = port.mac
    hasNewDeclarations = true
  }

  /// The addresses that devices were given, if there are new ones; for the next agent.
  mutating func takeNewDeclarations() -> [String: MACAddress]? {
    defer { hasNewDeclarations = false }
    return hasNewDeclarations ? declared : nil
  }

  /// The namespace of a VM.
  func namespace(of key: PortKey) throws(Failure) -> NetworkNamespace {
    try NetworkNamespace.open(named: namespacePrefix + key.vm)
  }

  /// Whether a port was opened in a namespace that has lost its name since.
  func hasLost(_ key: PortKey) -> Bool {
    guard let place = places[key] else { return false }
    return NetworkNamespace.identity(named: namespacePrefix + key.vm) != place.namespace
  }

  /// Lets go of a device, which stays if it is there. Its attachment closes.
  mutating func forget(_ key: PortKey) throws(Failure) {
    places[key] = nil
    do throws(Failure) { try keeper.drop(Self.keptName(key)) } catch { try restoreKeeper() }
  }

  // MARK: - The keeper

  /// Readable when the keeper has gone.
  var keeperDescriptor: Int32 { keeper.descriptor }

  /// Starts a keeper in place of one that was killed, and gives it every device.
  ///
  /// The socket of a keeper that is just dying still takes a connection, so one failure proves nothing.
  mutating func restoreKeeper() throws(Failure) {
    var failure: Failure?
    let isRestored = MonotonicClock.wait(atMostNanoseconds: Self.restoreNanoseconds) {
      do throws(Failure) {
        try handOverToKeeper()
        return true
      } catch {
        failure = error
        return false
      }
    }
    if !isRestored, let failure { throw failure }
  }

  private mutating func handOverToKeeper() throws(Failure) {
    try keeper.reconnect()
    for (key, place) in places { try keeper.put(place.descriptor, as: Self.keptName(key)) }
  }

  private mutating func keep(_ key: PortKey) throws(Failure) {
    guard let place = places[key] else { return }
    do throws(Failure) { try keeper.put(place.descriptor, as: Self.keptName(key)) } catch {
      try restoreKeeper()
    }
  }

  /// Removes the device of a port that is no longer declared. Its attachment must be closed.
  mutating func remove(_ key: PortKey) throws(Failure) {
    hasNewDeclarations =
      declared.removeValue(forKey: Self.keptName(key)) != nil || hasNewDeclarations
    try forget(key)
    guard let namespace = try? NetworkNamespace.open(named: namespacePrefix + key.vm) else {
      return
    }
    try DeviceControl.delete(key.device, in: namespace)
  }

  /// Lets go of what the keeper has for ports that are not declared any more, and of their devices. Those of
  /// ports that are declared, and were unplugged while no agent ran, stay without a carrier.
  mutating func dropOrphans(declared: Set<PortKey>) throws(Failure) {
    for (name, number) in orphans {
      _ = Descriptor(owning: number)
      orphans[name] = nil
      let words = name.split(separator: "/", maxSplits: 1).map(String.init)
      guard words.count == 2 else { continue }
      let key = PortKey(vm: words[0], device: words[1])
      if declared.contains(key) { try forget(key) } else { try remove(key) }
    }
  }

  private mutating func adopted(_ name: String) -> TapDevice? {
    guard let number = orphans.removeValue(forKey: name) else { return nil }
    // A device that is gone (its namespace was deleted) cannot be adopted; a new one is made.
    return try? TapDevice(adopting: Descriptor(owning: number))
  }

  private static func keptName(_ key: PortKey) -> String { "\(key.vm)/\(key.device)" }
}
