// A port's place in the arrays of its switch.

/// Where a port's state lives: dense from 0, stable while the port exists, smaller than the limit
/// of ports of a switch. Uplinks have port indices too.
@frozen
public struct PortIndex: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  public var rawValue: UInt16

  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Traps when `index` does not fit.
  @inlinable
  public init(_ index: Int) { rawValue = UInt16(index) }

  /// No port.
  @inlinable
  public static var none: PortIndex { PortIndex(rawValue: .max) }

  @inlinable
  public var index: Int { Int(rawValue) }

  @inlinable
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
