// The one function that libFuzzer calls (https://llvm.org/docs/LibFuzzer.html); `main` is
// libFuzzer's.
//
// `MARTLET_FUZZ_TARGET` names the target. Without it the first byte of each input chooses, so that
// one process can try them all.

internal import Base
internal import Glibc

/// The target that the environment names; nil when it names none.
private let chosenTarget: FuzzTarget? = {
  // SAFETY: called once, and nothing in this process changes the environment.
  guard let value = unsafe getenv("MARTLET_FUZZ_TARGET") else { return nil }
  let name = unsafe String(cString: value)
  guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
    let names = FuzzTarget.all.map(\.name).joined(separator: " ")
    print("martlet-fuzz: error: no target \(name): MARTLET_FUZZ_TARGET is one of: \(names)")
    exit(2)
  }
  return target
}()

/// - Returns: 0 always; a finding traps.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer lends `count` bytes at `start` for the length of this call.
  let bytes = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: start, count: count))
  if let chosenTarget {
    chosenTarget.run(bytes)
  } else if bytes.byteCount > 0 {
    let target = FuzzTarget.all[Int(bytes.byte(0)) % FuzzTarget.all.count]
    target.run(bytes.extracting(droppingFirst: 1))
  }
  return 0
}
