// What may be answered and what should be asked for are two things: a member with a whole copy answers look-ups, also
// those of a balancer that does not ask first; but as long as a legacy peer does not read from it, what clients
// register here is missing there.

import Time

/// Whether this member asks for traffic. Pure: what is known goes in, a report comes out.
struct ReadinessGate {
    /// The inputs of this decision.
    struct Knowledge {
        var ground: ReadinessGround?
        /// Until when this member and those that answer clients may go on without waiting for each other, in monotonic
        /// milliseconds; nil when they do.
        var linkingUntil: MonotonicTime?
        /// Whether the shared directory has not been of use since the start.
        var awaitsDirectory: Bool
        /// Why all that are named, and are there, refuse this member; nil when not all do.
        var refusal: RefusalReason?
        /// Whether a member has answered, and may still give a copy.
        var isAnswered: Bool
        /// Whether a legacy peer does not read from this member yet, or may turn out to be there.
        var awaitsOriginals: Bool
        /// When what is bounded by `sync_timeout` ends, in monotonic milliseconds: silence while there is no ground,
        /// then the wait for legacy peers.
        var deadline: MonotonicTime
    }

    /// Invariant: once it says that the member is ready, it goes on saying so.
    private(set) var report: ReadinessReport

    init(usesDirectory: Bool = false, at now: MonotonicTime) {
        report = .atStart(usesDirectory: usesDirectory, at: now)
    }

    /// The new report when it has changed.
    mutating func judge(_ known: Knowledge, at now: MonotonicTime) -> ReadinessReport? {
        guard !report.isReady else { return nil }
        let hold = Self.hold(known, at: now)
        let until = Self.end(of: hold, known)
        guard hold != report.hold || until != report.until || known.ground != report.ground else { return nil }
        report = ReadinessReport(
            hold: hold, ground: known.ground, since: hold == report.hold ? report.since : now, until: until)
        return report
    }

    private static func hold(_ known: Knowledge, at now: MonotonicTime) -> ReadinessHold? {
        if known.awaitsDirectory { return .clusterDirectory }
        guard known.ground != nil else {
            return known.refusal.map { .refused($0) } ?? (known.isAnswered ? .copying : .searching)
        }
        if known.linkingUntil != nil { return .linking }
        return known.awaitsOriginals && now < known.deadline ? .originals : nil
    }

    private static func end(of hold: ReadinessHold?, _ known: Knowledge) -> MonotonicTime? {
        switch hold {
        case .searching, .originals: known.deadline
        case .linking: known.linkingUntil
        case .copying, .refused, .clusterDirectory, nil: nil
        }
    }
}
