// Starting programs and waiting for them (fork(2), execve(2), pidfd_open(2)).
//
// The child runs C only until it is the new program (process.c). Invariant: a started process is
// known by its pidfd, so that waiting and signalling never meet a recycled number.

public import Base
internal import CLinux
internal import Glibc

/// A program that this process started. It goes on when this value goes.
///
/// - Thread: one at a time. With `diesWithParent` the program ends with the *thread* that
///   started it.
public struct ChildProcess: ~Copyable, Sendable {
  /// How a program ended.
  public enum Ending: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signaled(Int32)

    public var isSuccess: Bool { self == .exited(0) }

    public var description: String {
      switch self {
      case .exited(let status): "exit status \(status)"
      case .signaled(let number): "signal \(number)"
      }
    }
  }

  public let identity: ProcessIdentity
  let handle: Descriptor
  /// This side of each stream that was asked for as `.pipe`, to be taken.
  public var input: Descriptor?
  public var output: Descriptor?
  public var errors: Descriptor?
  private var ending: Ending?

  /// Starts a program. When it returns, the program runs: a missing file is an error here.
  public init(_ command: Command) throws(Failure) {
    let path = try command.executablePath()
    let what = "cannot start \(command.arguments[0])"
    var input = try Wiring(command.input, isInput: true, number: 0)
    var output = try Wiring(command.output, isInput: false, number: 1)
    var errors = try Wiring(command.errors, isInput: false, number: 2)
    let inside = [input.insideNumber, output.insideNumber, errors.insideNumber]
    let number = try launch(command, path, inside + command.descriptors, what)
    // The child is not waited for yet, so its number cannot be recycled here.
    let pidfd = clinux_pidfd_open(number)
    guard pidfd >= 0, let identity = ProcessIdentity(process: number) else {
      throw Errno.current.failure(what)
    }
    self.identity = identity
    handle = Descriptor(owning: pidfd)
    self.input = input.outside.take()
    self.output = output.outside.take()
    self.errors = errors.outside.take()
  }

  deinit {
    // A program that has ended would stay in the process table otherwise.
    var wasSignal: Int32 = 0
    var status: Int32 = 0
    // SAFETY: two numbers that live for the call.
    if ending == nil { _ = unsafe clinux_wait_process(handle.number, 0, &wasSignal, &status) }
  }

  /// Readable once the program has ended: for a poller.
  public var descriptor: Int32 { handle.number }

  /// Waits for the end; `nil` when the time is up first. Without a timeout it waits for ever.
  public mutating func wait(timeoutNanoseconds: UInt64? = nil) -> Ending? {
    if let ending { return ending }
    guard waitForEnd(handle.number, timeoutNanoseconds: timeoutNanoseconds) else { return nil }
    var wasSignal: Int32 = 0
    var status: Int32 = 0
    // SAFETY: two numbers that live for the call.
    let result = unsafe clinux_wait_process(handle.number, 1, &wasSignal, &status)
    precondition(result == 1, "a child is waited for only here")
    ending = wasSignal != 0 ? .signaled(status) : .exited(status)
    return ending
  }

  /// Sends a signal; nothing happens when the program has ended.
  public borrowing func send(_ signal: Signal) {
    // Of one's own child only "it has ended" can be wrong, or that it now runs as another user.
    _ = try? ProcessIdentity.send(signal, to: handle.number)
  }

  /// Asks the program to end, waits, then kills it and waits until it is gone.
  public mutating func terminate(graceNanoseconds: UInt64 = 2_000_000_000) -> Ending? {
    send(.terminate)
    if let ending = wait(timeoutNanoseconds: graceNanoseconds) { return ending }
    send(.kill)
    return wait(timeoutNanoseconds: 5_000_000_000)
  }
}

/// One standard stream: what the program gets, and what this process keeps of it.
private struct Wiring: ~Copyable {
  private let inside: Descriptor?
  let insideNumber: Int32
  var outside: Descriptor?

  init(_ stream: ChildProcess.Command.Stream, isInput: Bool, number: Int32) throws(Failure) {
    switch stream {
    case .inherit: self.init(nil, number)
    case .descriptor(let given): self.init(nil, given)
    case .null: self.init(try Self.open("/dev/null", O_RDWR), -1)
    case .file(let path):
      self.init(try Self.open(path, isInput ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC), -1)
    case .append(let path): self.init(try Self.open(path, O_WRONLY | O_CREAT | O_APPEND), -1)
    case .pipe:
      var ends: [Int32] = [-1, -1]
      // SAFETY: room for two descriptors.
      guard unsafe clinux_pipe(&ends) == 0 else {
        throw Errno.current.failure("cannot make a pipe")
      }
      self.init(Descriptor(owning: isInput ? ends[0] : ends[1]), -1)
      outside = Descriptor(owning: isInput ? ends[1] : ends[0])
    }
  }

  private init(_ inside: consuming Descriptor?, _ number: Int32) {
    insideNumber = inside?.number ?? number
    self.inside = inside
  }

  private static func open(_ path: String, _ flags: Int32) throws(Failure) -> Descriptor {
    do throws(Errno) { return try Descriptor(opening: path, flags, mode: 0o644) } catch {
      throw error.failure("cannot open \(path)")
    }
  }
}

/// Calls the shim with everything as C strings; returns the number of a program that runs.
private func launch(
  _ command: ChildProcess.Command, _ path: String, _ descriptors: [Int32], _ what: String
) throws(Failure) -> Int32 {
  let arguments = CStrings(command.arguments)
  let variables = command.environment.map { $0.map { "\($0.key)=\($0.value)" }.sorted() }
  let environment = CStrings(variables ?? [])
  let texts = CStrings([path] + (command.workingDirectory.map { [$0] } ?? []))
  var step: Int32 = 0
  let number = unsafe descriptors.withUnsafeBufferPointer { descriptors in
    // SAFETY: every pointer is to memory that lives until the end of this function.
    var request = unsafe clinux_launch(
      path: texts[0], arguments: arguments.pointer,
      environment: variables == nil ? nil : environment.pointer, directory: texts[1],
      descriptors: descriptors.baseAddress, descriptor_count: Int32(descriptors.count),
      network_namespace: command.networkNamespace?.descriptor ?? -1,
      new_session: command.startsSession ? 1 : 0, die_with_parent: command.diesWithParent ? 1 : 0)
    return unsafe clinux_launch_process(&request, &step)
  }
  if number >= 0 { return number }
  let error = Errno.current
  switch clinux_launch_step(rawValue: UInt32(step)) {
  case CLINUX_STEP_DIRECTORY:
    throw error.failure("\(what) in \(command.workingDirectory ?? ".")")
  case CLINUX_STEP_NAMESPACE, CLINUX_STEP_MOUNT:
    throw error.failure("\(what) in network namespace \(command.networkNamespace?.name ?? "")")
  default: throw error.failure(what)
  }
}

/// An array of C strings that ends with a null pointer, and its memory.
@safe
private struct CStrings: ~Copyable {
  let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    unsafe pointer = .allocate(capacity: count + 1)
    // SAFETY: `count` copies and a null pointer are initialised, which is all the room there is.
    for (index, string) in strings.enumerated() {
      unsafe (pointer + index).initialize(to: strdup(string))
    }
    unsafe (pointer + count).initialize(to: nil)
  }

  deinit {
    // SAFETY: each string was made by strdup, and nobody else frees it.
    for index in 0..<count { unsafe free(pointer[index]) }
    unsafe pointer.deallocate()
  }

  /// A string, or null from the end on.
  subscript(index: Int) -> UnsafeMutablePointer<CChar>? {
    // SAFETY: in range, and the strings live as long as this.
    unsafe index < count ? pointer[index] : nil
  }
}
