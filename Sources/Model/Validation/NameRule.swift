// Which names things may have: short enough for what the kernel makes of them, and without a letter
// that a shell, a path or a URL reads otherwise.

/// The rule for one kind of name.
enum NameRule {
  /// Topologies, hosts, VMs and physical switches: they become network namespaces, `LAB-NODE`.
  case node
  /// Nics of hosts: network devices (`dev_valid_name` in the kernel's net/core/dev.c).
  case device
  /// Virtual switches, port groups and uplinks: words of the configuration.
  case label

  private var lengthLimit: Int {
    switch self {
    case .node: 32
    // IFNAMSIZ is 16, with the terminating zero.
    case .device: 15
    // As in vSphere.
    case .label: 80
    }
  }

  private var letters: String {
    switch self {
    case .node: "letters, digits and dashes"
    case .device, .label: "letters, digits, dashes, underscores and dots"
    }
  }

  private func allows(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case UInt8(ascii: "-"): true
    case UInt8(ascii: "_"), UInt8(ascii: "."): self != .node
    default: false
    }
  }

  /// What is wrong with a name, and what to do; nothing when it is right.
  func mistake(in name: String) -> (why: String, remedy: String)? {
    if name.isEmpty { return ("the name is empty", "write a name of \(letters)") }
    if name.utf8.count > lengthLimit {
      return (
        "the name `\(name.excerpt)` is longer than \(lengthLimit) characters", "shorten it"
      )
    }
    if !name.utf8.allSatisfy(allows) {
      return ("the name `\(name.excerpt)` has other characters than \(letters)", "choose another")
    }
    if let first = name.utf8.first, !NameRule.node.allows(first) || first == UInt8(ascii: "-") {
      return (
        "the name `\(name)` does not begin with a letter or digit", "choose another"
      )
    }
    if self == .device, ["lo", "all", "default"].contains(name) {
      return ("the name `\(name)` belongs to the kernel", "choose another")
    }
    return nil
  }
}
