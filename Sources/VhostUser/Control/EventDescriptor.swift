// Telling an eventfd from other descriptors.

internal import CLinux
internal import Linux

enum EventDescriptor {
  /// Whether it is an eventfd(2): the only thing that is taken as a kick or a call.
  static func isOne(_ descriptor: borrowing Descriptor) -> Bool {
    clinux_is_event(descriptor.number) != 0
  }
}
