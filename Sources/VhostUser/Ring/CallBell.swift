// Ringing the guest: an eventfd of the front end (VHOST_USER_SET_VRING_CALL), rung so that nothing the
// front end does to it can make the worker wait (CLinux, `clinux_bell`).

internal import CLinux
package import Linux

/// A bell with an owner.
///
/// - Thread: rung by whoever has entered the rings; closed when nobody holds it.
@safe
package final class CallBell: Sendable {
  // SAFETY: opened in `init`, closed in `deinit`.
  nonisolated(unsafe) let bell: OpaquePointer

  /// Takes an eventfd over.
  package init(_ descriptor: consuming Descriptor) throws(CutOffReason) {
    // SAFETY: takes the descriptor over, whatever comes of it.
    guard let bell = unsafe clinux_bell_open(descriptor.release()) else { throw .badEvent }
    unsafe self.bell = unsafe bell
  }

  // SAFETY: opened by `init`.
  deinit { unsafe clinux_bell_close(bell) }

  /// Whether the kernel rings it for us, so that it can never block.
  // SAFETY: open as long as this object.
  package var cannotBlock: Bool { unsafe clinux_bell_is_safe(bell) != 0 }
}
