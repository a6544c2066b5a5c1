// What the guests ask of their nics, from those who watch it to the switches.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner
internal import Wire

extension ControlState {
  /// Looks at the nic of a port that gets its attachment, and tells the switch before a frame comes.
  mutating func observe(_ port: PlannedPort, of name: String) {
    do throws(Failure) {
      // A guest behind vhost-user has no device here; QEMU tells about it, or nobody.
      let namespace = port.vhostUser == nil ? try taps.namespace(of: port.key) : nil
      let view = guests.watch(
        port.key, GuestSource(port), in: namespace, now: MonotonicClock.now())
      tell([GuestNews(switchName: name, port: port.index, view: view)])
    } catch { AgentLog.write("\(port.label) is not observed: \(error.why)") }
  }

  /// The same for ports that stay, where something else is to be asked from now on.
  mutating func observeChanged() {
    for planned in switches {
      for port in planned.ports where guests.views[port.key] != nil {
        guard GuestSource(port) != guests.source(of: port.key) else { continue }
        observe(port, of: planned.name)
      }
    }
  }

  /// Tells the switches what has changed about guests.
  mutating func advanceGuests() {
    let changed = guests.advance(now: MonotonicClock.now())
    guard !changed.isEmpty else { return }
    var news: [GuestNews] = []
    for planned in switches {
      for port in planned.ports where changed.contains(port.key) {
        guard let view = guests.views[port.key] else { continue }
        news.append(GuestNews(switchName: planned.name, port: port.index, view: view))
      }
    }
    tell(news)
  }

  private func tell(_ news: [GuestNews]) {
    guard !news.isEmpty else { return }
    workers.performOnAll { state in
      for item in news {
        state.runtime(named: item.switchName)?.network.setGuestNIC(
          item.port, item.view.nic, multicast: item.view.multicastAddresses)
      }
    }
  }

}

/// What a switch is told about the guest behind a port.
private struct GuestNews: Sendable {
  var switchName: String
  var port: PortIndex
  var view: GuestView
}
