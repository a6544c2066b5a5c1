// The threads of an agent and how they wake each other.

internal import Base
internal import Linux

/// What is made first when an agent starts: the workers, and the control thread's ways to be woken.
struct AgentThreads: ~Copyable {
  static let mailboxToken: UInt64 = 0
  static let noticeToken: UInt64 = 1
  static let signalToken: UInt64 = 2
  static let keeperToken: UInt64 = 3
  static let guestsToken: UInt64 = 4
  static let vhostUserToken: UInt64 = 5

  let mailbox: Mailbox<ControlState>
  let notices: NoticeBoard
  let workers: Workers
  var poller: Poller
  let signals: SignalDescriptor

  init(poll: PollMode, workers count: Int) throws(Failure) {
    OpenFileLimit.raise()
    do throws(any Error) {
      // Before any other thread starts: they inherit the blocked signals.
      let signals = try SignalDescriptor()
      let mailbox = try Mailbox<ControlState>()
      let notices = try NoticeBoard()
      let poller = try Poller(capacity: 8)
      try poller.add(mailbox.wakeup.descriptor, token: Self.mailboxToken)
      try poller.add(notices.wakeup.descriptor, token: Self.noticeToken)
      try poller.add(signals.descriptor, token: Self.signalToken)
      workers = try Workers(count: count, notices: notices, poll: poll) { () throws(Failure) in
        try LinkWatch()
      }
      self.signals = signals
      self.mailbox = mailbox
      self.notices = notices
      self.poller = poller
    } catch let error as Failure {
      throw error
    } catch let error as Errno {
      throw error.failure("cannot start the agent")
    } catch { preconditionFailure("no other kind of error is thrown here: \(error)") }
  }
}
