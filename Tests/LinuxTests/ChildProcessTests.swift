// Programs: starting, streams, endings, identities.

import Base
import FoundationEssentials
import Glibc
import Linux
import Testing

@Suite("child processes")
struct ChildProcessTests {
  @Test("exit status, output and errors are kept apart")
  func reports() throws {
    let report = try ChildProcess.run(.init(["sh", "-c", "echo out; echo err >&2; exit 3"]))
    #expect(report == .init(ending: .exited(3), output: "out\n", errors: "err\n"))
    #expect(!report.ending.isSuccess)
  }

  @Test("a signal is told from an exit status")
  func signals() throws {
    let report = try ChildProcess.run(.init(["sh", "-c", "kill -9 $$"]))
    #expect(report.ending == .signaled(9))
  }

  @Test("a program that is not there, may not run, or has no folder: three clear errors")
  func refuses() throws {
    let missing = #expect(throws: Failure.self) {
      _ = try ChildProcess(.init(["no-such-program-here"]))
    }
    #expect(missing?.why == "there is no such program in PATH")
    let file = #expect(throws: Failure.self) { _ = try ChildProcess(.init(["/etc/passwd"])) }
    #expect(file?.why == "Permission denied")
    var command = ChildProcess.Command(["true"])
    command.workingDirectory = "/no/such/folder"
    let folder = #expect(throws: Failure.self) { _ = try ChildProcess(command) }
    #expect(folder?.what == "cannot start true in /no/such/folder")
    #expect(throws: Failure.self) { _ = try ChildProcess(.init([])) }
  }

  @Test("environment, folder, input and files")
  func surroundings() throws {
    try withFolder { folder in
      var command = ChildProcess.Command(["sh", "-c", "pwd; echo $COLOUR; cat; echo $HOME"])
      command.environment = ["COLOUR": "a = b", "PATH": "/usr/bin:/bin"]
      command.workingDirectory = folder
      try AtomicFile.write(Array("hello\n".utf8), to: "\(folder)/in")
      command.input = .file("\(folder)/in")
      command.output = .file("\(folder)/out")
      var first = try ChildProcess(command)
      #expect(first.wait() == .exited(0))
      command.output = .append("\(folder)/out")
      var second = try ChildProcess(command)
      #expect(second.wait() == .exited(0))
      let once = "\(folder)\na = b\nhello\n\n"
      let text = try readFile("\(folder)/out", limitBytes: 1000)
      #expect(String(decoding: text, as: UTF8.self) == once + once)
    }
  }

  @Test("a pipe to its input and one from its output")
  func pipes() throws {
    var command = ChildProcess.Command(["cat"])
    command.input = .pipe
    command.output = .pipe
    var child = try ChildProcess(command)
    let input = child.input.take()!
    try input.write(Array("through".utf8))
    _ = consume input
    let output = child.output.take()!
    let text = try output.readToEnd(limitBytes: 100)
    #expect(text == Array("through".utf8))
    #expect(child.wait() == .exited(0))
    #expect(child.wait() == .exited(0))
  }

  @Test("writing to a program that has ended is an error, and programs keep their own SIGPIPE")
  func brokenPipes() throws {
    ignoreBrokenPipes()
    var command = ChildProcess.Command(["true"])
    command.input = .pipe
    var child = try ChildProcess(command)
    #expect(child.wait() == .exited(0))
    let input = child.input.take()!
    #expect(throws: Errno(rawValue: EPIPE)) { try input.write([1]) }
    let report = try ChildProcess.run(.init(["sh", "-c", "kill -PIPE $$; echo lived"]))
    #expect(report.ending == .signaled(SIGPIPE))
  }

  @Test("given descriptors become 3 and 4, whatever their numbers; nothing else is open")
  func mapsDescriptors() throws {
    try withFolder { folder in
      try AtomicFile.write(Array("one".utf8), to: "\(folder)/1")
      try AtomicFile.write(Array("two".utf8), to: "\(folder)/2")
      // Inherited on purpose: not close-on-exec.
      // SAFETY: C strings for the calls.
      let first = Descriptor(owning: unsafe open("\(folder)/1", O_RDONLY))
      let second = Descriptor(owning: unsafe open("\(folder)/2", O_RDONLY))
      var command = ChildProcess.Command(["sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd"])
      command.descriptors = [second.number, first.number]
      let report = try ChildProcess.run(command)
      // `ls` itself opens one: the folder that it lists.
      #expect(report.output == "twoone0\n1\n2\n3\n4\n5\n")
    }
  }

  @Test("too much output, and too much time, end the program and say so")
  func bounds() throws {
    let much = #expect(throws: Failure.self) {
      try ChildProcess.run(.init(["yes"]), limitBytes: 10_000)
    }
    #expect(much?.why == "it is more than 10000 bytes")
    let long = #expect(throws: Failure.self) {
      try ChildProcess.run(.init(["sleep", "60"]), timeoutNanoseconds: 20_000_000)
    }
    #expect(long?.why == "it did not end in 20 ms")
  }

  @Test("a grandchild that holds the output open does not hold `run`")
  func ignoresGrandchildren() throws {
    let start = MonotonicClock.now()
    let report = try ChildProcess.run(.init(["sh", "-c", "sleep 3 & echo done"]))
    #expect(report.output == "done\n")
    #expect(MonotonicClock.now().nanoseconds(since: start) < 2_500_000_000)
  }

  @Test("wait gives up in time; terminate escalates to a kill")
  func terminates() throws {
    var command = ChildProcess.Command([
      "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done",
    ])
    command.output = .pipe
    command.startsSession = true
    var child = try ChildProcess(command)
    let output = child.output.take()!
    #expect(try output.read(limitBytes: 10) == Array("ready\n".utf8))
    #expect(child.wait(timeoutNanoseconds: 1_000_000) == nil)
    #expect(child.terminate(graceNanoseconds: 10_000_000) == .signaled(SIGKILL))
  }

  @Test("die with parent: the program ends with the thread that started it")
  func diesWithParent() throws {
    let identity = Parent()
    try Thread(named: "parent") {
      var command = ChildProcess.Command(["sleep", "60"])
      command.diesWithParent = true
      identity.value = (try? ChildProcess(command))?.identity
    }.join()
    let child = try #require(identity.value)
    #expect(try child.waitForEnd(timeoutNanoseconds: 5_000_000_000))
  }

  // SAFETY: the join orders the writing before the reading.
  private final class Parent: @unchecked Sendable {
    var value: ProcessIdentity?
  }
}

@Suite("process identities")
struct ProcessIdentityTests {
  @Test("this process lives, and its identity survives a copy by its numbers")
  func current() {
    let current = ProcessIdentity.current
    #expect(current.isAlive)
    #expect(current == ProcessIdentity(process: getpid()))
    #expect(ProcessIdentity.all().contains(current))
    #expect(!current.arguments.isEmpty)
  }

  @Test("found by a variable, ended, and then gone for good")
  func ends() throws {
    let mark = uniqueName("mark")
    var command = ChildProcess.Command(["sleep", "60"])
    command.environment = ["MARTLET_TEST": mark, "PATH": "/usr/bin:/bin"]
    let child = try ChildProcess(command)
    let found = ProcessIdentity.all(withVariable: "MARTLET_TEST", equalTo: mark)
    #expect(found == [child.identity])
    #expect(found.first?.arguments == ["sleep", "60"])
    #expect(try child.identity.terminate())
    // Not waited for: a zombie, which is not alive.
    #expect(!child.identity.isAlive)
    #expect(try !child.identity.send(.terminate))
    #expect(try child.identity.kill())
  }

  @Test("the same number with another start is another process, and gets no signal")
  func refusesRecycled() throws {
    var child = try ChildProcess(.init(["sleep", "60"]))
    let ours = child.identity
    let text = "{\"number\":\(ours.number),\"startTicks\":\(ours.startTicks - 1)}"
    let earlier = try JSONDecoder().decode(ProcessIdentity.self, from: Data(text.utf8))
    #expect(earlier.number == ours.number)
    #expect(!earlier.isAlive)
    #expect(try !earlier.send(.kill))
    #expect(try earlier.terminate())
    #expect(ours.isAlive)
    #expect(child.terminate() == .signaled(SIGTERM))
  }

  @Test("own memory and processor time are plausible")
  func resourceUse() throws {
    let use = try ResourceUse.current()
    #expect(use.residentBytes > 1 << 20)
    #expect(use.residentBytes < 1 << 34)
    var sum: UInt64 = 0
    let more = eventually {
      for number in 0..<2_000_000 as Range<UInt64> { sum = sum &* 31 &+ number }
      return (try? ResourceUse.current().processorSeconds).map { $0 > use.processorSeconds }
        ?? false
    }
    #expect(more, "\(sum)")
    #expect(throws: Errno.noProcess) { try ResourceUse.of(process: Int32.max) }
  }
}
