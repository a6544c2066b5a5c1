// The API of an agent, over its Unix socket.
//
//   GET  /v1/host                                    one object (HostStatus)
//   GET  /v1/switches /v1/portgroups /v1/ports
//        /v1/uplinks /v1/macs /v1/vms                arrays of the Model/Status types
//   POST /v1/reload                                  reads the configuration file again: {"revision": n},
//                                                    or 422 with {"errors": [...]}, and nothing changed
//   POST /v1/macs/flush[?port=ID]                    {"flushed": n}

internal import Base
internal import HTTP
internal import Model

/// Answers requests with the control thread's help.
enum AgentAPI {
  static func respond(to request: HTTPRequest, _ mailbox: Mailbox<ControlState>) -> HTTPResponse {
    router(mailbox).respond(to: request)
  }

  private static func router(_ mailbox: Mailbox<ControlState>) -> HTTPRouter {
    var router = HTTPRouter()
    func list<Row: Encodable & Sendable>(
      _ name: String, _ rows: @escaping @Sendable (borrowing ControlState) -> [Row]
    ) {
      router.on(.get, "/v1/\(name)") { _ throws(Failure) in
        .json(try ask(mailbox) { rows($0) })
      }
    }
    list("switches") { $0.switchStatuses() }
    list("portgroups") { $0.portgroupStatuses() }
    list("ports") { $0.portStatuses() }
    list("uplinks") { $0.uplinkStatuses() }
    list("macs") { $0.macStatuses() }
    list("vms") { $0.vmStatuses() }
    router.on(.get, "/v1/host") { _ throws(Failure) in
      .json(try ask(mailbox) { $0.hostStatus() })
    }
    router.on(.post, "/v1/reload") { _ throws(Failure) in try reload(mailbox) }
    router.on(.post, "/v1/macs/flush") { request throws(Failure) in
      let id = request.target.first("port")
      guard let count = try ask(mailbox, { $0.flushMACs(portID: id) }) else {
        throw Failure(
          "cannot flush MAC addresses", why: "there is no port \(id ?? "")",
          remedy: "see `martlet port list` for those there are")
      }
      return .json(["flushed": count])
    }
    return router
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

  private struct Applied: Encodable {
    var revision: UInt64
  }

  private struct Refused: Encodable {
    var errors: [String]
  }

  private static func reload(_ mailbox: Mailbox<ControlState>) throws(Failure) -> HTTPResponse {
    let result: Result<UInt64, ConfigErrors> = try ask(mailbox) { state in
      Result { () throws(ConfigErrors) in
        try state.reload()
        return state.revision
      }
    }
    switch result {
    case .success(let revision): return .json(Applied(revision: revision))
    case .failure(let errors):
      return .json(Refused(errors: errors.failures.map(\.description)), status: 422)
    }
  }
}
