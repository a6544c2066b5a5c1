// Where the process starts. SwiftPM links a program with `main` defined as `MODULE_main`, so
// libFuzzer's own `main` is never used; this one does what that does.

/// libFuzzer as a library (FuzzerInterface.h of LLVM).
@_extern(c, "LLVMFuzzerRunDriver")
private func runDriver(
  _ argumentCount: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ testOneInput: @convention(c) (UnsafeRawPointer?, Int) -> CInt
) -> CInt

/// - Returns: the exit status: 0, or another number after a finding.
@_cdecl("martlet_fuzz_main")
public func entryPoint(
  _ argumentCount: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
  var count = argumentCount
  var arguments = unsafe arguments
  // SAFETY: both live until the driver returns, and it changes nothing else.
  return unsafe runDriver(&count, &arguments, testOneInput)
}
