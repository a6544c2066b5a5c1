// What is known of a lab without touching it: one object of `martlet lab list -o json`.

internal import Base
internal import ConfigFile
internal import Linux
internal import Model

/// A lab of this machine.
public struct LabStatus: Hashable, Codable, Sendable {
  public enum State: String, CaseIterable, Hashable, Codable, Sendable {
    /// A process builds it, or takes down what it has built so far.
    case changing
    case running
    /// It was built, and a host agent has died since.
    case degraded
    /// What building it has left behind.
    case broken
  }

  public var name: String
  public var state: State
  /// Names of hosts, VMs and physical switches; empty when its file cannot be read.
  public var hosts: [String]
  public var vms: [String]
  public var physicalSwitches: [String]
  /// The folder with its sockets and logs.
  public var folder: String
}

extension LabBuilder {
  /// The labs of this machine, by name.
  public func list() -> [LabStatus] { directory.names.map { status(of: $0) } }

  private func status(of name: String) -> LabStatus {
    let folder = directory.folder(of: name)
    let topology = try? TopologyFile.load(path: folder.topologyPath)
    return LabStatus(
      name: name, state: state(of: folder), hosts: topology?.hosts.map(\.name) ?? [],
      vms: topology?.vms.map(\.name) ?? [],
      physicalSwitches: topology?.physicalSwitches.map(\.name) ?? [], folder: folder.path)
  }

  func state(of folder: LabFolder) -> LabStatus.State {
    guard let journal = (try? LabJournal(in: folder)) ?? nil else { return .broken }
    if journal.isReady {
      return journal.agents.allSatisfy(\.process.isAlive) ? .running : .degraded
    }
    return journal.builder?.isAlive == true ? .changing : .broken
  }
}
