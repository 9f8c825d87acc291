// What the event log or the audit could not keep up with, for the metrics.

import Synchronization

/// How many changes one of them has missed. Written by the control loop, read for each scrape.
package final class EventCounts: Sendable {
    private let misses = Atomic<UInt64>(0)

    package init() {}

    package func miss(_ count: UInt64) { misses.add(count, ordering: .relaxed) }

    package var missed: UInt64 { misses.load(ordering: .relaxed) }
}
