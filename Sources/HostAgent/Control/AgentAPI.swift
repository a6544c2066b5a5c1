// The API of an agent, over its Unix socket.
//
//   GET  /v1/host                                    one object (HostStatus)
//   GET  /v1/switches /v1/portgroups /v1/ports
//        /v1/uplinks /v1/macs /v1/groups /v1/vms     arrays of the Model/Status types
//   POST /v1/reload                                  reads the configuration file again: {"revision": n},
//                                                    or 422 with {"errors": [...]}, and nothing changed
//   GET  /v1/config                                  what runs, as the text of a topology file: {"host",
//                                                    "revision", "topology"}
//   PUT  /v1/config[?dryRun=true][&revision=N]       a topology file as body, applied and kept in place of
//                                                    the configuration file: {"host", "revision",
//                                                    "changes": [...]}, or 422 as above; 409, and nothing
//                                                    changed, when N is not what runs
//   POST /v1/macs/flush[?port=ID]                    {"flushed": n}
//   GET  /v1/capture[?...]                           pcapng, until the client closes (CaptureRequest)

internal import Base
internal import ConfigFile
internal import HTTP
internal import Model

/// Answers requests with the control thread's help.
enum AgentAPI {
  /// The routes of an agent; made once, used by every request.
  static func router(_ mailbox: Mailbox<ControlState>) -> HTTPRouter {
    var router = HTTPRouter()
    func list<Row: Encodable & Sendable>(
      _ name: String, _ rows: @escaping @Sendable (borrowing ControlState) -> [Row]
    ) {
      router.on(.get, "/v1/\(name)") { _ throws(Failure) in
        var values: [JSONValue] = []
        for row in try ask(mailbox, { rows($0) }) { values.append(try withEveryKey(row)) }
        return .json(JSONValue.array(values))
      }
    }
    list("switches") { $0.switchStatuses() }
    list("portgroups") { $0.portgroupStatuses() }
    list("ports") { $0.portStatuses() }
    list("uplinks") { $0.uplinkStatuses() }
    list("macs") { $0.macStatuses() }
    list("groups") { $0.groupStatuses() }
    list("vms") { $0.vmStatuses() }
    router.on(.get, "/v1/host") { _ throws(Failure) in
      .json(try withEveryKey(try ask(mailbox) { $0.hostStatus() }))
    }
    router.on(.post, "/v1/reload") { _ throws(Failure) in try reload(mailbox) }
    router.on(.get, "/v1/config") { _ throws(Failure) in
      .json(try ask(mailbox) { $0.running() })
    }
    router.on(.put, "/v1/config") { request throws(Failure) in try configure(request, mailbox) }
    router.on(.post, "/v1/macs/flush") { request throws(Failure) in
      let id = request.target.first("port")
      guard let count = try ask(mailbox, { $0.flushMACs(portID: id) }) else {
        throw Failure(
          "cannot flush MAC addresses", why: "there is no port \(id ?? "")",
          remedy: "see `martlet port list` for those there are")
      }
      return .json(["flushed": count])
    }
    router.on(.get, "/v1/capture") { request throws(Failure) in try capture(request, mailbox) }
    return router
  }

  private static func capture(_ request: HTTPRequest, _ mailbox: Mailbox<ControlState>)
    throws(Failure) -> HTTPResponse
  {
    let wanted = try CaptureRequest(request.target)
    let host = try ask(mailbox) { $0.options.host }
    let session = try CaptureSession(wanted, host: host)
    try ask(mailbox) { state in
      Result { () throws(Failure) in try state.begin(session) }
    }.get()
    do throws(Failure) {
      try session.start { _ = mailbox.perform { $0.end(session) } }
    } catch {
      _ = mailbox.perform { $0.end(session) }
      throw error
    }
    return HTTPResponse(
      headers: [.init(name: "Content-Type", value: "application/x-pcapng")],
      body: .stream(session.stream))
  }

  /// An object with all its keys, as `-o json` has it: what is nothing is null.
  private static func withEveryKey(_ row: some Encodable) throws(Failure) -> JSONValue {
    do { return try JSONValue(encoding: row) } catch {
      throw Failure(
        "cannot write \(type(of: row)) as JSON", why: "\(error)",
        remedy: "report this with what you asked for")
    }
  }

  private static func ask<Value: Sendable>(
    _ mailbox: Mailbox<ControlState>, _ body: @escaping @Sendable (inout ControlState) -> Value
  ) throws(Failure) -> Value {
    guard let value = mailbox.perform(body) else {
      throw Failure(
        "cannot answer", why: "the agent is ending", remedy: "start it again, then ask again")
    }
    return value
  }

  fileprivate struct Running: Encodable {
    var host: String
    var revision: UInt64
    /// The text of a topology file.
    var topology: String
  }

  fileprivate struct Applied: Encodable {
    var host: String
    var revision: UInt64
    var changes: [String]
  }

  /// The shape of every error of the API, and beside it each error of the file.
  private struct Refused: Encodable {
    struct Words: Encodable {
      var what = "cannot apply the configuration"
      var why: String
      var remedy = "correct the file; what ran before still runs"
    }

    var error: Words
    var errors: [String]

    init(_ refusal: ConfigErrors) {
      error = Words(why: refusal.failures.first?.why ?? "it has errors")
      errors = refusal.failures.map(\.description)
    }
  }

  private static func reload(_ mailbox: Mailbox<ControlState>) throws(Failure) -> HTTPResponse {
    answer(
      try ask(mailbox) { state in
        let old = RunningNetwork(state.topology, state.switches)
        return Result { () throws(ConfigErrors) in
          try state.reload()
          let new = RunningNetwork(state.topology, state.switches)
          return state.applied(ConfigChanges.between(old, new))
        }
      })
  }

  private static func configure(_ request: HTTPRequest, _ mailbox: Mailbox<ControlState>)
    throws(Failure) -> HTTPResponse
  {
    let text = request.body
    let isTrial = request.target.first("dryRun") == "true"
    let base = request.target.first("revision")
    let result: Result<Applied, ConfigErrors>? = try ask(mailbox) { state in
      if let base, base != "\(state.revision)" { return nil }
      return Result { () throws(ConfigErrors) in
        state.applied(try state.configure(text, isTrial: isTrial))
      }
    }
    guard let result else {
      return .failure(
        Failure(
          "cannot apply the configuration", why: "somebody else changed it meanwhile",
          remedy: "do it again, on what runs now"), status: 409)
    }
    return answer(result)
  }

  private static func answer(_ result: Result<Applied, ConfigErrors>) -> HTTPResponse {
    switch result {
    case .success(let applied): return .json(applied)
    case .failure(let errors):
      return .json(Refused(errors), status: 422)
    }
  }
}

extension ControlState {
  fileprivate func running() -> AgentAPI.Running {
    AgentAPI.Running(
      host: options.host, revision: revision, topology: YAMLWriter.text(topology.value))
  }

  fileprivate func applied(_ changes: [String]) -> AgentAPI.Applied {
    AgentAPI.Applied(host: options.host, revision: revision, changes: changes)
  }
}
