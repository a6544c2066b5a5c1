// A short list of source addresses, kept in place: what a querier asks about, or a member listens to.
//
// Bound: ten, vSphere's limit of sources a group for IGMPv3 and MLDv2.

/// At most ten different IP addresses, in the order in which they came.
@frozen
public struct GroupSources: Hashable, Sendable, BitwiseCopyable {
  @inlinable public static var capacity: Int { 10 }

  @usableFromInline
  var addresses: [10 of IPv6Address]
  @usableFromInline
  var families: UInt16
  public private(set) var count: Int

  /// None.
  public init() {
    addresses = .init(repeating: .unspecified)
    families = 0
    count = 0
  }

  public var isEmpty: Bool { count == 0 }
  public var isFull: Bool { count == Self.capacity }

  /// The address at `index`; traps beyond `count`.
  public subscript(index: Int) -> IPAddress {
    precondition(index >= 0 && index < count, "a list of sources has no such element")
    let address = addresses[index]
    guard families & 1 << UInt16(index) != 0 else { return .v6(address) }
    return .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: address.low)))
  }

  public func contains(_ source: IPAddress) -> Bool { index(of: source) != nil }

  public func index(of source: IPAddress) -> Int? {
    for index in 0..<count where self[index] == source { return index }
    return nil
  }

  /// Adds an address that is not in the list; false when there is no room for it.
  @discardableResult
  public mutating func insert(_ source: IPAddress) -> Bool {
    if contains(source) { return true }
    guard !isFull else { return false }
    set(source, at: count)
    count += 1
    return true
  }

  /// Takes out the address at `index`; the last one takes its place.
  public mutating func remove(at index: Int) {
    let last = self[count - 1]
    set(last, at: index)
    count -= 1
    set(.v6(.unspecified), at: count)
  }

  private mutating func set(_ source: IPAddress, at index: Int) {
    switch source {
    case .v4(let address):
      addresses[index] = IPv6Address(high: 0, low: UInt64(address.rawValue))
      families |= 1 << UInt16(index)
    case .v6(let address):
      addresses[index] = address
      families &= ~(1 << UInt16(index))
    }
  }

  /// The same addresses in the same order.
  public static func == (left: Self, right: Self) -> Bool {
    guard left.count == right.count, left.families == right.families else { return false }
    for index in 0..<left.count where left.addresses[index] != right.addresses[index] {
      return false
    }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    for index in 0..<count { hasher.combine(self[index]) }
  }
}
