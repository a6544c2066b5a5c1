// The program in the kernel that hands the frames of a device to our sockets.
//
//   return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS);
//
// On a veth it is longer: the kernel keeps a frame's VLAN tag beside it there, and a program has to ask for it
// (Linux 6.8). A frame of a queue that has no socket goes on into the kernel. The program is held by a BPF link, and
// the link by its descriptor, so it leaves the device together with us, even after kill -9.

internal import Base
internal import CXDP
internal import Glibc
internal import Linux

/// The program on a device.
struct RedirectProgram: ~Copyable, Sendable {
  private static let ownName = "martlet_xsk"

  private let link: Descriptor

  /// Puts the program on a device of the calling thread's namespace, for its queues in order.
  ///
  /// - `tellsTags`: it leaves the tag that the kernel keeps beside a frame before the frame.
  init(device index: Int32, sockets: [Int32], isGeneric: Bool, tellsTags: Bool) throws(Errno) {
    let map = try Self.own(cxdp_make_map(UInt32(sockets.count)))
    for (queue, socket) in sockets.enumerated() {
      guard cxdp_put(map.number, UInt32(queue), socket) == 0 else { throw .current }
    }
    let program = try Self.own(
      tellsTags ? cxdp_load_tag_program(map.number, index) : cxdp_load_program(map.number))
    // The link holds the program, and the program the map.
    link = try Self.own(cxdp_attach(program.number, index, isGeneric ? 1 : 0))
  }

  private static func own(_ number: Int32) throws(Errno) -> Descriptor {
    guard number >= 0 else { throw .current }
    return Descriptor(owning: number)
  }

  /// A device has a program that is not one of ours, and so will keep it.
  static func isForeign(on index: Int32) -> Bool {
    name(on: index).map { $0 != ownName } ?? false
  }

  /// The name of the program that a device has already, nil when it has none.
  static func name(on index: Int32) -> String? {
    let capacity = Int(BPF_OBJ_NAME_LEN)
    // SAFETY: the call writes a zero-terminated name of at most `capacity` bytes.
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { name in
      guard let start = name.baseAddress, unsafe cxdp_attached_name(index, start) == 1 else {
        return nil
      }
      return unsafe String(cString: start)
    }
  }
}
