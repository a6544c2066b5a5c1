// Independent eyes: a tcpdump at each place where a frame may come out.
//
// On a VM's device it hears what the switch gives the VM, without making the device promiscuous, which
// the switch would notice. On the wire it hears, at the physical switch's end of the cable, what a host
// sends. The files are pcap; they stay in the rig's folder, and are copied when an expectation fails.

import Base
import Linux
import Model
import Rig
import Testing

/// Where frames are looked at, and where they can be put in.
enum Place: Hashable, CustomStringConvertible {
  /// The first device of a VM, or another.
  case vm(String, device: String = "eth0")
  /// The cable of a host's nic, at the physical switch.
  case wire(String, String)

  /// A short way to name a VM.
  static func at(_ vm: String) -> Place { .vm(vm) }

  var description: String {
    switch self {
    case .vm(let name, let device): device == "eth0" ? name : "\(name)-\(device)"
    case .wire(let host, let nic): "\(host)-\(nic)"
    }
  }
}

extension Rig {
  func device(at place: Place) -> (name: String, namespace: NetworkNamespace) {
    switch place {
    case .vm(let vm, let device): return (device, namespace(vm))
    case .wire(let host, let nic):
      let cable = cable(host, nic)
      return (cable.port, namespace(cable.physicalSwitch))
    }
  }
}

/// Watches places from its making until it goes.
final class Watch {
  let rig: Rig
  let places: [Place]
  private let folder: String
  private var children: [Child] = []

  private final class Child {
    var process: ChildProcess
    init(_ process: consuming ChildProcess) { self.process = process }
  }

  /// Returns when every tcpdump listens.
  ///
  /// - Parameter filter: pcap-filter(7); what tests make is found among all else anyway.
  /// - Parameter snapBytes: of each frame; where thousands come at once, whole ones do not fit.
  init(_ rig: Rig, _ places: [Place], filter: String? = nil, snapBytes: Int = 0) throws {
    self.rig = rig
    self.places = places
    folder = "\(rig.folder)/watch\(MonotonicClock.now().nanoseconds)"
    try makeDirectory(folder)
    for place in places {
      let device = rig.device(at: place)
      let words = [
        "tcpdump", "-i", device.name, "-p", "-n", "-U", "-s\(snapBytes)", "-B16384",
        "--immediate-mode", "-Q", "in",
        "-Z", "root", "-w", path(place),
      ]
      var command = ChildProcess.Command(
        words + (filter.map { [$0] } ?? []), in: device.namespace)
      command.output = .null
      command.errors = .file(path(place) + ".log")
      children.append(Child(try ChildProcess(command)))
    }
    for place in places {
      let isListening = try eventually {
        let log = try readFileIfPresent(path(place) + ".log", limitBytes: 65_536) ?? []
        return String(decoding: log, as: UTF8.self).contains("listening")
      }
      try #require(isListening, "tcpdump at \(place)")
    }
  }

  deinit {
    for child in children { child.process.send(.kill) }
    for child in children { _ = child.process.wait(timeoutNanoseconds: 5_000_000_000) }
  }

  func path(_ place: Place) -> String { "\(folder)/\(place).pcap" }

  /// Every frame that came out at a place so far, whoever sent it.
  func frames(_ place: Place) throws -> [[UInt8]] {
    let file = try readFileIfPresent(path(place), limitBytes: 64 << 20) ?? []
    var frames: [[UInt8]] = []
    // A file header of 24 bytes; before each frame 16, of which the third word is its length.
    var offset = 24
    while offset + 16 <= file.count {
      let length = Int(file.rawSpan.big32(offset + 8).byteSwapped)
      guard offset + 16 + length <= file.count else { break }
      frames.append(Array(file[offset + 16..<offset + 16 + length]))
      offset += 16 + length
    }
    return frames
  }

  /// Copies what was captured, and what the agents say, to where the logs of a failed run are.
  func keep() {
    let logs = ".build/test-logs/\(rig.prefix)pcaps"
    try? makeDirectory(logs)
    for name in (try? listDirectory(folder)) ?? [] {
      guard let bytes = try? readFile("\(folder)/\(name)", limitBytes: 64 << 20) else { continue }
      try? AtomicFile.write(bytes, to: "\(logs)/\(name)")
    }
    for host in rig.topology.hosts.map(\.name) {
      try? AtomicFile.write(Array(rig.log(host).utf8), to: "\(logs)/\(host).log")
    }
  }
}
