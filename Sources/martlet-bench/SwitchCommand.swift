// `martlet-bench switch`: a bare standard switch for whoever brings the traffic, this tool's own `peers`
// or another harness. The worker is the agent's own (HostAgent.BareSwitch).

internal import Attachments
internal import Base
internal import Glibc
internal import HostAgent
internal import Linux
internal import Netlink

enum SwitchCommand {
  static let help = """
    usage: martlet-bench switch --tap NS:DEV... --port NS:DEV... [--poll MODE] [--attach KIND]
                                [--workers N]

    Runs one standard switch with one port group until SIGTERM, SIGINT, or until standard input hangs up
    if it is a pipe. Every port learns, may send from any address, and gets frames to unknown ones: a
    plain learning switch. Prints one line `ready` when frames pass. Needs root.
      --tap       makes this TAP in the namespace of that name; whoever uses it sets it up
      --port      attaches to this device (one end of a veth pair) as to a VM's, and sets it up
      --poll      adaptive (default), sleep or busy: what the worker does when no frame waits
      --workers   threads that share the frames (default 1)
      --attach    how ports are attached: packet (default), xdp, xdp-generic
    """

  /// A device in a namespace, as written on the command line.
  struct Place {
    var isTap: Bool
    var namespace: String
    var device: String

    init(_ text: String, isTap: Bool) throws {
      let words = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard words.count == 2, !words[0].isEmpty, !words[1].isEmpty else {
        throw WrongUsage(text: "`\(text)` is not NAMESPACE:DEVICE")
      }
      (namespace, device) = (String(words[0]), String(words[1]))
      self.isTap = isTap
    }
  }

  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "switch")
    if options.flag("--help") {
      print(help)
      return true
    }
    var places: [Place] = []
    while let text = try options.text("--tap") { places.append(try Place(text, isTap: true)) }
    while let text = try options.text("--port") { places.append(try Place(text, isTap: false)) }
    let word = try options.text("--poll") ?? PollMode.adaptive.rawValue
    guard let poll = PollMode(rawValue: word) else {
      throw WrongUsage(text: "--poll: `\(word)` is not one of adaptive, sleep, busy")
    }
    let workers = try options.number("--workers", default: 1, in: 1...AgentOptions.workersMax)
    let kind = try options.text("--attach") ?? "packet"
    try options.end()
    guard !places.isEmpty else {
      throw WrongUsage(text: "switch needs --tap or --port; martlet-bench switch --help says more")
    }
    let ending = try Ending()
    let opener = try PortOpener(kind)
    let network = try BareSwitch(
      try places.map { try attachment($0, opener) }, poll: poll, workers: workers)
    print("ready")
    fflush(nil)
    ending.wait()
    network.stop()
    return true
  }

  private static func attachment(_ place: Place, _ opener: PortOpener) throws -> any Attachment {
    let namespace = try NetworkNamespace.open(named: place.namespace)
    if place.isTap {
      return TapAttachment(try TapDevice.open(name: place.device, namespace: namespace))
    }
    try NetlinkSocket(in: namespace).setUp(.name(place.device))
    return try opener.open(place.device, in: namespace)
  }
}

/// Waits for a signal, or for the end of whoever holds the other end of standard input.
struct Ending: ~Copyable {
  private let signals: SignalDescriptor
  private var poller: Poller

  /// Before any other thread starts.
  init() throws {
    let signals = try SignalDescriptor([.terminate, .interrupt])
    let poller = try Poller(capacity: 2)
    try poller.add(signals.descriptor, token: 0)
    // A file or /dev/null cannot be polled, and has no other end.
    try? poller.add(STDIN_FILENO, token: 1, for: [])
    self.signals = signals
    self.poller = poller
  }

  /// A debugger that comes or goes wakes a wait, too.
  consuming func wait() { while poller.wait(timeoutNanoseconds: nil) == 0 {} }
}
