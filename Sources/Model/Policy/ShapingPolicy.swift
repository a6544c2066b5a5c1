// How fast a port may send or receive (vSphere: `DVSTrafficShapingPolicy`).
//
// Credit below the average gathers up to the burst size; while there is credit the port may go as fast
// as the peak, so a full bucket lasts burst * 8 / (peak - average) seconds. Each port has its own bucket.

/// The traffic shaping of one direction.
public struct ShapingPolicy: Hashable, Sendable {
  /// In bits per second.
  public static let bandwidthRange = 8_000...400_000_000_000
  /// In bytes; a bucket below one frame could never send it.
  public static let burstRange = 1_500...1_073_741_824

  /// What vSphere fills in for an average or a peak that is not said, in bits per second.
  public static let bandwidthDefault = 100_000_000
  /// 102,400 KB, as vSphere fills in.
  public static let burstDefault = 104_857_600

  public var enabled: Bool?
  /// Bits per second over a long time.
  public var averageBandwidth: Int?
  /// Bits per second while the burst lasts; at least the average.
  public var peakBandwidth: Int?
  /// How many bytes of unused bandwidth may be saved up.
  public var burstSize: Int?

  public init(
    enabled: Bool? = nil, averageBandwidth: Int? = nil, peakBandwidth: Int? = nil,
    burstSize: Int? = nil
  ) {
    self.enabled = enabled
    self.averageBandwidth = averageBandwidth
    self.peakBandwidth = peakBandwidth
    self.burstSize = burstSize
  }
}
