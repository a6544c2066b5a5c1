// `port block / unblock / attach / detach / set / reset`: changes of one port of a running network.
//
// Each reads what the hosts run, changes the port of one nic in it, and gives the whole back to all of
// them, as `apply` would: it is tried on every host first, and kept by each for its next start.

internal import Base
internal import ConfigFile
internal import Model

enum PortCommands {
  static let all = [block, unblock, attach, detach, set, reset]

  private static let port = Command.Argument(
    name: "PORT", summary: "a VM with one nic, VM/eth0, a port id or a MAC address")

  private static let options =
    [Command.Option(name: "dry-run", summary: "tell what would change, and change nothing")]
    + AgentDirectory.options.filter { $0.name != "host" }

  private static let block = Command(
    noun: "port", verb: "block", summary: "let no frame pass, in neither direction",
    arguments: [port], options: options,
    examples: [.init(line: "martlet port block web1/eth0", effect: "cuts off a VM")],
    run: { try change($0, [.block]) })

  private static let unblock = Command(
    noun: "port", verb: "unblock", summary: "let frames pass again", arguments: [port],
    options: options,
    examples: [
      .init(line: "martlet port unblock web1/eth0", effect: "also where the port group blocks")
    ],
    run: { try change($0, [.unblock]) })

  private static let attach = Command(
    noun: "port", verb: "attach", summary: "plug a nic in, into another port group if one is named",
    arguments: [
      port,
      .init(
        name: "PORTGROUP",
        summary: "a port group of the VM's host; SWITCH/PORTGROUP where two have it",
        count: .optional),
    ], options: options,
    examples: [
      .init(line: "martlet port attach web1/eth0", effect: "into the port group that it had"),
      .init(
        line: "martlet port attach web1/eth0 dvs1/db", effect: "moves the nic to a port of another"),
    ],
    run: { try change($0, [.attach(portgroup: $0.arguments["PORTGROUP"])]) })

  private static let detach = Command(
    noun: "port", verb: "detach",
    summary: "unplug a nic; the port forgets its settings if so declared",
    arguments: [port], options: options,
    examples: [
      .init(line: "martlet port detach web1/eth0", effect: "the VM sees its link go down")
    ],
    run: { try change($0, [.detach]) })

  private static let set = Command(
    noun: "port", verb: "set", summary: "settings of one port, over those of its port group",
    arguments: [
      port,
      .init(
        name: "FIELD=VALUE",
        summary: "a setting, by its name in `port show` and in a file",
        count: .any),
    ],
    options: [
      .init(name: "reset", value: "FIELD,…", summary: "inherit these again, as `port reset` does")
    ] + options,
    examples: [
      .init(
        line:
          "martlet port set web1/eth0 vlan=30 inShaping.enabled=true inShaping.averageBandwidth=10M",
        effect: "another VLAN, and 10 Mbit/s"),
      .init(
        line: "martlet port set web1/eth0 'filter=[{name: no-arp, etherType: arp, action: drop}]'",
        effect: "lists are written as in a file"),
      .init(
        line: "martlet port set web1/eth0 blocked=true --reset vlan,security",
        effect: "sets one, and forgets others"),
    ],
    run: { invocation in
      var changes: [PortChange] = []
      if let names = invocation.options["reset"] { changes.append(.reset(try fields(names))) }
      if let change = try assignments(invocation.words) { changes.append(change) }
      guard !changes.isEmpty else {
        throw UsageError(
          "FIELD=VALUE is missing", why: "`port set` needs what to set, or --reset",
          remedy: "for example: martlet port set web1/eth0 vlan=30")
      }
      return try change(invocation, changes)
    })

  private static let reset = Command(
    noun: "port", verb: "reset", summary: "forget settings of one port, which are inherited again",
    arguments: [
      port,
      .init(name: "FIELD", summary: "a setting, or a family of them; all if none", count: .any),
    ], options: options,
    examples: [
      .init(line: "martlet port reset web1/eth0", effect: "everything comes from the port group"),
      .init(line: "martlet port reset web1/eth0 vlan security", effect: "only these"),
    ],
    run: { invocation in
      let chosen = try invocation.words.flatMap { try fields($0) }
      return try change(invocation, [.reset(invocation.words.isEmpty ? PortField.all : chosen)])
    })

  private static func change(_ invocation: Invocation, _ changes: [PortChange]) throws -> ExitStatus
  {
    let running = try RunningConfig(invocation)
    let nic = try running.nic(named: invocation.argument("PORT"))
    let topology = try running.topology.changing(nic, changes)
    return try ConfigChange(of: running, to: topology)
      .make(isTrial: invocation.flags.contains("dry-run"))
  }
}

// What is typed.
extension PortCommands {
  /// The settings that `vlan,security` names.
  private static func fields(_ names: String) throws(UsageError) -> [PortField] {
    var fields: [PortField] = []
    for name in names.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      let found = PortField.named(name)
      guard !found.isEmpty else { throw unknown(name) }
      fields += found
    }
    return fields
  }

  /// The change that words such as `vlan=30` say; nothing for no words.
  private static func assignments(_ words: [String]) throws(UsageError) -> PortChange? {
    var values = PortSettings()
    var fields: [PortField] = []
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      guard let field = PortField.named(parts[0]).first(where: { $0.name == parts[0] }) else {
        throw unknown(parts[0])
      }
      guard parts.count == 2, !["", "null", "~"].contains(parts[1]) else {
        throw UsageError(
          "cannot take \(word)", why: "it has no value",
          remedy: "write \(parts[0])=VALUE, or forget it with --reset \(parts[0])")
      }
      guard !fields.contains(where: { $0.name == field.name }) else {
        throw UsageError(
          "cannot take \(parts[0]) twice", why: "only one of the two could count",
          remedy: "give it once")
      }
      do throws(Failure) { try field.read(try node(parts[1]), into: &values) } catch {
        throw UsageError("cannot take \(word)", why: error.why, remedy: error.remedy)
      }
      fields.append(field)
    }
    return fields.isEmpty ? nil : .set(fields, values)
  }

  /// A value as a file has it: lists and mappings in brackets, text in quotes, all else as it is.
  private static func node(_ text: String) throws(Failure) -> ConfigNode {
    if let first = text.first, "[{\"'".contains(first) {
      return try YAMLReader.read(Array(text.utf8), file: "the value")
    }
    let place = SourceLocation(file: "the value", line: 1, column: 1)
    return ConfigNode(.scalar(.init(text)), at: place)
  }

  private static func unknown(_ name: String) -> UsageError {
    var known = PortField.all.map(\.name)
    let families = Set(known.compactMap { $0.split(separator: ".").first.map(String.init) })
    let isFamily = families.contains(name)
    if isFamily { known = known.filter { $0.hasPrefix("\(name).") } }
    return UsageError(
      "cannot take \(name)",
      why: isFamily ? "it stands for several settings" : "a port has no such setting",
      remedy: (isFamily ? nil : nearest(to: name, among: known)).map { "did you mean `\($0)`?" }
        ?? "use \(CommandParser.list(known))")
  }
}
