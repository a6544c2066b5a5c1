// A switch without an agent around it: one port group, the agent's own workers and runtime, and no
// configuration, keeper or API. What a benchmark drives is thus what a host runs.

package import Attachments
package import Base
package import Dataplane
internal import FrameMemory
internal import Linux

/// A standard switch with one port group whose ports all learn, running on workers of its own.
///
/// Every port may send from any address and gets frames to unknown ones: as a plain learning switch.
/// - Thread: one at a time; the frames are the workers'.
package final class BareSwitch {
  private static let name = "vSwitch0"

  private let workers: Workers

  /// Starts the workers and attaches `attachments` to ports 0, 1, ...
  package init(
    _ attachments: [any Attachment], mtu: Int = 1500, poll: PollMode = .adaptive,
    workers count: Int = 1
  ) throws(Failure) {
    precondition(!attachments.isEmpty && attachments.count <= SwitchLimits().ports)
    let notices: NoticeBoard
    do throws(Errno) { notices = try NoticeBoard() } catch {
      throw error.failure("cannot start a switch")
    }
    workers = try Workers(count: count, notices: notices, poll: poll) { () throws(Failure) in
      try LinkWatch()
    }
    workers.addSwitch(Self.name, seed: MonotonicClock.now().nanoseconds)
    for worker in workers.all {
      let exchange = PlanExchange(Self.plan(ports: attachments.count, mtu: mtu))
      worker.perform { state in
        exchange.apply(to: state.runtime(named: Self.name), now: MonotonicClock.now())
      }
    }
    for (index, attachment) in attachments.enumerated() {
      workers.attach(attachment, to: PortIndex(index), of: Self.name)
    }
  }

  /// What the switch has done with its frames so far.
  package var conservation: ConservationSums {
    var sums = ConservationSums()
    for lane in workers.performOnAll({ $0.runtime(named: Self.name)?.network.conservation }) {
      if let lane { sums.add(lane) }
    }
    return sums
  }

  /// Ends the workers; the attachments close with them.
  package func stop() { workers.stop() }

  /// VM ports without a VLAN, in one port group.
  static func plan(ports: Int, mtu: Int) -> SwitchPlan {
    let plans = (0..<ports).map { index in
      var port = PortPlan()
      port.kind = .vm
      port.id = UInt32(index)
      port.allowsForgedTransmits = true
      port.acceptsMACChanges = true
      port.learnsMACs = true
      port.floodsUnknown = true
      port.macLimit = .max
      return port
    }
    return SwitchPlan(
      revision: 1, mtu: mtu, ports: plans,
      teams: [TeamPlan(policy: .originatingPortID, active: [])])
  }
}
