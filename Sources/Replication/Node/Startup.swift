// How far a member has come since its start. Whoever serves from nothing takes every client of every service down, and
// whoever answers before the others know of it promises what they do not have; so it comes to serve in steps, none of
// which is ever taken back.
//
//     look-ups:  searching, copying ── a ground ──► linking ── members wait for each other, or time is up ──► serving
//     changes:   reaching ── those that answer clients read from here, or time is up ──► acknowledged
//     traffic:   asked for when look-ups are answered and nothing else holds it back (`ReadinessGate`)

import Time

/// What a member has reached since its start. A value of the node's thread.
struct Startup {
    private var readiness: Readiness
    private var gate: ReadinessGate
    private let linkingTime: Duration
    /// When a member that is still reaching acknowledges changes all the same.
    let reachingUntil: MonotonicTime
    /// Whether this member may not be known yet to those that answer clients, so that no change is acknowledged.
    /// Invariant: once false it stays.
    private(set) var isReaching: Bool
    /// Why what is here is all that there is; nil while it is not. Invariant: once set it stays.
    private(set) var ground: ReadinessGround?
    /// Invariant: set with `ground`.
    private var groundAt: MonotonicTime?
    /// Whether look-ups are answered. Invariant: once true it stays, and `ground` is set.
    private(set) var isServing = false
    /// Whether the shared directory has not been read, or this member's file not written, since the start.
    private var awaitsDirectory: Bool
    /// When any other member was last heard, as of the last link's beginning or end; nil when none ever was.
    private var lastAnswer: MonotonicTime?
    /// When one that membership names last refused this member; nil when none ever did. Who refuses is there, and may
    /// have everything: when it is silent, it may have been restarted.
    private var lastRefusal: MonotonicTime?
    /// Whether it was told that being ready takes long though a member answers.
    private var isOverdueTold = false
    /// Why all that are named refuse this member, as far as it was told.
    private var toldRefusal: RefusalReason?

    init(_ configuration: NodeConfiguration, at now: MonotonicTime) {
        readiness = Readiness(
            expected: configuration.clusterSize, timeout: configuration.syncTimeout,
            // A member that is not dialed cannot answer, so at least twice the longest wait between two dials.
            silence: max(configuration.syncTimeout, configuration.limits.dialCap * 2), start: now)
        gate = ReadinessGate(usesDirectory: configuration.usesDirectory, at: now)
        awaitsDirectory = configuration.usesDirectory
        linkingTime = configuration.limits.linkingTime
        reachingUntil = now + linkingTime
        isReaching = configuration.limits.acknowledges
    }

    /// Whether traffic is asked for.
    var report: ReadinessReport { gate.report }
    /// For how long a member that fell silent may come back.
    var silence: Duration { readiness.silence }

    // MARK: - What happens

    /// Another member was heard.
    mutating func answered(at now: MonotonicTime) { lastAnswer = now }

    /// One that membership names has refused this member.
    mutating func refused(at now: MonotonicTime) { lastRefusal = now }

    /// The shared directory was read, and this member's file written. Only from the first time on does it mean anything
    /// that nobody answers.
    mutating func directoryServes(at now: MonotonicTime) {
        if awaitsDirectory { readiness.start = now }
        awaitsDirectory = false
    }

    // MARK: - Steps

    enum GroundVerdict {
        /// Once.
        case found
        /// It takes long, though a member answers. Once.
        case overdue
    }

    /// Looks for a ground while there is none.
    ///
    /// - Parameter isRefused: whether all that are named refuse this member.
    mutating func judgeGround(
        _ probes: [PeerAddress: Readiness.Probe], isMembershipKnown: Bool, isRefused: Bool, at now: MonotonicTime
    ) -> GroundVerdict? {
        guard ground == nil else { return nil }
        let found = readiness.ground(
            probes, isMembershipKnown: isMembershipKnown,
            lastAnswer: [lastAnswer, lastRefusal].compactMap(\.self).max(), at: now)
        // Neither who is refused nor who cannot see whom to ask may conclude from silence that nobody has more.
        let mayConclude = !isRefused && !awaitsDirectory
        if mayConclude { ground = found } else if case .copied? = found { ground = found }
        guard ground == nil else {
            groundAt = now
            return .found
        }
        guard readiness.isOverdue(at: now), lastAnswer != nil, !isOverdueTold else { return nil }
        isOverdueTold = true
        return .overdue
    }

    /// Whether changes are acknowledged from now on. Once.
    mutating func judgeReach(reachesAll: Bool, at now: MonotonicTime) -> Bool {
        guard isReaching, reachesAll || now >= reachingUntil else { return false }
        isReaching = false
        return true
    }

    /// Why look-ups are answered from now on. Once.
    ///
    /// - Parameter isLinked: whether each member that answers them waits for this one, and this one for it.
    mutating func judgeServing(isLinked: Bool, at now: MonotonicTime) -> ReadinessGround? {
        guard let ground, let groundAt, !isServing, isLinked || now - groundAt >= linkingTime else { return nil }
        isServing = true
        return ground
    }

    /// The new report when it has changed.
    ///
    /// - Parameters:
    ///   - refusal: why all that are named refuse this member; nil when not all do.
    ///   - awaitsOriginals: whether a legacy peer does not read from this member yet, or may turn out to be there.
    mutating func judgeTraffic(refusal: RefusalReason?, awaitsOriginals: Bool, at now: MonotonicTime)
        -> ReadinessReport?
    {
        let knowledge = ReadinessGate.Knowledge(
            ground: ground, linkingUntil: isServing ? nil : groundAt.map { $0 + linkingTime },
            awaitsDirectory: awaitsDirectory,
            refusal: refusal, isAnswered: lastAnswer != nil, awaitsOriginals: awaitsOriginals,
            deadline: readiness.end(lastAnswer: ground == nil ? lastRefusal : nil))
        return gate.judge(knowledge, at: now)
    }

    /// Returns the refusal when it is to be logged: once, until a member has let this one in, for what comes between
    /// two refusals may be no more than a dial that took too long.
    mutating func tell(_ refusal: RefusalReason?, isLetIn: @autoclosure () -> Bool) -> RefusalReason? {
        guard let refusal else {
            if toldRefusal != nil, isLetIn() { toldRefusal = nil }
            return nil
        }
        guard refusal != toldRefusal else { return nil }
        toldRefusal = refusal
        return refusal
    }
}

#if DEBUG
    extension Startup {
        /// Sentences on what must always hold and does not. For tests, after each step.
        ///
        /// - Parameter before: this value after the step before.
        func checkInvariants(since before: Startup?) -> [String] {
            var broken: [String] = []
            if (ground == nil) != (groundAt == nil) { broken.append("a ground has no time, or a time no ground") }
            if isServing, ground == nil { broken.append("look-ups are answered without a ground") }
            if report.isReady, !isServing { broken.append("traffic is asked for before look-ups are answered") }
            guard let before else { return broken }
            if let was = before.ground, was != ground { broken.append("the ground did not stay") }
            if before.isServing, !isServing { broken.append("look-ups were answered, and are no longer") }
            if !before.isReaching, isReaching { broken.append("changes were acknowledged, and are no longer") }
            if before.report.isReady, !report.isReady { broken.append("traffic was asked for, and is no longer") }
            return broken
        }
    }
#endif
