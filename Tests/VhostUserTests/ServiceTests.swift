// Sockets: front ends that come, go, come back, break rules, and memory that goes away under us.

import Attachments
import Base
internal import CLinux
import FrameMemory
import Glibc
import Linux
import Testing
import VhostUser

@Suite("vhost-user service", .serialized) struct ServiceTests {
  private let frame = GuestFrame(
    header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](1...60))
  private let service: VhostUserService
  private let home: TemporaryFolder
  private var folder: String { home.path }

  init() throws {
    home = try TemporaryFolder()
    service = try VhostUserService()
  }

  private func becomesTrue(_ condition: () -> Bool) -> Bool {
    MonotonicClock.wait(atMostNanoseconds: 5_000_000_000, until: condition)
  }

  private func open(_ name: String, _ mode: VhostUserSettings.Mode = .server) throws
    -> VhostUserAttachment
  {
    try service.open(VhostUserSettings(name: name, path: "\(folder)/\(name)", mode: mode))
  }

  private func guest(of attachment: VhostUserAttachment) throws -> (FakeGuest, FrontEndSocket) {
    let socket = try FrontEndSocket(path: attachment.settings.path)
    let guest = FakeGuest(GuestShape(), socket.exchange)
    try guest.connect()
    try #require(
      becomesTrue { attachment.state.receiveQueues == 1 && attachment.state.transmitQueues == 1 })
    return (guest, socket)
  }

  @Test("a front end comes, goes and comes back; the port says so and never ends")
  func comesBack() throws {
    let first = try open("a")
    let second = try open("b")
    let (peer, peerSocket) = try guest(of: second)
    let relay = Relay()
    #expect(first.state == VhostUserState())
    #expect(relay.move(from: first, to: second) == .idle)
    for round in 1...3 {
      var connected: (FakeGuest, FrontEndSocket)? = try guest(of: first)
      let vm = try #require(connected).0
      #expect(first.isLinkUp)
      #expect(first.state.connections == UInt64(round))
      peer.post([2_000])
      vm.send(frame)
      #expect(relay.move(from: first, to: second) == .frames(1))
      #expect(
        peer.receive() == [
          GuestFrame(header: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], bytes: frame.bytes)
        ])
      connected = nil
      vm.exchange = { _, _ in nil }
      #expect(becomesTrue { !first.state.isConnected })
      #expect(!first.isLinkUp)
      peer.send(frame)
      relay.move(from: second, to: first)
      #expect(relay.failures.last == .portDown)
      #expect(relay.move(from: first, to: second) == .idle)
    }
    #expect(!peerSocket.isHungUp)
    #expect(first.state.cutOffs == 0)
  }

  @Test("as a client it connects again and again")
  func client() throws {
    let path = "\(folder)/c"
    let attachment = try open("c", .client)
    for round in 1...2 {
      // SAFETY: C strings for the calls.
      let listener = Descriptor(owning: unsafe clinux_stream_listen(path, 1))
      var number: Int32 = -1
      #expect(
        becomesTrue {
          number = clinux_stream_accept(listener.number)
          return number >= 0
        })
      let socket = FrontEndSocket(Descriptor(owning: number))
      let guest = FakeGuest(GuestShape(), socket.exchange)
      try guest.connect()
      #expect(becomesTrue { attachment.state.transmitQueues == 1 })
      #expect(attachment.state.connections == UInt64(round))
      // SAFETY: a C string for the call.
      _ = unsafe unlink(path)
    }
    #expect(becomesTrue { !attachment.state.isConnected })
  }

  @Test("a second front end is turned away while the first is there")
  func turnsAway() throws {
    let attachment = try open("d")
    let (_, socket) = try guest(of: attachment)
    let second = try FrontEndSocket(path: attachment.settings.path)
    #expect(becomesTrue { second.isHungUp })
    #expect(becomesTrue { attachment.state.refusals == 1 })
    #expect(!socket.isHungUp && attachment.state.isConnected)
  }

  @Test("a front end that breaks a rule is cut off by name, and may come back")
  func cutsOff() throws {
    let attachment = try open("e")
    do {
      let (vm, socket) = try guest(of: attachment)
      vm.rings[1].publish(9_999)
      Relay().move(from: attachment, to: attachment)
      #expect(becomesTrue { socket.isHungUp })
      #expect(attachment.state.lastCutOff == .headOutOfRange)
      #expect(!attachment.state.isConnected)
    }
    do {
      let (vm, socket) = try guest(of: attachment)
      try vm.request(.setRingSize, PayloadWriter.words32([0, 3]))
      #expect(becomesTrue { socket.isHungUp })
      #expect(attachment.state.lastCutOff == .badRingSize)
    }
    let (vm, _) = try guest(of: attachment)
    vm.send(frame)
    #expect(Relay().move(from: attachment, to: attachment) == .frames(1))
    #expect(attachment.state.cutOffs == 2)
  }

  @Test("half a message and nonsense end nothing but the connection")
  func nonsense() throws {
    let attachment = try open("f")
    do {
      let socket = try FrontEndSocket(path: attachment.settings.path)
      try socket.send([1, 0, 0, 0, 1])
      #expect(becomesTrue { attachment.state.isConnected })
    }
    #expect(becomesTrue { !attachment.state.isConnected })
    let socket = try FrontEndSocket(path: attachment.settings.path)
    try socket.send([UInt8](repeating: 0xEE, count: 64))
    #expect(becomesTrue { socket.isHungUp })
    #expect(attachment.state.lastCutOff == .badHeader)
  }

  @Test("a path that is used says so; a dead socket is taken over; closing removes it")
  func paths() throws {
    let path = "\(folder)/g"
    do {
      let attachment = try open("g")
      let failure = #expect(throws: Failure.self) { try open("g") }
      #expect(failure?.remedy == "stop whoever uses it, or choose another path")
      #expect(unsafe access(attachment.settings.path, F_OK) == 0)
    }
    #expect(unsafe access(path, F_OK) != 0)
    // SAFETY: a C string for the call.
    _ = Descriptor(owning: unsafe clinux_stream_listen(path, 1))
    #expect(unsafe access(path, F_OK) == 0, "dead")
    _ = try guest(of: open("g"))
  }

  @Test("memory that is cut short while frames flow ends the connection and nothing else")
  func shrinks() throws {
    let attachment = try open("h")
    let other = try open("i")
    let (peer, _) = try guest(of: other)
    for round in 1...3 {
      let (vm, socket) = try guest(of: attachment)
      let relay = Relay()
      // The file goes at a random moment, by another thread, while batches move.
      let cutter = try Thread(named: "cutter", owning: Descriptor(owning: vm.file.passed())) {
        file in
        _ = MonotonicClock.wait(atMostNanoseconds: UInt64(round) * 3_000_000) { false }
        ftruncate(file.number, 0)
      }
      var moved = 0
      let isCutOff = MonotonicClock.wait(
        atMostNanoseconds: 5_000_000_000, everyNanoseconds: 1_000
      ) {
        vm.send(frame)
        _ = vm.rings[1].takeUsed()
        vm.post([2_000])
        _ = vm.receive()
        if case .frames(let count) = relay.move(from: attachment, to: other) { moved += count }
        peer.post([2_000])
        peer.send(frame)
        relay.move(from: other, to: attachment)
        _ = peer.receive()
        _ = peer.rings[1].takeUsed()
        return attachment.state.lastCutOff == .memoryLost
          && attachment.state.cutOffs == UInt64(round)
      }
      cutter.join()
      #expect(isCutOff, "round \(round)")
      #expect(becomesTrue { socket.isHungUp })
      #expect(other.state.isConnected && other.state.cutOffs == 0)
    }
  }
}
