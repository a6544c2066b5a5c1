// Help and wrong usage: every command has an example, every mistake says what was meant.

import Linux
import Testing

@Suite struct UsageTests {
  /// Every noun with its verbs, as design and README name them.
  static let commands = [
    "lab": ["up", "down", "list", "exec", "graph"], "validate": [], "apply": [],
    "switch": ["list", "show"], "portgroup": ["list", "show"],
    "port": ["list", "show", "block", "unblock", "attach", "detach", "set", "reset"],
    "uplink": ["list", "show"], "mac": ["list", "show", "flush"], "vm": ["list", "show"],
    "group": ["list", "show"], "host": ["list", "show", "run", "keep"], "capture": [],
    "version": [],
  ]

  @Test func helpNamesEveryCommand() throws {
    let runtime = try Runtime()
    for arguments in ["--help", "help", "-h"] {
      let help = try runtime.run(arguments)
      #expect(help.status == 0 && help.errors.isEmpty)
      for (noun, verbs) in Self.commands {
        let name = verbs.isEmpty ? noun : "\(noun) \(verbs.joined(separator: "|"))"
        #expect(help.lines.contains { $0.hasPrefix("  \(name) ") }, "\(name)")
      }
      #expect(help.output.contains("\nExample:\n"))
    }
  }

  @Test(arguments: commands.keys.sorted())
  func everyPageHasAUsageLineAndAnExample(_ noun: String) throws {
    let runtime = try Runtime()
    let verbs = Self.commands[noun] ?? []
    let page = try runtime.run("help \(noun)")
    #expect(page.status == 0)
    #expect(page.output == (try runtime.run("\(noun) --help")).output)
    for verb in verbs {
      let page = try runtime.run("\(noun) \(verb) --help")
      #expect(page.status == 0)
      #expect(page.output.contains("\nUsage: martlet \(noun) \(verb)"))
      #expect(page.lines.last?.hasPrefix("  martlet \(noun) \(verb)") == true, "an example")
      #expect(page.output == (try runtime.run("help \(noun) \(verb)")).output)
    }
    #expect(page.lines.last?.hasPrefix("  martlet \(noun)") == true, "an example")
    #expect(page.lines.allSatisfy { $0.count <= 100 })
  }

  @Test(arguments: [
    ("", "no command was given; run `martlet --help`"),
    ("prot list", "did you mean `port`?"), ("ports list", "did you mean `port`?"),
    ("lab pu", "did you mean `lab up`?"), ("lab", "use up, down, list, exec or graph"),
    ("port list --hots h", "did you mean `--host`?"),
    ("port list -x", "see `martlet port list --help`"),
    ("port list -o jsno", "did you mean `-o json`?"), ("port list -o", "-o has no value"),
    ("port list --no-headers=yes", "--no-headers has no value"),
    ("port list --host a --host b", "give it once"),
    ("port list extra", "no place for another argument"),
    ("port show", "needs a port id, a MAC address, a VM or VM/eth0"),
    ("port list -- ls", "takes nothing after `--`"),
    ("port list --socket /x --lab y", "give one of them"),
    ("port block", "needs a VM with one nic, VM/eth0, a port id or a MAC address"),
    ("port block a --host h", "does not have it"), ("port blok a", "did you mean `port block`?"),
    ("port set a", "FIELD=VALUE is missing"), ("port set a vlan", "write vlan=VALUE"),
    ("port set a vlan=", "it has no value"), ("port set a vlan=9 vlan=9", "give it once"),
    ("port set a vlna=30", "did you mean `vlan`?"),
    ("port set a security=true", "it stands for several settings"),
    ("port set a blocked=maybe", "must be true or false, not `maybe`"),
    ("port set a inShaping.averageBandwidth=10Q", "write bits per second, as 64k, 100M or 1G"),
    ("port set a --reset speed", "a port has no such setting"),
    ("port reset a vlna", "did you mean `vlan`?"),
    ("port attach a b c", "no place for another argument"),
    ("lab up", "needs a topology file; for example: martlet lab up"),
    ("lab up a.yaml --timeout soon", "not a whole number from 1 to 3600"),
    ("lab up a.yaml --timeout 0", "not a whole number from 1 to 3600"),
    ("lab down red --all", "give one of them"),
    ("lab exec web1 ping", "put `--` before the command"),
    ("lab exec web1 --", "nothing follows `--`"), ("lab graph a.yaml -o png", "svg or dot"),
    ("apply", "-f is missing"), ("apply -f a.yaml --host h", "does not have it"),
    ("capture --point drpo", "did you mean `--point drop`?"),
    ("capture --port a --point uplinkIn", "use vnicIn, portIn, portOut, vnicOut or drop"),
    ("capture --uplink a --switch b", "give one of them"),
    ("capture --snap 5", "not a whole number from 14 to 262144"),
    ("host run --host h", "--config is missing"), ("--frobnicate", "options come after"),
    ("help prot", "did you mean `port`?"), ("help lab pu", "did you mean `lab up`?"),
  ])
  func wrongUsageSaysWhatToDo(_ line: String, _ words: String) throws {
    let runtime = try Runtime()
    let outcome = try runtime.run(line)
    #expect(outcome.status == 2)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("martlet: error: "))
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
  }

  @Test func versionIsOneLine() throws {
    let runtime = try Runtime()
    let version = try runtime.run("version")
    #expect(version.status == 0)
    #expect(version.output.wholeMatch(of: /martlet \d+\.\d+\.\d+\n/) != nil)
    #expect(try runtime.run("--version").output == version.output)
  }

  @Test func aResultThatIsLostIsAFailure() throws {
    let command = ChildProcess.Command(["/bin/sh", "-c", "'\(Runtime.program)' version >/dev/full"])
    let report = try ChildProcess.run(command)
    #expect(report.ending == .exited(1))
    #expect(report.errors.contains("cannot write the result: No space left on device; "))
  }
}
