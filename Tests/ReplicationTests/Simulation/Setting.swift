// What a seed decides beforehand: how many members there are, how their network is, and what may go wrong with them.

import Replication
import TestRandom
import TestTime
import Time

struct Setting {
    /// What may go wrong.
    enum Fault: CaseIterable {
        case partition, oneWay, pair, pause, crash, leave, breakConnection, skew, lostSight
    }

    let memberCount: Int
    let clusterSize: Int?
    /// The longest a piece is under way.
    let latency: Duration
    /// Whether every piece is under way for a millisecond, and whole: for a story whose every word is kept.
    let isSteady: Bool
    /// Bytes a millisecond.
    let bandwidth: Int64
    let faults: [Fault]
    /// Whether a member may be known by two addresses.
    let hasAliases: Bool
    let limits: NodeLimits
    /// The members that run the release before.
    let olderMembers: Set<Int>

    /// For a story that is told on purpose: a quick network and no troubles of its own.
    init(memberCount: Int, olderMembers: Set<Int> = [], isSteady: Bool = false, limits: NodeLimits = NodeLimits()) {
        self.memberCount = memberCount
        self.isSteady = isSteady
        clusterSize = nil
        latency = 3
        bandwidth = 100_000
        faults = []
        hasAliases = false
        self.limits = limits
        self.olderMembers = olderMembers
    }

    init(random: inout SplitMix64) {
        memberCount = Int.random(in: 3...5, using: &random)
        clusterSize = Bool.random(using: &random) ? memberCount : nil
        latency = [3, 30, 300].randomElement(using: &random) ?? 3
        bandwidth = [10, 1_000, 100_000].randomElement(using: &random) ?? 1_000
        // One seed in eight has a calm sea: then everything must be seen at once.
        faults =
            Int.random(in: 0..<8, using: &random) == 0 ? [] : Fault.allCases.filter { _ in Bool.random(using: &random) }
        isSteady = false
        hasAliases = Int.random(in: 0..<4, using: &random) == 0
        var limits = NodeLimits()
        if Int.random(in: 0..<4, using: &random) == 0 {
            // So that queues run over.
            limits.queueBytes = 1_500
            limits.queueChanges = 10
            limits.copyBytesInFlight = 300
        }
        if Int.random(in: 0..<6, using: &random) == 0 { limits.acknowledges = false }
        self.limits = limits
        // One cluster in four is being upgraded.
        olderMembers =
            Int.random(in: 0..<4, using: &random) == 0
            ? Set((0..<memberCount).filter { _ in Bool.random(using: &random) }) : []
    }

    /// Whether the network is so quick that everybody acknowledges promptly.
    var isQuick: Bool { latency <= 3 && bandwidth >= 1_000 && !hasShortQueues }
    var mayBeWrongClocks: Bool { faults.contains(.skew) }
    var hasShortQueues: Bool { limits.queueBytes < NodeLimits().queueBytes }
    var isCalm: Bool { faults.isEmpty }
}
