// The keeper holds the descriptors of TAPs while no agent runs.
//
// A TAP loses its carrier when its last descriptor closes, and a guest notices. So the agent gives a
// second descriptor of each TAP to this small process, which outlives it, and asks for them when it
// starts again: the idea of systemd's FDSTORE, for hosts that are started by hand, by a lab or in a
// container. Frames that the guest sends meanwhile wait in the TAP's queue.
//
// Messages go over a Unix socket of sequenced packets, one client at a time:
//
//   agent -> keeper    put NAME (with one descriptor)    drop NAME    list    stop
//   keeper -> agent    ok                                ok           have NAME (with one) ... ok
//
// `list` gives the descriptors and keeps them. Bounds: `nameBytesMax`, `descriptorsMax`; beyond them
// the answer is `full` and nothing is kept.

/// A request to the keeper.
package enum KeeperRequest: Equatable {
  case put(String)
  case drop(String)
  case list
  case stop

  package static let nameBytesMax = 128

  package var bytes: [UInt8] {
    switch self {
    case .put(let name): Array("put \(name)".utf8)
    case .drop(let name): Array("drop \(name)".utf8)
    case .list: Array("list".utf8)
    case .stop: Array("stop".utf8)
    }
  }

  package init?(_ bytes: [UInt8]) {
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 1)
    switch (words.first, words.count) {
    case ("put", 2) where words[1].utf8.count <= Self.nameBytesMax: self = .put(String(words[1]))
    case ("drop", 2) where words[1].utf8.count <= Self.nameBytesMax: self = .drop(String(words[1]))
    case ("list", 1): self = .list
    case ("stop", 1): self = .stop
    default: return nil
    }
  }
}

/// An answer of the keeper.
package enum KeeperAnswer: Equatable {
  case ok
  case have(String)
  case full
  case unknown

  package var bytes: [UInt8] {
    switch self {
    case .ok: Array("ok".utf8)
    case .have(let name): Array("have \(name)".utf8)
    case .full: Array("full".utf8)
    case .unknown: Array("unknown".utf8)
    }
  }

  package init(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    switch text {
    case "ok": self = .ok
    case "full": self = .full
    default: self = text.hasPrefix("have ") ? .have(String(text.dropFirst(5))) : .unknown
    }
  }
}
