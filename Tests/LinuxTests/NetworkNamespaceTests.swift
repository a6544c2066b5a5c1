// Real namespaces, compared with what `ip netns` says.

import Base
import Glibc
import Linux
import Testing

@Suite("network namespaces", .enabled(if: canMakeNamespaces, needsNamespaces), .serialized)
struct NetworkNamespaceTests {
  @Test("create, list, open, delete; `ip netns` sees the same")
  func lives() throws {
    let name = uniqueName("life")
    let made = try NetworkNamespace.create(named: name)
    defer { try? NetworkNamespace.delete(named: name) }
    #expect(made.name == name)
    #expect(made.identity != (try NetworkNamespace.current().identity))
    #expect(NetworkNamespace.names().contains(name))
    #expect(try NetworkNamespace.open(named: name).identity == made.identity)
    let listed = try ChildProcess.run(.init(["ip", "netns", "list"]))
    #expect(listed.output.contains(name))
    let inside = try ChildProcess.run(
      .init(["ip", "netns", "exec", name, "stat", "-L", "-c", "%i", "/proc/self/ns/net"]))
    #expect(inside.output == "\(made.identity.inode)\n")

    try NetworkNamespace.delete(named: name)
    #expect(!NetworkNamespace.names().contains(name))
    try NetworkNamespace.delete(named: name)
    let failure = #expect(throws: Failure.self) { try NetworkNamespace.open(named: name) }
    #expect(failure?.why == "No such file or directory")
  }

  @Test("a namespace that `ip netns add` made opens, and is deleted")
  func opensForeign() throws {
    let name = uniqueName("foreign")
    let added = try ChildProcess.run(.init(["ip", "netns", "add", name]))
    #expect(added.ending.isSuccess)
    #expect(try NetworkNamespace.open(named: name).name == name)
    try NetworkNamespace.delete(named: name)
    #expect(try !ChildProcess.run(.init(["ip", "netns", "list"])).output.contains(name))
  }

  @Test("a taken name is an error that says what to do, and takes nothing away")
  func refusesTaken() throws {
    try withNamespace("taken") { namespace in
      let name = namespace.name!
      let failure = #expect(throws: Failure.self) { try NetworkNamespace.create(named: name) }
      #expect(failure?.why == "File exists")
      #expect(failure?.remedy == "delete it (`ip netns delete \(name)`) first")
      let stillThere = try NetworkNamespace.open(named: name)
      #expect(stillThere.identity == namespace.identity)
    }
  }

  @Test("names that are no file names are refused", arguments: ["", ".", "..", "a/b"])
  func refusesNames(name: String) {
    #expect(throws: Failure.self) { try NetworkNamespace.create(named: name) }
    #expect(throws: Failure.self) { try NetworkNamespace.delete(named: name) }
  }

  @Test("the file of a crash in the middle of create is not a namespace, and is deleted")
  func cleansHalfMade() throws {
    try withNamespace("half") { _ in
      let name = uniqueName("crashed")
      let path = "\(NetworkNamespace.directory)/\(name)"
      try AtomicFile.write([], to: path)
      #expect(throws: Failure.self) { try NetworkNamespace.open(named: name) }
      try NetworkNamespace.delete(named: name)
      #expect(!NetworkNamespace.names().contains(name))
    }
  }

  @Test(
    "run enters it, returns values that cannot be copied, rethrows, and leaves the caller alone")
  func runs() throws {
    let home = try NetworkNamespace.current().identity
    try withNamespace("run") { namespace in
      let inside = try namespace.run { () throws(Failure) in
        try NetworkNamespace.current().identity
      }
      #expect(inside == namespace.identity)
      let socket: Descriptor = try namespace.run {
        Descriptor(owning: Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
      }
      #expect(socket.number > 2)
      let sent = Failure("a", why: "b", remedy: "c")
      #expect(throws: sent) { try namespace.run { () throws(Failure) in throw sent } }
    }
    #expect(try NetworkNamespace.current().identity == home)
  }

  @Test("processes inside are found, those outside are not")
  func findsProcesses() throws {
    try withNamespace("inside") { namespace in
      #expect(namespace.processes().isEmpty)
      var child = try ChildProcess(.init(["sleep", "60"], in: namespace))
      #expect(namespace.processes() == [child.identity])
      #expect(child.terminate() == .signaled(SIGTERM))
      #expect(namespace.processes().isEmpty)
    }
  }

  @Test("a program in a namespace has a /sys of that namespace")
  func mountsSys() throws {
    try withNamespace("sys") { namespace in
      let report = try ChildProcess.run(.init(["ls", "/sys/class/net"], in: namespace))
      #expect(report == .init(ending: .exited(0), output: "lo\n", errors: ""))
    }
    #expect(try listDirectory("/sys/class/net").contains("lo"))
  }
}
