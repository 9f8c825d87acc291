// What /uptime says of the cluster. A fault shows only when it has lasted: members come and go, and each start finds
// things amiss.

package import Time

/// The health of one part of a member, as /uptime reports it.
package struct ComponentHealth: Sendable, Equatable {
    /// As the report names it: `CLUSTER`, `REPLICATION`.
    package let name: String
    package let isHealthy: Bool
    /// Numbers of interest, in the order shown.
    package let properties: [(name: String, value: Int)]

    package init(name: String, isHealthy: Bool, properties: [(name: String, value: Int)] = []) {
        self.name = name
        self.isHealthy = isHealthy
        self.properties = properties
    }

    package static func == (left: ComponentHealth, right: ComponentHealth) -> Bool {
        left.name == right.name && left.isHealthy == right.isHealthy
            && left.properties.elementsEqual(right.properties) { $0.name == $1.name && $0.value == $1.value }
    }
}

/// Whether the cluster and this member's part in it are healthy.
package struct ClusterHealth: Sendable {
    /// Milliseconds.
    private let grace: Duration
    /// Since when, in monotonic milliseconds, there have been too few members; nil when there are enough.
    private var smallSince: MonotonicTime?
    private var behindSince: MonotonicTime?
    /// How many members refuse this one, when all that are named do.
    private var refusing = 0
    private(set) var isClusterHealthy = true
    private(set) var isReplicationHealthy = true

    /// - Parameter grace: milliseconds that a fault may last before it shows.
    package init(grace: Duration) { self.grace = grace }

    /// - Parameter now: monotonic milliseconds.
    package mutating func observe(_ status: ClusterStatus, at now: MonotonicTime) {
        isClusterHealthy = Self.judge(!status.isLargeEnough, &smallSince, now, grace)
        let isBehind = !status.isReady || !status.readiness.isReady || status.peers.contains(where: \.isOutOfStep)
        // That all refuse us does not mend itself, so there is nothing to wait for.
        refusing = status.refusal == nil ? 0 : status.peers.count { $0.state == .refused }
        isReplicationHealthy = Self.judge(isBehind, &behindSince, now, grace) && refusing == 0
    }

    private static func judge(_ isAmiss: Bool, _ since: inout MonotonicTime?, _ now: MonotonicTime, _ grace: Duration)
        -> Bool
    {
        guard isAmiss else {
            since = nil
            return true
        }
        let start = since ?? now
        since = start
        return now - start < grace
    }

    package func components(_ status: ClusterStatus) -> [ComponentHealth] {
        [
            ComponentHealth(
                name: "CLUSTER", isHealthy: isClusterHealthy,
                properties: [("size", status.size), ("threshold", status.expectedSize ?? 1)]),
            ComponentHealth(
                name: "REPLICATION", isHealthy: isReplicationHealthy,
                properties: refusing > 0 ? [("refused", refusing)] : []),
        ]
    }
}

extension ClusterStatus {
    /// Whether there are as many members as there should be.
    package var isLargeEnough: Bool { size >= expectedSize ?? 1 }
}

extension PeerStatus {
    /// Whether it is there and yet not in step with us. One that is not there at all counts for the size of the cluster
    /// only.
    var isOutOfStep: Bool {
        switch state {
        case .waiting, .dialing, .refused, .lost, .ourself, .duplicate, .original: false
        case .greeting, .copying, .unreached: true
        case .streaming: digestsAgree == false || lag?.hasOverflowed ?? false
        }
    }
}
