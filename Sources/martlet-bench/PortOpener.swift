// How `switch --port` and others reach a device: by a packet socket or by AF_XDP, all AF_XDP ports of one
// switch in one memory area.

internal import Attachments
internal import Base
internal import Linux
internal import XDP

/// Opens devices in one way.
struct PortOpener {
  enum Kind: String, CaseIterable {
    case packet
    case xdp
    /// AF_XDP in the kernel's generic place, for drivers that cannot run the program.
    case xdpGeneric = "xdp-generic"

    static var words: String { allCases.map(\.rawValue).joined(separator: ", ") }
  }

  private let kind: Kind
  private let memory: XDPMemory?

  init(_ word: String) throws {
    guard let kind = Kind(rawValue: word) else {
      throw WrongUsage(text: "`\(word)` is no way to attach; there are \(Kind.words)")
    }
    self.kind = kind
    memory = kind == .packet ? nil : try XDPMemory()
  }

  func open(_ device: String, in namespace: NetworkNamespace) throws -> any Attachment {
    guard let memory else {
      return PacketAttachment(try PacketSocket(device: device, namespace: namespace))
    }
    var options = XDPDevice.Options()
    if kind == .xdpGeneric { (options.modes, options.losesTags) = ([.generic], true) }
    let opened = try XDPDevice(device, namespace: namespace, memory: memory, options: options)
    return XDPAttachment(opened)
  }
}
