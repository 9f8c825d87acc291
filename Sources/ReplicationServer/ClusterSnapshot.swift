// Where the replication thread writes what other threads ask: words that requests read each time, and a report that
// pages show.

import Catalog
import Replication
import Synchronization
import Time

/// The cluster as last seen. Written by the replication thread, read by any.
final class ClusterSnapshot: Sendable {
    private struct Page {
        var report: ClusterReport?
        var components: [ComponentHealth] = []
        var readiness: ReadinessReport?
        var sizeChangedAt = MonotonicTime.zero
    }

    private let ready = Atomic<Bool>(false)
    private let large = Atomic<Bool>(false)
    /// Nanoseconds.
    private let correction = Atomic<Int64>(0)
    private let page = Mutex(Page())
    let standing: PublishedStanding

    var hasCopy: Bool { ready.load(ordering: .acquiring) }
    var isLargeEnough: Bool { large.load(ordering: .relaxed) }
    var clockCorrection: Int64 { correction.load(ordering: .relaxed) }
    var report: ClusterReport? { page.withLock { $0.report } }
    var components: [ComponentHealth] { page.withLock { $0.components } }

    var readiness: ReadinessReport? { page.withLock { $0.readiness } }
    var sizeChangedAt: MonotonicTime { page.withLock { $0.sizeChangedAt } }

    /// - Parameters:
    ///   - longestSilence: see `PublishedStanding`.
    ///   - usesDirectory, syncTimeout: see `NodeConfiguration`.
    ///   - acknowledges: see `NodeLimits`.
    init(
        at now: MonotonicTime, longestSilence: Duration = .forever, usesDirectory: Bool = false,
        syncTimeout: Duration = .zero,
        acknowledges: Bool = true
    ) {
        standing = PublishedStanding(longestSilence: longestSilence)
        standing.publish(acknowledges ? .starting : .alone)
        page.withLock {
            $0.readiness = .atStart(usesDirectory: usesDirectory, until: now + syncTimeout, at: now)
            $0.sizeChangedAt = now
        }
    }

    func tell(_ readiness: ReadinessReport) { page.withLock { $0.readiness = readiness } }

    /// A reader that sees this also sees what was merged before.
    func becomeReady() { ready.store(true, ordering: .releasing) }

    func correctClock(milliseconds: Int64) {
        correction.store(milliseconds.multipliedSaturated(by: 1_000_000), ordering: .relaxed)
    }

    func publish(_ report: ClusterReport, _ health: ClusterHealth, at now: MonotonicTime) {
        let isLarge = report.status.isLargeEnough
        if large.exchange(isLarge, ordering: .relaxed) != isLarge { page.withLock { $0.sizeChangedAt = now } }
        let components = health.components(report.status)
        page.withLock {
            $0.report = report
            $0.components = components
        }
    }
}
