// What a host agent tells about itself: one object of `martlet host list -o json`.

/// A host and its agent.
public struct HostStatus: Hashable, Codable, Sendable {
  public var name: String
  /// The revision of the configuration that the host runs.
  public var revision: UInt64
  /// The process id of the agent.
  public var pid: Int
  /// Since the agent started.
  public var uptimeSeconds: Int
  public var switchCount: Int
  public var uplinkCount: Int
  public var vmCount: Int
  /// The version of Martlet that the agent runs.
  public var version: String
  /// What a person should know, for example why a newer configuration was refused.
  public var message: String?
  /// What its worker does when no frame waits: adaptive, sleep or busy.
  public var poll: String?
  /// Threads that move its frames; nil from an agent that knows only one.
  public var workers: Int?

  public init(
    name: String, revision: UInt64 = 0, pid: Int, uptimeSeconds: Int, switchCount: Int,
    uplinkCount: Int, vmCount: Int, version: String, message: String? = nil,
    poll: String? = nil, workers: Int? = nil
  ) {
    self.name = name
    self.revision = revision
    self.pid = pid
    self.uptimeSeconds = uptimeSeconds
    self.switchCount = switchCount
    self.uplinkCount = uplinkCount
    self.vmCount = vmCount
    self.version = version
    self.message = message
    self.poll = poll
    self.workers = workers
  }
}
