// Whether AF_XDP is the better way to a device, and how that is said.
//
// It carries no frame larger than the MTU, so bulk TCP pays for each frame what elsewhere is paid for 64 KB:
// on veth pairs of one machine 3 Gbit/s, and 20 by a packet socket. What it is good at is many small frames by
// a driver with zero-copy. So it is chosen by itself only where nothing is lost by it: where the offloads that
// make large frames are off, and the driver has zero-copy.

internal import Attachments
public import Base
public import Linux

/// What to tell about AF_XDP on a device.
public enum XDPAdvice {
  /// Why a packet socket is the better choice; nil when only zero-copy is left to ask for.
  ///
  /// - `namespace`: where the device is, nil for the namespace of the calling thread.
  public static func reasonAgainst(_ device: String, namespace: NetworkNamespace? = nil)
    throws(Failure) -> String?
  {
    let facts = try NetworkNamespace.run(in: namespace) { () throws(Failure) in
      try DeviceFacts.asked(device)
    }
    guard facts.segments else { return nil }
    return "the nic has TSO, GSO or GRO on, and AF_XDP would take them away: bulk TCP needs them"
  }
}

extension XDPDevice {
  /// What it means for traffic that the device is used so; a sentence without a full stop.
  public var explanation: String {
    let why = reason.isEmpty ? "" : ": \(reason)"
    return "\(mode.rawValue)\(why); frames larger than the MTU (GSO) are cut before they leave"
  }
}
