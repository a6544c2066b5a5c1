// Looks at the nics of all guests of the host, and says what has changed.
//
// Netlink tells most changes at once, QEMU all of them. What the kernel does not announce is looked at in
// rounds with a bound: multicast addresses `listsPerRound` namespaces at a time, and once a second, for
// what only the rtnl lock can tell, `refreshesPerRound` of them. So a thousand guests cost the control
// thread about a hundredth of a core, and are each looked at every second, or every ten.
//
// Multicast lists are read every tenth of a second where the kernel does not tell of IP groups (before
// Linux 6.14), every second otherwise: then only groups of packet sockets and the like are not told.

internal import Base
internal import Linux
internal import Model
internal import Netlink
internal import Planner

/// Everything that is watched about guests.
///
/// - Thread: the control thread's; nothing here waits but for the kernel's rtnl lock.
struct GuestWatch: ~Copyable {
  private static let listsPerRound = 100
  private static let refreshesPerRound = 100
  private static let slowNanoseconds: UInt64 = 1_000_000_000
  private static let fastNanoseconds: UInt64 = 100_000_000

  private enum Watched: Hashable {
    /// By the VM's name.
    case namespace(String)
    /// By the path of the socket.
    case qemu(String)
  }

  /// The monitor of one VM's namespace.
  private final class NamespaceWatch {
    let token: UInt64
    var monitor: GuestMonitor
    var devices: Set<String> = []

    init(_ monitor: consuming GuestMonitor, token: UInt64) {
      self.monitor = monitor
      self.token = token
    }
  }

  private var poller: Poller
  private var nextToken: UInt64 = 0
  private var tokens: [UInt64: Watched] = [:]
  private var namespaces: [String: NamespaceWatch] = [:]
  private var guests: [String: QEMUWatch] = [:]
  private var sources: [PortKey: GuestSource] = [:]
  private(set) var views: [PortKey: GuestView] = [:]
  /// The VMs in the order in which they are looked at.
  private var turns: [String] = []
  private var nextList = MonotonicTime.never
  private var nextRefresh = MonotonicTime.never

  init() throws(Errno) { poller = try Poller(capacity: 64) }

  /// Readable when there is news.
  var descriptor: Int32 { poller.descriptor }

  /// When `advance` has something to do though nobody said anything.
  var deadline: MonotonicTime {
    guests.values.reduce(min(nextList, nextRefresh)) { min($0, $1.deadline) }
  }

  func source(of key: PortKey) -> GuestSource? { sources[key] }

  /// Looks at the nic of a port from now on. What is not known yet is told by `advance`.
  ///
  /// `namespace` is where its device is; nil when it has none.
  mutating func watch(
    _ key: PortKey, _ source: GuestSource, in namespace: NetworkNamespace?, now: MonotonicTime
  ) -> GuestView {
    if let known = views[key], sources[key] == source { return known }
    forget(key)
    sources[key] = source
    var view = GuestView(inferredFrom: source.declared)
    if let path = source.qmp {
      qemu(path).add(key, nic: source.qmpNic, now: now)
    } else if let namespace {
      do throws(Failure) {
        let watch = try watch(namespace, of: key.vm, now: now)
        let device = try watch.monitor.watch(key.device)
        watch.devices.insert(key.device)
        view = GuestView(device, declared: source.declared)
      } catch { AgentLog.write("\(key.vm)/\(key.device) is not observed: \(error.why)") }
    }
    views[key] = view
    return view
  }

  /// Looks no more at the nic of a port, nor holds its namespace.
  mutating func forget(_ key: PortKey) {
    views[key] = nil
    guard let source = sources.removeValue(forKey: key) else { return }
    if let path = source.qmp {
      guests[path]?.remove(key)
      if guests[path]?.isEmpty ?? false { drop(.qemu(path)) }
    } else if let watch = namespaces[key.vm] {
      watch.monitor.forget(key.device)
      watch.devices.remove(key.device)
      if watch.devices.isEmpty { drop(.namespace(key.vm)) }
    }
  }

  private mutating func drop(_ watched: Watched) {
    tokens = tokens.filter { $0.value != watched }
    switch watched {
    case .qemu(let path): guests[path] = nil
    case .namespace(let vm):
      namespaces[vm] = nil
      turns.removeAll { $0 == vm }
      if namespaces.isEmpty { (nextList, nextRefresh) = (.never, .never) }
    }
  }

  private mutating func qemu(_ path: String) -> QEMUWatch {
    if let known = guests[path] { return known }
    let fresh = QEMUWatch(path: path, token: newToken(.qemu(path)))
    guests[path] = fresh
    return fresh
  }

  private mutating func watch(
    _ namespace: NetworkNamespace, of vm: String, now: MonotonicTime
  ) throws(Failure) -> NamespaceWatch {
    if let known = namespaces[vm] { return known }
    let monitor = try GuestMonitor(in: namespace)
    let token = newToken(.namespace(vm))
    do throws(Errno) { try poller.add(monitor.descriptor, token: token) } catch {
      throw error.failure("cannot watch the namespace of \(vm)")
    }
    if namespaces.isEmpty {
      nextList = now.advanced(byNanoseconds: Self.listNanoseconds(monitor.hearsMulticast))
      nextRefresh = now.advanced(byNanoseconds: Self.slowNanoseconds)
    }
    let fresh = NamespaceWatch(monitor, token: token)
    namespaces[vm] = fresh
    turns.append(vm)
    return fresh
  }

  private mutating func newToken(_ watched: Watched) -> UInt64 {
    nextToken += 1
    tokens[nextToken] = watched
    return nextToken
  }

  private static func listNanoseconds(_ hearsMulticast: Bool) -> UInt64 {
    hearsMulticast ? slowNanoseconds : fastNanoseconds
  }
}

// MARK: - News

extension GuestWatch {
  /// Takes in what was told and looks at what is due. Returns the ports with a new view.
  mutating func advance(now: MonotonicTime) -> Set<PortKey> {
    var changed: Set<PortKey> = []
    poller.wait(timeoutNanoseconds: 0)
    for index in 0..<poller.count {
      guard case .namespace(let vm) = tokens[poller[index].token] else { continue }
      look(at: vm, &changed) { monitor throws(Failure) in try monitor.readChanges() }
    }
    for watch in guests.values {
      for change in watch.advance(poller, now: now) {
        guard let source = sources[change.key] else { continue }
        let view = change.filter.map { GuestView($0) }
        note(view ?? GuestView(inferredFrom: source.declared), of: change.key, &changed)
      }
    }
    if now >= nextList { listRound(now: now, &changed) }
    if now >= nextRefresh { refreshRound(now: now, &changed) }
    return changed
  }

  private mutating func listRound(now: MonotonicTime, _ changed: inout Set<PortKey>) {
    var hears = true
    for vm in nextTurns(Self.listsPerRound) {
      hears = hears && namespaces[vm]?.monitor.hearsMulticast ?? true
      look(at: vm, &changed) { monitor throws(Failure) in try monitor.pollMulticast() }
    }
    if !namespaces.isEmpty {
      nextList = now.advanced(byNanoseconds: Self.listNanoseconds(hears))
    }
  }

  private mutating func refreshRound(now: MonotonicTime, _ changed: inout Set<PortKey>) {
    for vm in nextTurns(Self.refreshesPerRound) {
      look(at: vm, &changed) { monitor throws(Failure) in try monitor.refresh() }
    }
    if !namespaces.isEmpty { nextRefresh = now.advanced(byNanoseconds: Self.slowNanoseconds) }
  }

  /// The VMs whose turn it is; they are the last of the next round.
  private mutating func nextTurns(_ limit: Int) -> [String] {
    let first = Array(turns.prefix(limit))
    turns = turns.dropFirst(limit) + first
    return first
  }

  private mutating func look(
    at vm: String, _ changed: inout Set<PortKey>,
    _ body: (inout GuestMonitor) throws(Failure) -> [GuestMonitor.Change]
  ) {
    guard let watch = namespaces[vm] else { return }
    do throws(Failure) {
      for change in try body(&watch.monitor) {
        let key = PortKey(vm: vm, device: change.device)
        guard let source = sources[key] else { continue }
        note(GuestView(change.nic, declared: source.declared), of: key, &changed)
      }
    } catch {
      // Nothing is known any more; the next change of the configuration, or of the device, looks anew.
      AgentLog.write("the nics of \(vm) are not observed: \(error.why)")
      for device in watch.devices {
        let key = PortKey(vm: vm, device: device)
        guard let source = sources.removeValue(forKey: key) else { continue }
        note(GuestView(inferredFrom: source.declared), of: key, &changed)
      }
      drop(.namespace(vm))
    }
  }

  private mutating func note(
    _ view: GuestView, of key: PortKey, _ changed: inout Set<PortKey>
  ) {
    guard views[key] != view else { return }
    views[key] = view
    changed.insert(key)
  }
}
