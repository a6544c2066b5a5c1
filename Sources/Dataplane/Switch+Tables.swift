// Reading and clearing the MAC table from outside the data path.

public import Base
public import FrameMemory
public import Tables

extension Switch {
  /// The next MAC table entry at or after `cursor`; nil at the end. Start with 0. Expired ones are
  /// skipped.
  public func nextMACEntry(_ cursor: inout Int, now: MonotonicTime)
    -> (key: MACKey, entry: MACEntry)?
  {
    let seconds = BatchContext(now: now).seconds
    while let (key, entry) = macs.next(&cursor) {
      if macs.current(entry, nowSeconds: seconds) != nil { return (key, entry) }
    }
    return nil
  }

  public var macCount: Int { macs.count }

  /// Forgets learned and external addresses, of one port or of all. Returns how many.
  public mutating func flushMACs(of port: PortIndex? = nil) -> Int {
    lanes.countControlCall()
    if let port { return forgetPlaces(of: port) }
    lanes.clearedPlaces(of: nil)
    return macs.flush()
  }

  /// Forgets what was learned at a port or announced beyond it. Returns how many.
  @discardableResult
  mutating func forgetPlaces(of port: PortIndex) -> Int {
    lanes.clearedPlaces(of: port)
    return macs.flush(port: port.rawValue)
  }

  /// Removes expired addresses from a stretch of the table: call now and then, about once a second.
  public mutating func sweepMACs(now: MonotonicTime) {
    macs.sweep(
      bucketCount: max(64, macs.bucketCount / 64), nowSeconds: BatchContext(now: now).seconds)
  }
}
