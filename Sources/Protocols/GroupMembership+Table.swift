// The table of groups, and the lists of their members.

internal import Base
internal import Tables
internal import Wire

extension GroupMembership {
  /// The index of a group.
  func find(_ address: IPAddress, _ vlan: UInt16) -> Int? {
    let slot = slot(of: address, vlan)
    return slots[slot] == 0 ? nil : Int(slots[slot]) - 1
  }

  /// The member of a group that is this port.
  func member(_ port: Int, of group: Int) -> Int? {
    var index = groups[group].first
    while index >= 0 {
      if members[Int(index)].port == UInt16(port) { return Int(index) }
      index = members[Int(index)].next
    }
    return nil
  }

  /// A new member, wanting nothing yet; nil when there is no room.
  mutating func addMember(
    _ port: Int, of address: IPAddress, _ vlan: UInt16, now: MonotonicTime
  ) -> Int? {
    guard freeMember >= 0, memberCounts[port] < limits.membersPerPort,
      let group = find(address, vlan) ?? addGroup(address, vlan)
    else { return nil }
    let index = Int(freeMember)
    freeMember = members[index].next
    members[index] = GroupMember(
      port: UInt16(port), group: Int32(group), next: groups[group].first, joined: now)
    groups[group].first = Int32(index)
    groups[group].choosyCount += 1
    memberCount += 1
    memberCounts[port] += 1
    return index
  }

  /// Brings everything that depends on a member up to date; takes it out when it is over.
  mutating func settle(_ index: Int) {
    if members[index].isOver { return removeMember(index) }
    let group = Int(members[index].group)
    let isPlain = members[index].wantsAll
    if isPlain != members[index].isPlain {
      members[index].isPlain = isPlain
      groups[group].choosyCount += isPlain ? -1 : 1
      if isPlain {
        groups[group].plain.insert(Int(members[index].port))
      } else {
        groups[group].plain.remove(Int(members[index].port))
      }
    }
    endDues[index] = members[index].endDue
    nextEnd = min(nextEnd, endDues[index])
    queryDues[index] = members[index].queryDue
    memberQueries.note(queryDues[index])
  }

  mutating func removeMember(_ index: Int) {
    let group = Int(members[index].group)
    if members[index].isPlain {
      groups[group].plain.remove(Int(members[index].port))
    } else {
      groups[group].choosyCount -= 1
    }
    unlink(index, from: group)
    memberCounts[Int(members[index].port)] -= 1
    members[index] = GroupMember(next: freeMember)
    freeMember = Int32(index)
    endDues[index] = .never
    queryDues[index] = .never
    memberCount -= 1
    if groups[group].first < 0 { removeGroup(group) }
  }

  private mutating func unlink(_ index: Int, from group: Int) {
    var before = groups[group].first
    guard before != Int32(index) else {
      groups[group].first = members[index].next
      return
    }
    while members[Int(before)].next != Int32(index) { before = members[Int(before)].next }
    members[Int(before)].next = members[index].next
  }

  private mutating func addGroup(_ address: IPAddress, _ vlan: UInt16) -> Int? {
    guard freeGroup >= 0 else { return nil }
    let index = Int(freeGroup)
    freeGroup = groups[index].first
    slots[slot(of: address, vlan)] = UInt32(index + 1)
    groups[index] = Group(vlan: vlan, address: address)
    groupCount += 1
    return index
  }

  /// Empties the slot of a group and moves later entries of its run up.
  private mutating func removeGroup(_ index: Int) {
    let mask = slots.count - 1
    var hole = slot(of: groups[index].address, groups[index].vlan)
    var next = (hole + 1) & mask
    while slots[next] != 0 {
      let entry = Int(slots[next]) - 1
      let home = home(of: groups[entry].address, groups[entry].vlan)
      if (next - home) & mask >= (next - hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = 0
    groups[index] = Group(first: freeGroup)
    freeGroup = Int32(index)
    groupCount -= 1
  }

  /// Where a group is, or the empty slot where it would go.
  private func slot(of address: IPAddress, _ vlan: UInt16) -> Int {
    var slot = home(of: address, vlan)
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if groups[index].vlan == vlan, groups[index].address == address { return slot }
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private func home(of address: IPAddress, _ vlan: UInt16) -> Int {
    var mixed = seed ^ UInt64(vlan)
    switch address {
    case .v4(let address): mixed ^= UInt64(address.rawValue) << 16
    case .v6(let address):
      mixed = (mixed ^ address.high) &* 0x9E37_79B9_7F4A_7C15
      mixed ^= mixed >> 29 ^ address.low
    }
    mixed = mixed &* 0x9E37_79B9_7F4A_7C15
    mixed ^= mixed >> 32
    mixed = mixed &* 0xD6E8_FEB8_6659_FD93
    return Int(truncatingIfNeeded: mixed >> 32) & (slots.count - 1)
  }
}
