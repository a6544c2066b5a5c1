// Help, made from the catalogue: every page has a usage line and an example that works.

/// Every command, in the order of help.
struct Catalogue: Sendable {
  var nouns: [Noun]
  var commands: [Command]
}

extension Catalogue {
  /// `martlet --help`.
  var help: String {
    var lines = [
      "martlet: virtual switches for Linux, with the networking that vSphere administrators know",
      "", "Usage: martlet NOUN VERB [ARGUMENT…] [OPTION…]", "",
    ]
    lines += Self.columns(
      nouns.map { noun in
        let verbs = commands.filter { $0.noun == noun.name }.compactMap(\.verb)
        let name = verbs.isEmpty ? noun.name : "\(noun.name) \(verbs.joined(separator: "|"))"
        return (name, noun.summary)
      })
    lines += [
      "", "`martlet help NOUN` and `martlet NOUN VERB --help` tell more, each with an example.",
      "Exit status: 0 done, 1 it failed, 2 wrong usage.", "", "Example:",
    ]
    lines += Self.example(
      Command.Example(
        line: "martlet lab up Topologies/quickstart.yaml",
        effect: "two hosts, a physical switch and six VMs on this machine"))
    return lines.joined(separator: "\n") + "\n"
  }

  /// `martlet help lab`.
  func help(onNoun name: String) -> String {
    let own = commands.filter { $0.noun == name }
    let summary = nouns.first { $0.name == name }?.summary ?? ""
    var lines = ["martlet \(name): \(summary)", ""]
    for command in own { lines += [command.usage, "  \(command.summary)"] }
    lines += ["", "Examples:"]
    for command in own { lines += Self.example(command.examples[0]) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// `martlet lab up --help`.
  func help(on command: Command) -> String {
    var lines = ["martlet \(command.path): \(command.summary)", "", "Usage: \(command.usage)"]
    if !command.arguments.isEmpty {
      lines += ["", "Arguments:"]
      lines += Self.columns(command.arguments.map { ($0.name, $0.summary) })
    }
    if !command.options.isEmpty {
      lines += ["", "Options:"]
      lines += Self.columns(command.options.map { ($0.names, $0.summary) })
    }
    lines += ["", command.examples.count == 1 ? "Example:" : "Examples:"]
    lines += command.examples.flatMap(Self.example)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func example(_ example: Command.Example) -> [String] {
    ["  # \(example.effect)", "  \(example.line)"]
  }

  private static func columns(_ rows: [(String, String)]) -> [String] {
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { name, summary in
      "  " + name + String(repeating: " ", count: width - name.count + 2) + summary
    }
  }
}

extension Command.Option {
  /// `-o, --output table|json|yaml`.
  fileprivate var names: String {
    let both = letter.map { "-\($0), --\(name)" } ?? "--\(name)"
    return value.map { "\(both) \($0)" } ?? both
  }
}
