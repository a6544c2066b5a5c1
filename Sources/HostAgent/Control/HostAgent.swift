// The host agent: reads what is declared for its host, runs the switches, and answers questions.
//
//   main thread      control: configuration, devices, notices from the worker, signals
//   worker threads   every frame of every switch, link events, timers; one, or several (Workers)
//   HTTP threads     the API; they hand their questions to the control thread
//
// Configuration comes from a file for now. A controller will replace the reading of the file, not what
// follows it: a topology in, plans and attachments out.

internal import Base
internal import ConfigFile
internal import HTTP
internal import Linux
public import Model
internal import Planner

/// Runs the switches of one host until it is told to end.
public struct HostAgent: ~Copyable {
  /// What is missing is looked for this often, however busy the API is.
  private static let roundNanoseconds: UInt64 = 1_000_000_000

  private var state: ControlState
  private var threads: AgentThreads
  private let server: HTTPServer
  /// Two agents with the same state would take each other's devices.
  private let lock: FileLock

  /// Starts the agent with the configuration in its file.
  ///
  /// Fails when the file has errors or another agent serves the socket; then nothing was changed.
  public init(_ options: AgentOptions) throws(ConfigErrors) {
    let topology = try ControlState.load(options)
    // All threads, and the worker above the others: it would wait for one that is pushed off its
    // processor while it holds the lock of a mailbox or of the allocator.
    ThreadPriority.raise(to: -10)
    do throws(Failure) {
      try makeDirectory(options.stateDirectory, mode: 0o700)
      guard let lock = try FileLock.attempt("\(options.stateDirectory)/lock") else {
        throw Failure(
          "cannot run host \(options.host)",
          why: "another agent uses the state folder \(options.stateDirectory)",
          remedy: "end that agent, or choose another --state-dir")
      }
      try makeDirectory(options.socketDirectory)
      let threads = try AgentThreads(poll: options.poll, workers: options.workers)
      // The API first: its socket is what says that another agent runs, before anything is touched.
      let mailbox = threads.mailbox
      let router = AgentAPI.router(mailbox)
      var limits = HTTPServer.Limits()
      limits.bodyBytes = YAMLReader.sizeLimitBytes
      let server = try HTTPServer(socketPath: options.socketPath, limits: limits) {
        router.respond(to: $0)
      }
      var isReady = false
      // Whoever asked meanwhile gets an answer: the server cannot end while one waits.
      defer { if !isReady { mailbox.close() } }
      let keeper = try KeeperClient(
        path: options.keeperSocketPath,
        starting: [options.executable, "host", "keep", "--socket", options.keeperSocketPath])
      let taps = try TapPorts(
        keeper: keeper, namespacePrefix: options.namespacePrefix,
        declared: try ControlState.rememberedDevices(options))
      var state = ControlState(
        options: options, workers: threads.workers, taps: taps,
        vhostUsers: try Self.vhostUserPorts(options, threads), guests: try Self.guestWatch(threads))
      state.directories = try ControlState.rememberedDirectories(options)
      try state.apply(topology)
      self.state = state
      self.threads = threads
      self.server = server
      self.lock = lock
      isReady = true
    } catch { throw ConfigErrors(error) }
  }

  private static func guestWatch(_ threads: borrowing AgentThreads) throws(Failure) -> GuestWatch {
    do throws(Errno) {
      let guests = try GuestWatch()
      try threads.poller.add(guests.descriptor, token: AgentThreads.guestsToken)
      return guests
    } catch { throw error.failure("cannot watch guests") }
  }

  private static func vhostUserPorts(
    _ options: AgentOptions, _ threads: borrowing AgentThreads
  ) throws(Failure) -> VhostUserPorts {
    do throws(Errno) {
      let ports = try VhostUserPorts(folder: options.socketDirectory)
      try threads.poller.add(ports.descriptor, token: AgentThreads.vhostUserToken)
      return ports
    } catch { throw error.failure("cannot watch vhost-user ports") }
  }

  /// Serves until SIGTERM or SIGINT. SIGHUP reads the configuration again.
  ///
  /// Devices stay, with their links up: the keeper holds them for the next agent.
  public consuming func run() {
    AgentLog.write("\(state.options.host) runs \(state.switches.count) switches")
    watchKeeper()
    var nextRound = MonotonicTime.zero
    while !state.isStopping {
      let now = MonotonicClock.now()
      if now >= nextRound {
        state.lookAround()
        nextRound = now.advanced(byNanoseconds: Self.roundNanoseconds)
      }
      if now >= state.guests.deadline { state.advanceGuests() }
      let deadline = min(nextRound, state.guests.deadline)
      threads.poller.wait(timeoutNanoseconds: deadline.nanoseconds(since: now))
      for index in 0..<threads.poller.count {
        switch threads.poller[index].token {
        case AgentThreads.mailboxToken: threads.mailbox.run(&state)
        case AgentThreads.noticeToken:
          for notice in threads.notices.takeAll() { state.handle(notice) }
        case AgentThreads.keeperToken: replaceKeeper()
        case AgentThreads.guestsToken: state.advanceGuests()
        case AgentThreads.vhostUserToken: state.tellVhostUserLinks()
        default: handleSignals()
        }
      }
    }
    threads.mailbox.close()
    server.stop()
    state.workers.stop()
  }

  private func watchKeeper() {
    try? threads.poller.add(state.taps.keeperDescriptor, token: AgentThreads.keeperToken)
  }

  private mutating func replaceKeeper() {
    // Whatever comes of it, the old socket must not wake us again. Without a keeper the next port that
    // is opened tries to start one.
    try? threads.poller.remove(state.taps.keeperDescriptor)
    if state.restoreKeeper() { watchKeeper() }
  }

  private mutating func handleSignals() {
    while let signal = threads.signals.next() {
      if signal != .hangUp {
        state.isStopping = true
        continue
      }
      do throws(ConfigErrors) { try state.reload() } catch {
        AgentLog.write("the configuration is not applied:\n\(error)")
      }
    }
  }
}
