// The built program, building real labs with names of the test's own in a runtime folder of the
// test's own, and the question that ends every test: is anything left?

import Base
import Glibc
import Lab
import Linux
import Synchronization
import Testing

/// The built program, when it is said where it is and this is root.
let program: String? = {
  guard geteuid() == 0 else { return nil }
  return ChildProcess.Command.inheritedEnvironment["MARTLET_BINARY"]
}()

let needsProgram: Comment = "needs root, and the path of the built program in MARTLET_BINARY"

/// Topologies/ of the checkout.
let topologies: String = {
  let parts = #filePath.split(separator: "/").dropLast(3)
  return "/" + parts.joined(separator: "/") + "/Topologies"
}()

/// What one run of a program gave.
struct Outcome {
  var status: Int32
  var output: String
  var errors: String
}

/// One or more labs of a test, in a folder of their own.
final class LabFixture {
  let runtime: String
  /// The name of the lab; further ones append to it.
  let lab: String

  init() {
    let number = Self.counter.add(1, ordering: .relaxed).newValue
    lab = "mt\(getpid())-\(number)"
    runtime = "/run/\(lab)"
  }

  private static let counter = Atomic(0)

  deinit {
    // Whatever the test did, nothing stays on the machine.
    _ = try? LabBuilder(directory: directory).downAll()
    try? removeTree(runtime)
  }

  var directory: LabDirectory { LabDirectory(runtimeFolder: runtime) }
  var folder: String { "\(runtime)/labs/\(lab)" }

  /// The words of a command, with the surroundings of this test.
  func command(_ words: [String]) throws -> ChildProcess.Command {
    let program = try #require(program)
    var command = ChildProcess.Command([program] + words)
    var environment = ChildProcess.Command.inheritedEnvironment
    environment["MARTLET_RUNTIME_DIRECTORY"] = runtime
    command.environment = environment
    return command
  }

  /// Runs the program to its end.
  func run(_ words: String...) throws -> Outcome { try run(words) }

  func run(_ words: [String]) throws -> Outcome {
    let report = try ChildProcess.run(try command(words), timeoutNanoseconds: 120_000_000_000)
    guard case .exited(let status) = report.ending else {
      throw Failure("martlet \(words)", why: "\(report.ending)", remedy: "mend it")
    }
    return Outcome(status: status, output: report.output, errors: report.errors)
  }

  /// Brings a topology up; with the agents' logs when it does not come.
  @discardableResult
  func up(_ topology: String = "quickstart.yaml", name: String? = nil) throws -> Outcome {
    let outcome = try run("lab", "up", "\(topologies)/\(topology)", "--name", name ?? lab)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return outcome
  }

  func exec(_ node: String, _ words: String...) throws -> Outcome {
    try run(["lab", "exec", "--lab", lab, node, "--"] + words)
  }

  /// Expects that a command in a node ends well; tells the logs when it does not.
  func expectDone(
    _ node: String, _ words: String..., location: Testing.SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try run(["lab", "exec", "--lab", lab, node, "--"] + words)
    if outcome.status != 0 {
      Issue.record(
        "\(words) in \(node): \(outcome.output)\(outcome.errors)\n\(logs)", sourceLocation: location
      )
    }
  }

  /// The logs of all agents.
  var logs: String {
    var text = ""
    for lab in directory.names {
      let hosts = "\(runtime)/labs/\(lab)/hosts"
      for host in ((try? listDirectory(hosts)) ?? []).sorted() {
        let bytes = (try? readFile("\(hosts)/\(host)/agent.log", limitBytes: 16 << 20)) ?? []
        text += "--- agent.log of \(host) in \(lab)\n"
        text += String(decoding: bytes.suffix(16384), as: UTF8.self)
      }
    }
    return text
  }

  /// Everything of this fixture that is still on the machine.
  func leftovers() -> [String] {
    var found = NetworkNamespace.names().filter { $0.hasPrefix("\(lab)-") }
    for process in ProcessIdentity.all() {
      let marker = process.environment["MARTLET_LAB"] ?? ""
      if marker.hasPrefix("\(runtime)/") {
        found.append("process \(process.number) \(process.arguments)")
      }
    }
    if let entries = try? listDirectory(runtime) { found.append("\(runtime) with \(entries)") }
    return found
  }

  /// Expects that nothing remains: no namespace, no process, no file, no folder.
  func expectNothingLeft(location: Testing.SourceLocation = #_sourceLocation) {
    let left = leftovers()
    #expect(left.isEmpty, "left behind: \(left)", sourceLocation: location)
  }

  /// How many lines the journal of the lab has.
  var journalLineCount: Int {
    let bytes = (try? readFile("\(folder)/journal", limitBytes: 1 << 20)) ?? []
    return bytes.count { $0 == UInt8(ascii: "\n") }
  }

  /// The process of a host's agent, as the journal has it.
  func agent(of host: String) throws -> ProcessIdentity {
    let text = String(
      decoding: try readFile("\(folder)/journal", limitBytes: 1 << 20), as: UTF8.self)
    let line = try #require(text.split(separator: "\n").last { $0.hasPrefix("agent \(host) ") })
    let words = line.split(separator: " ")
    let number = try #require(Int32(words[2]))
    return try #require(ProcessIdentity(process: number))
  }
}
