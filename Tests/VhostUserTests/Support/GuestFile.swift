// The memory of a fake guest: a memfd, mapped here as the guest's kernel would see it. When it shrinks, the
// fake guest reads zeroes, as the back end does.

internal import CLinux
import Glibc
import Linux

/// Memory that can be shared, of a fixed size.
@safe
final class GuestFile {
  let byteCount: Int
  let descriptor: Descriptor
  let start: UnsafeMutableRawPointer
  private let isLost: UnsafeMutablePointer<UInt32>
  private var guardNumber: Int32 = -1

  init(byteCount: Int) {
    self.byteCount = byteCount
    // SAFETY: mapped for the life of this object; a failure traps.
    descriptor = Descriptor(
      owning: unsafe clinux_memory_create("guest", UInt64(byteCount)))
    unsafe isLost = .allocate(capacity: 1)
    unsafe isLost.initialize(to: 0)
    unsafe start = clinux_memory_map(
      descriptor.number, 0, UInt64(byteCount), isLost, &guardNumber)
  }

  // SAFETY: mapped and allocated by `init`.
  deinit {
    unsafe clinux_memory_unmap(start, UInt64(byteCount), guardNumber)
    unsafe isLost.deallocate()
  }

  func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
    precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= byteCount)
    // SAFETY: checked.
    unsafe start.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
  }

  func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value
  {
    precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= byteCount)
    // SAFETY: checked.
    return Value(littleEndian: unsafe start.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  func store(_ bytes: some Collection<UInt8>, at offset: Int) {
    precondition(offset >= 0 && offset + bytes.count <= byteCount)
    let array = Array(bytes)
    // SAFETY: checked.
    unsafe array.withUnsafeBytes { source in
      guard let from = source.baseAddress else { return }
      unsafe (start + offset).copyMemory(from: from, byteCount: source.count)
    }
  }

  func bytes(at offset: Int, count: Int) -> [UInt8] {
    precondition(offset >= 0 && count >= 0 && offset + count <= byteCount)
    // SAFETY: checked.
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start + offset, count: count))
  }

  /// Takes the pages away under whoever uses them.
  func shrink(to byteCount: Int) { ftruncate(descriptor.number, byteCount) }

  /// A descriptor to send.
  func passed() -> Int32 { dup(descriptor.number) }
}
