// When changes are delivered: the first after a quiet time at once, so that nobody waits for it; what follows within
// that time together at its end, so that a burst does not wake everybody for each change. Pure.

import Time

/// The deliveries of one loop.
struct DeliveryRhythm {
    /// From one delivery to the next at least.
    static let interval: Duration = .milliseconds(20)

    private var last = MonotonicTime.distantPast

    /// When to deliver what has changed by now.
    func next(at now: MonotonicTime) -> MonotonicTime { max(now, last + Self.interval) }

    /// Something is delivered now.
    mutating func delivered(at now: MonotonicTime) { last = now }
}
