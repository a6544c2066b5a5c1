// `lab exec`: a command inside a node, as `ip netns exec` would run it.

public import Base
internal import ConfigFile
internal import Glibc
internal import Linux
public import Model

extension LabBuilder {
  /// Runs a command in the namespace of a node, with the terminal, and waits for its end.
  ///
  /// - Parameter lab: `nil` is the only lab there is.
  /// - Returns: its exit status; 128 and the signal's number when a signal ended it.
  public func exec(lab: String?, node: String, _ words: [String]) throws(Failure) -> Int32 {
    let folder = try existing(lab)
    let namespace = try open(node, in: folder)
    var command = ChildProcess.Command(words, in: namespace)
    command.input = .inherit
    command.output = .inherit
    command.errors = .inherit
    // Ctrl-C goes from the terminal to both; the command decides what it means.
    let signals: SignalDescriptor
    do throws(Errno) { signals = try SignalDescriptor([.interrupt, .terminate, .hangUp]) } catch {
      throw error.failure("cannot run \(words.first ?? "") in \(node)")
    }
    var process = try ChildProcess(command)
    while true {
      // A signal to this process alone is handed on; the end of the command is noticed at once.
      if let ending = process.wait(timeoutNanoseconds: 100_000_000) {
        switch ending {
        case .exited(let status): return status
        case .signaled(let number): return 128 + number
        }
      }
      while let signal = signals.next() {
        if signal != .interrupt { process.send(signal) }
      }
    }
  }

  /// The topology that a lab was built from; `nil` is the only lab there is.
  public func topology(ofLab lab: String?) throws -> Topology {
    let folder = try existing(lab)
    var topology = try TopologyFile.load(path: folder.topologyPath)
    topology.name = folder.lab
    return topology
  }

  /// The only lab there is.
  ///
  /// - Returns: `nil` when there is none.
  public func onlyLab() throws(Failure) -> String? {
    let names = directory.names
    guard names.count > 1 else { return names.first }
    throw Failure(
      "cannot choose a lab", why: "there are several: \(names.joined(separator: ", "))",
      remedy: "name one of them")
  }

  private func existing(_ name: String?) throws(Failure) -> LabFolder {
    let names = directory.names
    var chosen = name
    if chosen == nil { chosen = try onlyLab() }
    guard let chosen, names.contains(chosen) else {
      throw Failure(
        "cannot find \(name.map { "lab \($0)" } ?? "a lab")",
        why: names.isEmpty
          ? "no lab is running" : "the labs are \(names.joined(separator: ", "))",
        remedy: names.isEmpty ? "bring one up: `martlet lab up FILE`" : "name one of them")
    }
    return directory.folder(of: chosen)
  }

  private func open(_ node: String, in folder: LabFolder) throws(Failure) -> NetworkNamespace {
    let what = "cannot enter \(node) of lab \(folder.lab)"
    guard geteuid() == 0 else {
      throw Failure(what, why: "network namespaces need root", remedy: "run it again with sudo")
    }
    let made = try LabJournal(in: folder)?.namespaces ?? []
    let name = "\(folder.lab)-\(node)"
    guard let found = made.first(where: { $0.name == name }) else {
      let nodes = made.map { String($0.name.dropFirst(folder.lab.count + 1)) }
      throw Failure(
        what, why: "there is no such node",
        remedy: "choose one of: \(nodes.joined(separator: ", "))")
    }
    let namespace = try NetworkNamespace.open(named: name)
    guard found.identity == nil || found.identity == namespace.identity else {
      throw Failure(
        what, why: "the namespace \(name) was replaced by another one",
        remedy: "build the lab anew: `martlet lab down \(folder.lab)`, then `martlet lab up`")
    }
    return namespace
  }
}
