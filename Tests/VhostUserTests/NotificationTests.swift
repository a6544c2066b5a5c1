// Who wakes whom: kicks of the guest, calls to it, and neither while both are awake.

import Attachments
internal import CLinux
import FrameMemory
import Glibc
import Linux
import Testing
import VhostUser

@Suite("vhost-user notifications") struct NotificationTests {
  private let frame = GuestFrame(
    header: [UInt8](repeating: 0, count: 12), bytes: [UInt8](1...60))

  private func isReadable(_ descriptor: Int32) -> Bool {
    var look = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // SAFETY: one entry that lives for the call.
    return unsafe poll(&look, 1, 0) == 1
  }

  @Test("a sleeping worker is woken by a kick, and by nothing twice", arguments: [false, true])
  func kicks(hasEventIndex: Bool) throws {
    var shape = GuestShape()
    if !hasEventIndex { shape.features.remove(.eventIndex) }
    let from = try ConnectedGuest(shape)
    let to = try ConnectedGuest()
    let relay = Relay()
    let descriptor = from.attachment.descriptor
    #expect(from.attachment.prepareToSleep())
    #expect(!isReadable(descriptor))
    to.guest.post([2_000])
    from.guest.send(frame)
    if hasEventIndex {
      #expect(from.guest.rings[1].availableEvent == 0, "the next one is asked for")
    } else {
      #expect(!from.guest.rings[1].noNotify)
    }
    from.guest.kicks[1].ring()
    #expect(isReadable(descriptor))
    #expect(relay.move(from: from.attachment, to: to.attachment) == .frames(1))
    if !hasEventIndex { #expect(from.guest.rings[1].noNotify, "while we poll, no kicks") }
    #expect(from.attachment.prepareToSleep())
    #expect(!isReadable(descriptor))
    from.guest.send(frame)
    #expect(!from.attachment.prepareToSleep(), "a frame waits")
  }

  @Test("an idle look takes a kick back")
  func idleLook() throws {
    let from = try ConnectedGuest()
    #expect(from.attachment.prepareToSleep())
    from.guest.kicks[1].ring()
    #expect(isReadable(from.attachment.descriptor))
    Relay().move(from: from.attachment, to: from.attachment)
    #expect(!isReadable(from.attachment.descriptor))
  }

  @Test("the guest is called once a batch, and not when it does not want it")
  func calls() throws {
    var shape = GuestShape()
    shape.features.remove(.eventIndex)
    let from = try ConnectedGuest(shape)
    let to = try ConnectedGuest(shape)
    let relay = Relay()
    func move() {
      for _ in 0..<4 {
        to.guest.post([2_000])
        from.guest.send(frame)
      }
      relay.move(from: from.attachment, to: to.attachment)
    }
    move()
    #expect(to.guest.calls[0].take())
    #expect(from.guest.calls[1].take())
    to.guest.rings[0].setNoInterrupt(true)
    move()
    #expect(!to.guest.calls[0].take())
  }

  @Test("with an event index the guest is called when it is reached")
  func eventIndex() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest(GuestShape(startIndex: 65_534))
    let relay = Relay()
    func move(_ count: Int) {
      for _ in 0..<count {
        to.guest.post([2_000])
        from.guest.send(frame)
      }
      relay.move(from: from.attachment, to: to.attachment)
    }
    // Used indices go from 65,534 on: 2 is four buffers later.
    to.guest.rings[0].setUsedEvent(1)
    move(3)
    #expect(!to.guest.calls[0].take())
    move(1)
    #expect(to.guest.calls[0].take())
    move(2)
    #expect(!to.guest.calls[0].take())
  }

  @Test("a call that the front end has made full does not stop the worker")
  func fullCall() throws {
    let from = try ConnectedGuest()
    let to = try ConnectedGuest()
    // SAFETY: eight bytes; the largest value that an eventfd holds.
    let event = clinux_event_create()
    var value = UInt64.max - 1
    #expect(unsafe write(event, &value, 8) == 8)
    // The other end may make it block again at any time.
    try to.guest.request(.setRingCall, PayloadWriter.words64([0]), [dup(event)])
    #expect(fcntl(event, F_SETFL, 0) == 0)
    try withBell(event) { isSafe in
      guard isSafe else { return }
      to.guest.post([2_000])
      from.guest.send(frame)
      let relay = Relay()
      #expect(relay.move(from: from.attachment, to: to.attachment) == .frames(1))
      #expect(to.guest.receive().count == 1)
    }
    close(event)
  }

  /// Whether this kernel rings without blocking (io_uring).
  private func withBell(_ event: Int32, _ body: (Bool) throws -> Void) throws {
    let bell = try CallBell(Descriptor(owning: dup(event)))
    try body(bell.cannotBlock)
  }
}
