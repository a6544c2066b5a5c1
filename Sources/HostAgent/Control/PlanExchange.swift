// A plan on its way to the worker, and the one that it replaces on its way back.

internal import Base
internal import Dataplane
internal import Synchronization

/// Carries a plan to the thread that applies it; frees the old one where this is let go of.
final class PlanExchange: Sendable {
  private let plan: Mutex<SwitchPlan?>

  init(_ plan: consuming SwitchPlan) { self.plan = Mutex(plan) }

  /// Swaps the plans of a switch, between two batches. Once.
  func apply(to runtime: SwitchRuntime?, now: MonotonicTime) {
    plan.withLock { plan in
      guard let runtime, let new = plan.take() else { return }
      plan = runtime.network.apply(new, now: now)
    }
  }
}
