// Basic multicast filtering: which ports listen to which multicast MAC address.
//
// The addresses are those that each guest gave to its nic's receive filter; they say nothing of VLANs,
// sources or IP groups, and 32 IPv4 groups share one of them. That is what vSphere's basic mode knows.
//
//   slots   63 ....... 16  15 ..... 0      a power of two, at most half in use, linear probing;
//           address        index + 1       0 is an empty slot
//   groups  index -> the ports that listen
//   lists   port * 32 ... -> the addresses of a port, so that it is taken out without a search
//
// Bounds: `capacity` addresses, 32 of them a port. A port with more, or one that finds the table full,
// has no list: it is among the `overflowing` ports, and the caller gives it all multicast. That errs to
// the side of delivery, and a guest that names many addresses harms only itself: 32 x 1,016 ports fit
// within the table when they share the usual groups, and a full table takes nothing from others.

public import Base
public import Wire

/// What became of the list of a port.
public enum GroupFilterResult: Equatable, Sendable {
  /// The port gets what its list names.
  case listed
  /// More than `largestListCount` addresses: the port is to get all multicast.
  case tooManyAddresses
  /// No room for one of the addresses: the port is to get all multicast.
  case full
}

/// Multicast MAC addresses and the ports that listen to them.
///
/// - Thread: one worker. Nothing is allocated after `init`.
public struct GroupFilterTable: ~Copyable, Sendable {
  /// The longest list of one port (vSphere's limit, too).
  public static let largestListCount = 32
  public static let defaultCapacity = 8_192

  /// Different addresses, of all ports together.
  public let capacity: Int
  /// Addresses in the table.
  public private(set) var count = 0
  /// Ports whose list did not fit: they are to get all multicast.
  public private(set) var overflowing = PortSet()
  /// How often a list was refused because the table was full.
  public private(set) var fullCount: UInt64 = 0

  @usableFromInline
  var slots: FixedArray<UInt64>
  @usableFromInline
  var groups: FixedArray<PortSet>
  @usableFromInline
  let seed: UInt64
  var lists: FixedArray<MACAddress>
  var listCounts: FixedArray<UInt8>
  /// Indices of groups that are free: the first `capacity - count` elements.
  var free: FixedArray<UInt16>

  /// An empty table for ports below `portCapacity`. The seed keeps guests from aiming at one slot.
  public init(capacity: Int = defaultCapacity, portCapacity: Int, seed: UInt64) {
    precondition(capacity > 0 && capacity < 1 << 16, "a filter table holds 1 to 65,535 addresses")
    precondition(portCapacity <= PortSet.capacity, "more ports than a set of ports has room for")
    self.capacity = capacity
    self.seed = seed
    slots = FixedArray(repeating: 0, count: Self.slotCount(capacity: capacity))
    groups = FixedArray(repeating: PortSet(), count: capacity)
    lists = FixedArray(repeating: .zero, count: portCapacity * Self.largestListCount)
    listCounts = FixedArray(repeating: 0, count: portCapacity)
    free = FixedArray(count: capacity) { UInt16(capacity - 1 - $0) }
  }

  /// What the table takes: 8 bytes a slot, 138 an address, 257 a port.
  public static func memoryBytes(capacity: Int, portCapacity: Int) -> Int {
    slotCount(capacity: capacity) * 8 + capacity * (136 + 2)
      + portCapacity * (largestListCount * 8 + 1)
  }

  private static func slotCount(capacity: Int) -> Int {
    var slots = 16
    while slots < capacity * 2 { slots *= 2 }
    return slots
  }

  /// Adds the ports that listen to an address; false when no port does.
  ///
  /// The `overflowing` ports are not among them: the caller knows others that get all multicast, and
  /// adds them all at once.
  /// - Cost: one cache line, seldom two, and the set itself.
  @inlinable @inline(__always)
  public func ports(of address: MACAddress, into ports: inout PortSet) -> Bool {
    var slot = home(of: address)
    while true {
      let entry = slots[slot]
      if entry == 0 { return false }
      if entry >> 16 == address.rawValue {
        ports.formUnion(groups[Int(entry & 0xFFFF) - 1])
        return true
      }
      slot = (slot + 1) & (slots.count - 1)
    }
  }

  /// Where the search for an address begins.
  @inlinable @inline(__always)
  func home(of address: MACAddress) -> Int {
    var mixed = (address.rawValue ^ seed) &* 0x9E37_79B9_7F4A_7C15
    mixed ^= mixed >> 32
    mixed = mixed &* 0xD6E8_FEB8_6659_FD93
    return Int(truncatingIfNeeded: mixed >> 32) & (slots.count - 1)
  }
}

extension GroupFilterTable {
  /// Replaces the list of a port. Addresses that are no multicast addresses, and repeated ones, are
  /// passed over.
  ///
  /// - Returns: other than `.listed`, the port has no list and is `overflowing`.
  /// - Cost: in the lengths of both lists.
  public mutating func set(port: Int, addresses: Span<MACAddress>) -> GroupFilterResult {
    remove(port: port)
    for index in addresses.indices where addresses[index].isMulticast {
      let result = add(addresses[index], port: port)
      guard result == .listed else {
        remove(port: port)
        overflowing.insert(port)
        if result == .full { fullCount += 1 }
        return result
      }
    }
    return .listed
  }

  /// Forgets the list of a port, and that it overflowed.
  public mutating func remove(port: Int) {
    let start = port * Self.largestListCount
    for index in 0..<Int(listCounts[port]) {
      leave(lists[start + index], port: port)
    }
    listCounts[port] = 0
    overflowing.remove(port)
  }

  /// The address at `index` of a port's list; nil at its end. For reports.
  public func address(at index: Int, ofPort port: Int) -> MACAddress? {
    guard index < Int(listCounts[port]) else { return nil }
    return lists[port * Self.largestListCount + index]
  }

  private mutating func add(_ address: MACAddress, port: Int) -> GroupFilterResult {
    let (slot, isFound) = position(of: address)
    if isFound, groups[group(at: slot)].contains(port) { return .listed }
    guard listCounts[port] < UInt8(Self.largestListCount) else { return .tooManyAddresses }
    if !isFound {
      guard count < capacity else { return .full }
      count += 1
      slots[slot] = address.rawValue << 16 | UInt64(free[capacity - count]) + 1
    }
    groups[group(at: slot)].insert(port)
    lists[port * Self.largestListCount + Int(listCounts[port])] = address
    listCounts[port] += 1
    return .listed
  }

  /// Takes a port out of a group, and the group out of the table when it was the last.
  private mutating func leave(_ address: MACAddress, port: Int) {
    let (slot, isFound) = position(of: address)
    precondition(isFound, "an address on the list of a port is in the table")
    let index = group(at: slot)
    groups[index].remove(port)
    guard groups[index].isEmpty else { return }
    free[capacity - count] = UInt16(index)
    count -= 1
    empty(slot)
  }

  private func group(at slot: Int) -> Int { Int(slots[slot] & 0xFFFF) - 1 }

  /// The slot of an address, or the empty one where it would go.
  private func position(of address: MACAddress) -> (slot: Int, isFound: Bool) {
    var slot = home(of: address)
    while slots[slot] != 0 {
      if slots[slot] >> 16 == address.rawValue { return (slot, true) }
      slot = (slot + 1) & (slots.count - 1)
    }
    return (slot, false)
  }

  /// Empties a slot and moves later entries of its run up, so that a search may end at any empty slot.
  private mutating func empty(_ slot: Int) {
    let mask = slots.count - 1
    var hole = slot
    var next = (slot + 1) & mask
    while slots[next] != 0 {
      let home = home(of: MACAddress(rawValue: slots[next] >> 16))
      // It may move when its home is not behind the hole.
      if (next - home) & mask >= (next - hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = 0
  }
}
