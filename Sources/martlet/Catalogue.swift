// Every command of `martlet`, in the order of help.

extension Catalogue {
  static let all = Catalogue(
    nouns: [
      Noun(name: "lab", summary: "a whole virtual network on this machine"),
      Noun(name: "validate", summary: "check a topology file"),
      Noun(name: "apply", summary: "give running hosts a changed topology"),
      Noun(name: "switch", summary: "distributed and standard switches"),
      Noun(name: "portgroup", summary: "port groups and their policies"),
      Noun(name: "port", summary: "where nics of VMs are plugged in"),
      Noun(name: "uplink", summary: "where switches reach the physical network"),
      Noun(name: "mac", summary: "the addresses that switches know"),
      Noun(name: "group", summary: "the multicast groups that VMs have joined"),
      Noun(name: "capture", summary: "record frames at named points, and why some were dropped"),
      Noun(name: "vm", summary: "VMs and their nics"),
      Noun(name: "host", summary: "hosts and their agents"),
      Noun(name: "version", summary: "the version of this program"),
    ],
    commands: LabCommands.all + FileCommands.all + InspectCommands.all + HostCommands.all + [
      CaptureCommand.capture, version,
    ])

  private static let version = Command(
    noun: "version", summary: "the version of this program",
    examples: [.init(line: "martlet version", effect: "prints one line")],
    run: { _ in
      try Console.write("martlet \(Version.text)\n")
      return .done
    })
}

/// The version of this program: semver.org.
enum Version {
  static let text = "0.1.0"
}
