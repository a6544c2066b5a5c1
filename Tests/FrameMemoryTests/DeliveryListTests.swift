// Deliveries: each port gets its frames in order, and an emptied list is as good as new.

internal import Base
internal import FrameMemory
internal import Testing
internal import Wire

@Suite struct DeliveryListTests {
  @Test func aPortGetsItsFramesInOrder() {
    var list = DeliveryList(capacity: 8, portCapacity: 4)
    for (frame, port) in [(0, 2), (1, 0), (2, 2), (3, 2), (4, 0)] {
      list.append(frame: UInt16(frame), to: PortIndex(port), tag: VLANTag(vlan: UInt16(frame)))
    }
    let touched = [list.touchedPort(0), list.touchedPort(1)]
    let touchedCount = list.touchedCount
    #expect(touched == [PortIndex(2), PortIndex(0)] && touchedCount == 2)
    let (second, zeroth, third) = (frames(list, 2), frames(list, 0), frames(list, 3))
    #expect(second == [0, 2, 3] && zeroth == [1, 4] && third == [])
    let free = list.freeCapacity
    #expect(free == 3)
  }

  @Test func aDeliveryKeepsItsTagAndItsFailure() {
    var list = DeliveryList(capacity: 2, portCapacity: 1)
    list.append(frame: 9, to: PortIndex(0), tag: VLANTag(vlan: 5))
    list.append(frame: 9, to: PortIndex(0), tag: .none)
    list[0].failure = .attachmentFull
    let (first, second) = (list[0], list[1])
    #expect(first.tag == VLANTag(vlan: 5) && first.failure == .attachmentFull)
    #expect(!second.tag.isPresent && second.failure == nil)
    let order = frames(list, 0)
    #expect(order == [9, 9], "a replaced delivery keeps its place")
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func theListDoesWhatAPlainOneDoes(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var list = DeliveryList(capacity: 64, portCapacity: 10)
    for _ in 0..<50 {
      var plain: [Int: [UInt16]] = [:]
      for frame in 0..<UInt16.random(in: 0...64, using: &random) {
        let port = Int.random(in: 0..<10, using: &random)
        list.append(frame: frame, to: PortIndex(port), tag: .none)
        plain[port, default: []].append(frame)
      }
      for port in 0..<10 {
        let order = frames(list, port)
        #expect(order == plain[port, default: []], "seed \(seed)")
      }
      let touched = (0..<list.touchedCount).map { list.touchedPort($0).index }
      #expect(Set(touched) == Set(plain.keys) && touched.count == plain.count, "seed \(seed)")
      list.removeAll()
      let left = (list.count, list.touchedCount)
      #expect(left == (0, 0))
    }
  }

  @Test func whatIsOutsideTraps() async {
    await #expect(processExitsWith: .failure) {
      var list = DeliveryList(capacity: 1, portCapacity: 1)
      list.append(frame: 0, to: PortIndex(0), tag: .none)
      list.append(frame: 1, to: PortIndex(0), tag: .none)
    }
    await #expect(processExitsWith: .failure) {
      var list = DeliveryList(capacity: 1, portCapacity: 1)
      list.append(frame: 0, to: PortIndex(1), tag: .none)
    }
    await #expect(processExitsWith: .failure) {
      _ = DeliveryList(capacity: 1, portCapacity: 1).touchedPort(0)
    }
  }

  private func frames(_ list: borrowing DeliveryList, _ port: Int) -> [UInt16] {
    var frames: [UInt16] = []
    var entry = list.first(of: PortIndex(port))
    while let place = entry {
      frames.append(list[place].frame)
      entry = list.next(after: place)
    }
    return frames
  }
}
