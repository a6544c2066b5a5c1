// News about links, as the kernel sends them (rtnetlink(7), group RTNLGRP_LINK).
//
// Invariant: whatever the socket could not hold is reported as `.overrun`, in its place among the
// events, so that a caller who lists the links anew on it never keeps an old state.

public import Base
internal import CNetlink
internal import Glibc
public import Linux

/// Something happened to a link.
public enum LinkEvent: Hashable, Sendable {
  /// A link was made or moved here, or something about it changed; maybe nothing that matters.
  case changed(Link)
  /// A link was deleted or moved away.
  case removed(index: Int32, name: String)
  /// Events were lost: list the links anew.
  case overrun
}

/// Hears of every change to the links of one namespace from the moment it is made.
///
/// The kernel may hold the news of a carrier back (see `LinkProbe`); other news come at once.
/// - Thread: one at a time.
public struct LinkMonitor: ~Copyable, Sendable {
  private let channel: Channel

  /// For the calling thread's namespace. An event takes about 2 KiB of the buffer.
  public init(receiveBufferBytes: Int = 4 << 20) throws(Failure) {
    do throws(Errno) { channel = try Self.listen(receiveBufferBytes) } catch {
      throw error.failure("cannot listen to link events")
    }
  }

  private static func listen(_ receiveBufferBytes: Int) throws(Errno) -> Channel {
    let channel = try Channel()
    // Root may go over net.core.rmem_max; others get as much as that.
    channel.setOption(SOL_SOCKET, SO_RCVBUF, Int32(clamping: receiveBufferBytes))
    channel.setOption(SOL_SOCKET, SO_RCVBUFFORCE, Int32(clamping: receiveBufferBytes))
    try channel.join(Int32(RTNLGRP_LINK.rawValue))
    return channel
  }

  /// For another namespace.
  public init(in namespace: NetworkNamespace, receiveBufferBytes: Int = 4 << 20) throws(Failure) {
    self = try namespace.run { () throws(Failure) in
      try LinkMonitor(receiveBufferBytes: receiveBufferBytes)
    }
  }

  /// Readable when there is news.
  public var descriptor: Int32 { channel.descriptor }

  /// The news so far, oldest first; empty when there is none. Never blocks.
  ///
  /// - Parameter limit: how many to read at most, so that a storm cannot hold the caller; the rest
  ///   keeps the descriptor readable.
  public borrowing func readEvents(limit: Int = 256) throws(Failure) -> [LinkEvent] {
    var events: [LinkEvent] = []
    while events.count < limit {
      do throws(Errno) {
        try channel.receive(waiting: false) { reply in
          guard let link = Link(reply) else { return }
          events.append(
            reply.type == RTM_DELLINK
              ? .removed(index: link.index, name: link.name) : .changed(link))
        }
      } catch .again { break } catch .noBufferSpace { events.append(.overrun) } catch {
        throw error.failure("cannot read link events")
      }
    }
    return events
  }
}
