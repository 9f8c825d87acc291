// A member's part in its cluster: all its links, whom to dial, whether it is ready. Pure: it is told what happens and when, and returns
// what is to be done, so that the same code runs over sockets and in a simulation of thousands of clusters. This file has what the shell
// calls; `NodeLinks` has what becomes of frames, `NodeUpkeep` what becomes of time, `NodeStatus` how it all stands.

import Catalog

/// A member's view of its cluster. Not `Sendable`: belongs to one thread. Every call may return directives, to be carried out in order.
public final class Node {
    let configuration: NodeConfiguration
    let store: Store
    /// Links that are proven keep what they were proven with.
    public var authenticator: Authenticator?
    var random: any RandomNumberGenerator

    var links: [LinkID: Link] = [:]
    var dials: DialTable
    /// The addresses that membership names. Others are dialed too: see `unnamed`.
    var named: Set<PeerAddress> = []
    /// Whether these were ever all that there are.
    var isMembershipKnown = false

    var readiness: Readiness
    var gate: ReadinessGate
    /// Whether the shared directory has not been read, or this member's file not written, since the start.
    var awaitsDirectory: Bool
    /// The originals that read from this member.
    var originalReaders: Set<PeerAddress> = []
    /// Why all that are named refuse this member, as far as it was told.
    var toldRefusal: RefusalReason?
    /// Why what is here is all that there is; nil while it is not. Invariant: once set it stays.
    var ground: ReadinessGround?
    /// When `ground` was found, in monotonic milliseconds.
    var groundAt: Int64?
    /// Whether look-ups are answered. Invariant: once true it stays, and `ground` is set.
    var isServing = false
    /// In monotonic milliseconds.
    let startedAt: Int64
    /// Whether this member may not be known yet to those that answer clients, so that no change is acknowledged. Invariant: once false it stays.
    var isReaching: Bool
    /// When any other member was last heard, in monotonic milliseconds, as of the last link's beginning or end; nil when none ever was.
    var lastAnswer: Int64?
    /// When one that membership names last refused this member, in monotonic milliseconds; nil when none ever did. Who refuses is there, and may have
    /// everything: when it is silent, it may have been restarted.
    var lastRefusal: Int64?
    /// Whether it was told that being ready takes long though a member answers.
    var isOverdueTold = false
    var clock: ClockAlarm
    var hold = LeaseHold()
    /// Whether leases are held, as far as the shell was told.
    var isHolding = false
    /// Set when leases went on after a pause without anybody having been heard who knew better: they are as much too long, until somebody is, or
    /// until this time, in monotonic milliseconds, when none of them is left.
    var settlementDue: Int64?
    var relaying = Relaying()
    var hearing: Hearing
    /// Whether the log was told that too few members are heard.
    var isCutOff = false
    /// Whom we hear, as the others were last told.
    var toldHeard: Set<MemberID> = []
    var isLeaving = false
    var counts = ReplicationCounts()

    /// When this node was last told anything, in monotonic milliseconds.
    var calledAt: Int64
    var nextRenewals: Int64 = 0
    /// When what is judged once a second is judged next.
    var nextJudgment: Int64 = 0
    /// Whether a drain stopped before its end.
    var hasUndrained = false
    var sizeWatch = SizeWatch()
    var memory = MemberMemory()
    var twins = TwinWatch()
    var nextRefusalNote: Int64 = 0
    /// The only other member, once its clock and ours were found to differ.
    var differingPeer: MemberID?

    var waits = WaitLine()
    /// The first wait whose changes have not all been told yet.
    var undrainedWait: UInt64?
    var questions = QuestionLine()
    /// The first wait that came while `isReaching`.
    var unreachedWait: UInt64?
    /// As last told.
    var standing: ClusterStanding
    /// When a link on which we heard a member was last lost, in monotonic milliseconds; nil when that is long ago.
    var linkLostAt: Int64?
    /// When the pause began after which the others have not all been heard yet, in monotonic milliseconds.
    var pausedAt: Int64?

    /// What the present call returns.
    var directives: [Directive] = []

    /// - Parameter random: for nonces, so one that cannot be predicted; a seeded one only in tests.
    public init(
        _ configuration: NodeConfiguration, store: Store, random: any RandomNumberGenerator, authenticator: Authenticator?,
        at time: NodeTime
    ) {
        self.configuration = configuration
        self.store = store
        self.random = random
        self.authenticator = authenticator
        dials = DialTable(limits: configuration.limits)
        readiness = Readiness(
            expected: configuration.clusterSize, timeout: configuration.syncTimeout,
            // A member that is not dialed cannot answer, so at least twice the longest wait between two dials.
            silence: max(configuration.syncTimeout, 2 * configuration.limits.dialCap), start: time.monotonic)
        gate = ReadinessGate(usesDirectory: configuration.usesDirectory, at: time.monotonic)
        awaitsDirectory = configuration.usesDirectory
        clock = ClockAlarm(tolerance: configuration.limits.clockTolerance)
        hearing = Hearing(
            expected: configuration.clusterSize.map { $0 - 1 }, holdsWhenCutOff: configuration.holdsWhenCutOff,
            longestHold: configuration.limits.expiryHold)
        calledAt = time.monotonic
        startedAt = time.monotonic
        isReaching = configuration.limits.acknowledges
        standing = configuration.limits.acknowledges ? .starting : .alone
    }

    var limits: NodeLimits { configuration.limits }

    /// When `isReaching` ends at the latest, in monotonic milliseconds.
    var reachingUntil: Int64 { startedAt + limits.linkingTime }

    /// Whether a copy of what is here is a copy of everything. After a pause it is not until the peers have been heard: instances that they
    /// kept alive look dead in it.
    public var isWhole: Bool { ground != nil && !isHolding }

    /// Whether those alive here may look dead by their ages, so that nobody is to judge by what we say.
    var isExtended: Bool { isHolding || settlementDue != nil }

    /// Every call goes through here.
    private func call(at time: NodeTime, _ body: () -> Void) -> [Directive] {
        let gap = time.monotonic - calledAt
        calledAt = max(calledAt, time.monotonic)
        if gap > limits.pingPeriod { wake(after: gap, at: time) }
        noticePause(of: gap, at: time)
        body()
        // What these wait for are frames, which come between ticks.
        judgeReach(at: time)
        if ground != nil, !isServing { judgeReadiness(at: time) }
        settleWaits(at: time)
        expireQuestions(at: time)
        tellStanding(at: time)
        defer { directives = [] }
        return directives
    }

    // MARK: - Links

    /// A connection has been upgraded to frames.
    ///
    /// - Parameters:
    ///   - address: the address that was dialed; of an accepted link, the one that the other claims in its `Member-ID`.
    ///   - boundTo: the names and addresses in the other's verified certificate; nil when none is demanded. What the member then says of
    ///     itself, its host or its name, must be among them.
    public func linkOpened(
        _ link: LinkID, role: LinkRole, address: PeerAddress, boundTo: Set<String>?, at time: NodeTime
    ) -> [Directive] {
        call(at: time) { open(link, role: role, address: address, boundTo: boundTo, at: time) }
    }

    /// Bytes have come in, in any pieces.
    public func received(_ bytes: [UInt8], on link: LinkID, at time: NodeTime) -> [Directive] {
        call(at: time) { read(bytes, on: link, at: time) }
    }

    /// The connection is gone.
    public func linkClosed(_ link: LinkID, at time: NodeTime) -> [Directive] {
        call(at: time) {
            guard let link = links[link] else { return }
            forget(link, reason: nil, at: time)
        }
    }

    /// Bytes have gone out and so many are still queued. To be told whenever they fall under `NodeLimits.copyBytesInFlight`.
    public func drained(_ link: LinkID, queuedBytes: Int, at time: NodeTime) -> [Directive] {
        call(at: time) {
            guard let link = links[link] else { return }
            link.queuedBytes = queuedBytes
            link.withPublisher { $0.drained(queuedBytes) }
            pump(link, at: time)
        }
    }

    /// A dial has come to nothing.
    ///
    /// - Parameters:
    ///   - reason: for the cluster's page, without a full stop.
    ///   - refusal: why, when somebody was reached who does not let this member in, or whom it does not believe.
    public func dialFailed(
        _ address: PeerAddress, reason: String = "no connection", refusal: RefusalReason? = nil, at time: NodeTime
    ) -> [Directive] {
        call(at: time) {
            guard case .dialing = dials.entries[address]?.state else { return }
            if refusal != nil { refused(at: address, at: time) }
            memory.failed(address, .unreachable(reason), at: time.monotonic)
            dials.failed(address, refusal: refusal, at: time.monotonic, random: &random)
            hold.gone(address)
            judgeReadiness(at: time)
        }
    }

    /// What a dialed address turned out to be, or to have become: a member that runs the original.
    public func originalChanged(_ address: PeerAddress, to state: OriginalState, at time: NodeTime) -> [Directive] {
        call(at: time) {
            guard dials.entries[address] != nil else { return }
            switch state {
            case .connected, .copied:
                heard(address, speaksFrames: false, at: time)
                dials.set(.original(isCopied: state == .copied), of: address)
                if state == .copied { hold.heard(address) }
            case .lost:
                dials.failed(address, at: time.monotonic, random: &random)
            }
            judgeReadiness(at: time)
        }
    }

    /// Whether the original at this address reads this member's stream.
    public func originalReads(_ address: PeerAddress, _ reads: Bool, at time: NodeTime) -> [Directive] {
        call(at: time) {
            if reads { originalReaders.insert(address) } else { originalReaders.remove(address) }
            judgeReadiness(at: time)
        }
    }

    /// What the original at this address told, as it was taken in: for members that do not reach it. Originals hear it from it themselves.
    public func originalTold(_ states: [Replicated], by address: PeerAddress, at time: NodeTime) -> [Directive] {
        call(at: time) { relay(states, of: MemberID(original: address), at: time) }
    }

    // MARK: - The rest

    /// The catalog has changes to be told: what its wake callback asks for.
    public func localChanges(at time: NodeTime) -> [Directive] {
        call(at: time) { tellLocalChanges(includeRenewals: false, at: time) }
    }

    /// Clients' changes made before this call are to be at the other members before the ticket is answered: `Directive.acknowledged` comes once, from
    /// this call or a later one, at most `NodeLimits.acknowledgeTimeout` after it.
    public func acknowledge(_ ticket: AcknowledgmentTicket, at time: NodeTime) -> [Directive] {
        call(at: time) { wait(ticket, at: time) }
    }

    /// Asks the others what they know of an id that is unknown here. `Directive.answered` comes once, as above.
    public func ask(_ question: QuestionTicket, _ key: StateKey, at time: NodeTime) -> [Directive] {
        call(at: time) { ask(question, about: key, at: time) }
    }

    /// When `expireWaits` must be called at the latest, in monotonic milliseconds; nil when nothing waits. To be read after each call.
    public var nextDeadline: Int64? {
        // The rest of the changes is told at once when somebody waits for them.
        if hasUndrained, !waits.isEmpty { return calledAt }
        guard let deadline = waits.deadline else { return questions.deadline }
        return min(deadline, questions.deadline ?? .max)
    }

    /// The time of `nextDeadline` has come.
    public func expireWaits(at time: NodeTime) -> [Directive] {
        call(at: time) { if hasUndrained { tellLocalChanges(includeRenewals: false, at: time) } }
    }

    /// Time has passed. Every 100 ms.
    public func tick(at time: NodeTime) -> [Directive] {
        call(at: time) { keepUp(at: time) }
    }

    /// The addresses of the members, ours perhaps among them. Of the others those are let go where nobody lives.
    ///
    /// - Parameter isComplete: whether these are all, as far as anybody can know; once they were, they are taken to be.
    public func members(_ addresses: Set<PeerAddress>, isComplete: Bool, at time: NodeTime) -> [Directive] {
        call(at: time) {
            if isComplete { isMembershipKnown = true }
            named = addresses
            updateDials(at: time)
            dial(at: time)
            judgeReadiness(at: time)
        }
    }

    /// The shared directory was read, and this member's file written, for the first time. Only from now on does it mean anything that nobody answers.
    public func directoryServes(at time: NodeTime) -> [Directive] {
        call(at: time) {
            if awaitsDirectory { readiness.start = time.monotonic }
            awaitsDirectory = false
            judgeReadiness(at: time)
        }
    }

    /// The process was not run for longer than `LeaseClock.longestGap` (SIGSTOP, a frozen machine).
    public func paused(at time: NodeTime) -> [Directive] {
        call(at: time) { holdLeases(at: time) }
    }

    /// Tells everybody all there is to be told, and goodbye. To be followed by the usual calls until `isFlushed`, or for as long as one
    /// cares to wait.
    public func leave(at time: NodeTime) -> [Directive] {
        call(at: time) {
            isLeaving = true
            tellLocalChanges(includeRenewals: true, at: time)
            for link in sortedLinks() where link.role == .dialed {
                send(FrameCodec.encode(.goodbye(.leaving)), on: link)
                close(link, .leaving, at: time)
            }
            sayGoodbye(at: time)
        }
    }

    /// Whether, after `leave`, everything has been told and acknowledged.
    public var isFlushed: Bool {
        guard !hasUndrained else { return false }
        return links.values.allSatisfy { link in
            guard let publisher = link.publisher else { return true }
            return !publisher.isCopying && !publisher.hasOverflowed && publisher.lag.changes == 0
        }
    }
}

/// How a dialed member that runs the original stands.
public enum OriginalState: Sendable, Equatable {
    /// Its stream is being read.
    case connected
    /// All of it has been copied.
    case copied
    /// Its stream has ended: to be dialed again.
    case lost
}
