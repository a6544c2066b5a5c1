// A lane of a switch and the others, between two batches.

internal import Base
internal import Dataplane
internal import FrameMemory

extension SwitchRuntime {
  /// Sends a batch of the frames that other lanes have handed over. Returns how many there were.
  func takeOver(_ batch: inout FrameBatch, now: MonotonicTime) -> Int {
    guard let rings, rings.hasFrames else { return 0 }
    batch.removeAll()
    if let capture {
      _ = rings.takeOver(
        into: &batch, &deliveries, &network, now: now, capture: &capture.tracer)
      capture.handOut(&batch, now: now)
    } else {
      _ = rings.takeOver(into: &batch, &deliveries, &network, now: now)
    }
    if batch.count > 0 { send(&batch, now: now) }
    return batch.count
  }

  /// While batches are full, frames for other lanes may wait for others for so many rounds.
  private static let roundsToWait = 8

  /// Takes in the notes of other lanes and sends own ones. Returns which lanes were given something since the
  /// last call, as bits.
  func exchangeNotes(now: MonotonicTime, isBusy: Bool) -> UInt32 {
    guard let rings else { return 0 }
    if rings.exchange(with: &network, now: now) { given = .max }
    roundsWaited += 1
    if !isBusy || roundsWaited >= Self.roundsToWait {
      roundsWaited = 0
      given |= rings.showHandedOver()
    }
    defer { given = 0 }
    return given
  }
}
