// A switch without an agent around it: one port group, the agent's own worker and runtime, and no
// configuration, keeper or API. What a benchmark drives is thus what a host runs.

package import Attachments
package import Base
package import Dataplane
internal import FrameMemory
internal import Linux

/// A standard switch with one port group whose ports all learn, running on a worker of its own.
///
/// Every port may send from any address and gets frames to unknown ones: as a plain learning switch.
/// - Thread: one at a time; the frames are the worker's.
package final class BareSwitch {
  private static let name = "vSwitch0"

  private let worker: Worker

  /// Starts the worker and attaches `attachments` to ports 0, 1, ...
  package init(_ attachments: [any Attachment], mtu: Int = 1500, poll: PollMode = .adaptive)
    throws(Failure)
  {
    precondition(!attachments.isEmpty && attachments.count <= SwitchLimits().ports)
    do throws(any Error) {
      worker = try Worker(links: try LinkWatch(), notices: try NoticeBoard(), poll: poll)
    } catch let error as Failure {
      throw error
    } catch let error as Errno {
      throw error.failure("cannot start a switch")
    } catch { preconditionFailure("no other kind of error is thrown here: \(error)") }
    let fresh = Handover(SwitchRuntime(name: Self.name, seed: MonotonicClock.now().nanoseconds))
    worker.perform { $0.add(fresh.value) }
    let exchange = PlanExchange(Self.plan(ports: attachments.count, mtu: mtu))
    worker.perform { state in
      exchange.apply(to: state.runtime(named: Self.name), now: MonotonicClock.now())
    }
    for (index, attachment) in attachments.enumerated() {
      let parcel = Handover(attachment)
      worker.perform { state in
        state.attach(
          parcel.value, to: PortIndex(index), of: Self.name, now: MonotonicClock.now())
      }
    }
  }

  /// What the switch has done with its frames so far.
  package var conservation: ConservationSums {
    worker.perform { $0.runtime(named: Self.name)?.network.conservation ?? ConservationSums() }
  }

  /// Ends the worker; the attachments close with it.
  package func stop() { worker.stop() }

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
