// Where the replication thread writes what other threads ask: two words that requests read each time, and a report that pages show.

import Catalog
import Replication
import Synchronization

/// The cluster as last seen. Written by the replication thread, read by any.
final class ClusterBoard: Sendable {
    private struct Page {
        var report: ClusterReport?
        var components: [ComponentHealth] = []
    }

    private let ready = Atomic<Bool>(false)
    private let large = Atomic<Bool>(false)
    /// Nanoseconds.
    private let correction = Atomic<Int64>(0)
    private let page = Mutex(Page())

    var hasCopy: Bool { ready.load(ordering: .acquiring) }
    var isLargeEnough: Bool { large.load(ordering: .relaxed) }
    var clockCorrection: Int64 { correction.load(ordering: .relaxed) }
    var report: ClusterReport? { page.withLock { $0.report } }
    var components: [ComponentHealth] { page.withLock { $0.components } }

    /// What was merged before is seen by whoever sees this.
    func becomeReady() { ready.store(true, ordering: .releasing) }

    func correctClock(milliseconds: Int64) { correction.store(milliseconds.multipliedSaturated(by: 1_000_000), ordering: .relaxed) }

    func publish(_ report: ClusterReport, _ health: ClusterHealth) {
        large.store(report.status.isLargeEnough, ordering: .relaxed)
        let components = health.components(report.status)
        page.withLock {
            $0.report = report
            $0.components = components
        }
    }
}
