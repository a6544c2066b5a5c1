// What a guest asked of its virtual nic: its own address, and which frames it wants to see.
//
// vSphere knows because it emulates the nic. Martlet reads it where it can (the device in a container's
// namespace, QEMU's monitor), and otherwise takes the source address of the guest's own frames for the
// nic's address and assumes that it wants every multicast frame, and every frame where the policy allows.

public import Wire

/// The settings of a guest's nic, as far as they are known.
public struct GuestNIC: Equatable, Sendable, BitwiseCopyable {
  /// Whether the nic itself was looked at.
  public var isObserved = false
  /// The address that the guest set (vSphere: effective MAC address).
  public var address: MACAddress
  public var isPromiscuous = false
  public var isAllMulticast = false

  /// What is assumed about a nic that nobody can look at.
  public init(assumed address: MACAddress) { self.address = address }

  public init(observed address: MACAddress, isPromiscuous: Bool, isAllMulticast: Bool) {
    self.address = address
    self.isPromiscuous = isPromiscuous
    self.isAllMulticast = isAllMulticast
    isObserved = true
  }
}
