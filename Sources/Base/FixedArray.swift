// A heap array whose size is fixed when it is made.
//
// The data plane keeps all of its state in these: the memory is sized once from a named limit, every
// access is bounds-checked, and an element is reached in place. A standard `Array` would do the
// same work through a uniqueness check and a retain, and an `Array` inside a struct cannot lend one
// element while a call touches another field.
//
// Arrays of some megabytes ask for large pages: a table that is read all over would else wait for the
// translation of an address as often as for the memory behind it.
//
// Invariant: `base` points to `count` initialised elements from `init` to `deinit`.

public import CMemory

/// A fixed number of elements, reached in place, never copied, never grown.
///
/// - Thread: one owner at a time. It may be sent to another thread when its elements may.
@safe
public struct FixedArray<Element: ~Copyable>: ~Copyable {
  @usableFromInline
  let base: UnsafeMutablePointer<Element>
  public let count: Int

  /// Makes `count` elements, each from its index. Traps on a negative count.
  public init(count: Int, _ element: (Int) -> Element) {
    precondition(count >= 0, "a fixed array cannot have \(count) elements")
    let byteCount = max(count, 1) * MemoryLayout<Element>.stride
    let isHuge = byteCount >= FixedArrayLayout.hugeFromBytes
    // Room for `count` elements from the start of a cache line, so that an element of 64 bytes
    // never straddles two.
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: byteCount,
      alignment: max(isHuge ? FixedArrayLayout.hugePageBytes : 64, MemoryLayout<Element>.alignment))
    // SAFETY: advice about these bytes, none of which has been touched.
    if isHuge { unsafe martlet_prefer_huge_pages(memory, byteCount) }
    // SAFETY: as much memory as `count` elements need; each is initialised once.
    unsafe base = memory.assumingMemoryBound(to: Element.self)
    for index in 0..<count { unsafe (base + index).initialize(to: element(index)) }
    self.count = count
  }

  deinit {
    // SAFETY: all `count` elements were initialised by `init`; nothing can refer to them any more.
    unsafe base.deinitialize(count: count)
    unsafe base.deallocate()
  }

  @inlinable
  public var indices: Range<Int> { 0..<count }

  /// The element at `index`; traps outside `0..<count`.
  @inlinable
  public subscript(index: Int) -> Element {
    // SAFETY: the index was checked, and the pointer is used only for the length of the access.
    @inline(__always)
    unsafeAddress {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index out of range")
      return unsafe UnsafePointer(base + index)
    }
    @inline(__always)
    unsafeMutableAddress {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index out of range")
      return unsafe base + index
    }
  }
}

extension FixedArray where Element: ~Copyable {
  /// Asks for the element at `index`, which is read soon: a hint, that changes nothing.
  @inlinable @inline(__always)
  public func prefetch(_ index: Int) {
    // SAFETY: the address is not read, and need not even be one.
    unsafe martlet_prefetch(base + index)
  }
}

/// When an array asks for large pages.
private enum FixedArrayLayout {
  /// The size of a large page (x86-64 and most arm64 kernels).
  static let hugePageBytes = 2 << 20
  /// Below this, rounding up to whole large pages would take more than it gives.
  static let hugeFromBytes = 4 << 20
}

extension FixedArray where Element: Copyable {
  /// Makes `count` copies of one value.
  public init(repeating value: Element, count: Int) {
    self.init(count: count) { _ in value }
  }

  /// Copies a collection.
  public init(_ elements: some RandomAccessCollection<Element>) {
    let start = elements.startIndex
    self.init(count: elements.count) { elements[elements.index(start, offsetBy: $0)] }
  }

  /// The elements as an ordinary array: for reports and tests, not for the data path.
  public var elements: [Element] { indices.map { self[$0] } }

  /// Overwrites every element.
  @inlinable
  public mutating func fill(with value: Element) {
    for index in indices { self[index] = value }
  }
}

// SAFETY: the array owns its memory alone, so sending it sends the elements and nothing else.
extension FixedArray: @unchecked Sendable where Element: Sendable & ~Copyable {}
