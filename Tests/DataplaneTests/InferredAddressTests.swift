// What a guest's own frames tell about a nic that nobody can look at: said of the switch, and of the model
// that it is held against.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

/// A guest at port 1 that may change its address, seen by the switch and by the model.
private final class GuestSeenTwice {
  private let net: TestNetwork
  private var model: ForwardingModel

  init() {
    net = TestNetwork(vms: [], uplinkCount: 1)
    var uplink = ModelPort()
    uplink.kind = .uplink
    uplink.vlan = .trunk([0...4094])
    var guest = ModelPort()
    guest.kind = .vm
    guest.mac = first
    guest.nic.address = first
    guest.acceptsChanges = true
    model = ForwardingModel(ports: [uplink, guest], teams: [ModelTeam(active: [0])])
    model.counters = [ModelCounters(), ModelCounters()]
    net.now = MonotonicTime(nanoseconds: UInt64(model.nanoseconds))
    net.apply(model)
    for port in 0...1 {
      net.setAttached(port, true)
      model.setAttached(port, true)
    }
  }

  /// The address of the port: what the switch says, and what the model says.
  var addresses: [UInt64] {
    [net.address(of: 1).rawValue, model.address(of: model.ports[1])]
  }

  func send(from source: UInt64, count: Int = 1) {
    var sent = ModelFrame(ingress: 1, destination: 0x0200_0000_0999, source: source)
    sent.bytes = frame(
      from: MACAddress(rawValue: source), to: MACAddress(rawValue: sent.destination))
    for _ in 0..<count {
      _ = net.send(sent.bytes, at: 1)
      _ = model.forward(sent)
    }
  }

  func change(_ change: (inout ModelPort) -> Void) {
    var ports = model.ports
    change(&ports[1])
    _ = model.reconfigure(ports, model.teams, [:])
    net.apply(model)
  }

  func setNIC(_ nic: ModelNIC) {
    net.setNIC(1, nic)
    model.setNIC(1, nic)
  }

  func advance(milliseconds: Int) {
    net.now = net.now.advanced(byMilliseconds: UInt64(milliseconds))
    model.advance(nanoseconds: milliseconds * 1_000_000)
  }
}

private let first: UInt64 = 0x0050_5600_0001
private let second: UInt64 = 0x0050_5600_0002
private let third: UInt64 = 0x0050_5600_0003

@Suite struct InferredAddressTests {
  private let guest = GuestSeenTwice()

  @Test func threeFramesInARowFromOneOtherAddressTell() {
    guest.send(from: second, count: 2)
    guest.send(from: first)
    guest.send(from: second, count: 2)
    guest.send(from: third)
    guest.send(from: second, count: 2)
    #expect(guest.addresses == [first, first])
    guest.send(from: second)
    #expect(guest.addresses == [second, second])
  }

  /// A frame from the address that the guest has tells nothing about another one that it may have later.
  @Test func framesFromTheUsualAddressAreNotCounted() {
    guest.send(from: first, count: 5)
    guest.change { $0.mac = second }
    #expect(guest.addresses == [second, second])
    guest.send(from: first, count: 2)
    #expect(guest.addresses == [second, second])
    guest.send(from: first)
    #expect(guest.addresses == [first, first])
  }

  @Test func framesThatMayHaveAnySourceAreNotCounted() {
    guest.send(from: second, count: 2)
    guest.change { $0.allowsForged = true }
    guest.send(from: second, count: 5)
    guest.change { $0.allowsForged = false }
    guest.send(from: second, count: 2)
    #expect(guest.addresses == [first, first])
    guest.send(from: second)
    #expect(guest.addresses == [second, second])
  }

  /// Its guest has one change a second, whatever is said about the nic.
  @Test func theLimitOutlivesWhatIsSaidAboutTheNIC() {
    guest.send(from: second, count: 3)
    #expect(guest.addresses == [second, second])
    guest.setNIC(ModelNIC(address: first))
    guest.send(from: third, count: 4)
    #expect(guest.addresses == [first, first])
    guest.advance(milliseconds: 999)
    guest.send(from: third)
    #expect(guest.addresses == [first, first])
    guest.advance(milliseconds: 1)
    guest.send(from: third)
    #expect(guest.addresses == [third, third])
  }
}
