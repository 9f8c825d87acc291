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
        large.store(report.status.size >= report.status.expectedSize ?? 1, ordering: .relaxed)
        let components = health.components(report.status)
        page.withLock {
            $0.report = report
            $0.components = components
        }
    }
}

/// What /uptime says of the cluster. A fault shows only when it has lasted: members come and go, and each start finds things amiss.
struct ClusterHealth: Sendable {
    /// Milliseconds.
    private let grace: Int64
    /// Since when, in monotonic milliseconds, there have been too few members; nil when there are enough.
    private var smallSince: Int64?
    private var behindSince: Int64?
    private(set) var isClusterHealthy = true
    private(set) var isReplicationHealthy = true

    init(grace: Int64) { self.grace = grace }

    mutating func observe(_ status: ClusterStatus, at now: Int64) {
        isClusterHealthy = Self.judge(status.size < status.expectedSize ?? 1, &smallSince, now, grace)
        isReplicationHealthy = Self.judge(!status.isReady || status.peers.contains(where: \.isOutOfStep), &behindSince, now, grace)
    }

    private static func judge(_ isAmiss: Bool, _ since: inout Int64?, _ now: Int64, _ grace: Int64) -> Bool {
        guard isAmiss else {
            since = nil
            return true
        }
        let start = since ?? now
        since = start
        return now - start < grace
    }

    func components(_ status: ClusterStatus) -> [ComponentHealth] {
        [
            ComponentHealth(
                name: "CLUSTER", isHealthy: isClusterHealthy,
                properties: [("size", status.size), ("threshold", status.expectedSize ?? 1)]),
            ComponentHealth(name: "REPLICATION", isHealthy: isReplicationHealthy),
        ]
    }
}

extension PeerStatus {
    /// Whether it is there and yet not in step with us. One that is not there at all counts for the size of the cluster only.
    var isOutOfStep: Bool {
        switch state {
        case .waiting, .dialing, .ourself, .duplicate, .original: false
        case .greeting, .copying, .unreached: true
        case .streaming: digestsAgree == false || lag?.hasOverflowed ?? false
        }
    }
}
