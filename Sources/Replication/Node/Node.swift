// A member's part in its cluster: all its links, which addresses to dial, whether it is ready. Pure: it gets events
// with their time, and returns what to do, so that the same code runs over sockets and in a simulation of thousands of
// clusters. This file has what the shell calls; `NodeLinks` has what becomes of frames, `NodeUpkeep` what becomes of
// time, `NodeStatus` how it all stands. What the node knows is in parts, which know nothing of links: a node looks at
// its links, tells a part what it sees, and carries out what the part concludes.

package import Catalog
package import Time

/// A member's view of its cluster. Not `Sendable`: belongs to one thread. Every call may return directives, to be
/// carried out in order.
package final class Node {
    let configuration: NodeConfiguration
    let store: Store
    /// Links that are proven keep what they were proven with.
    package var authenticator: Authenticator?
    var random: any RandomNumberGenerator

    var links: [LinkID: Link] = [:]
    var isLeaving = false
    var counts = ReplicationCounts()
    /// When this node last got an event.
    var calledAt: MonotonicTime

    // Its parts: values that are told what happens and say what follows, each with a test of its own.
    var known: KnownMembers
    var startup: Startup
    var pause = Pause()
    /// Whether an operator has drained this member, which the others are told.
    package var isDrained = false
    var judgments: Judgments
    var relaying = Relaying()
    var schedule = ChangeSchedule()
    var waits = WaitLine()
    var questions = QuestionLine()
    var standing: StandingJudge

    /// What the present call returns.
    var directives: [Directive] = []

    /// - Parameter random: for nonces, so one that cannot be predicted; a seeded one only in tests.
    package init(
        _ configuration: NodeConfiguration, store: Store, random: any RandomNumberGenerator,
        authenticator: Authenticator?,
        at time: NodeTime
    ) {
        self.configuration = configuration
        self.store = store
        self.random = random
        self.authenticator = authenticator
        known = KnownMembers(own: configuration.address, limits: configuration.limits)
        startup = Startup(configuration, at: time.monotonic)
        judgments = Judgments(
            clock: ClockAlarm(tolerance: configuration.limits.clockTolerance.wholeMilliseconds),
            hearing: Hearing(
                expected: configuration.clusterSize.map { $0 - 1 }, holdsWhenCutOff: configuration.holdsWhenCutOff,
                longestHold: configuration.limits.expiryHold))
        calledAt = time.monotonic
        standing = StandingJudge(acknowledges: configuration.limits.acknowledges)
        if configuration.isRestored { pause.extended(limits: configuration.limits, at: time.monotonic) }
    }

    var limits: NodeLimits { configuration.limits }

    /// Whether a copy of what is here is a copy of everything. After a pause it is not until the peers have been heard:
    /// instances that they kept alive look dead in it.
    package var isWhole: Bool { startup.ground != nil && !pause.isHolding }

    /// Every call goes through here.
    private func call(at time: NodeTime, _ body: () -> Void) -> [Directive] {
        let gap = time.monotonic - calledAt
        calledAt = max(calledAt, time.monotonic)
        if gap > limits.pingPeriod { wake(after: gap, at: time) }
        noticePause(of: gap, at: time)
        body()
        // What these wait for are frames, which come between ticks.
        judgeReach(at: time)
        if startup.ground != nil, !startup.isServing { judgeReadiness(at: time) }
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
    ///   - boundTo: the names and addresses in the other's verified certificate; nil when none is demanded. What the
    ///   member then says of itself, its host or its name, must be among them.
    package func linkOpened(
        _ link: LinkID, role: LinkRole, address: PeerAddress, boundTo: Set<String>?, at time: NodeTime
    ) -> [Directive] {
        call(at: time) { open(link, role: role, address: address, boundTo: boundTo, at: time) }
    }

    /// Bytes have come in, in any pieces.
    package func received(_ bytes: [UInt8], on link: LinkID, at time: NodeTime) -> [Directive] {
        call(at: time) { read(bytes, on: link, at: time) }
    }

    /// The connection is gone.
    package func linkClosed(_ link: LinkID, at time: NodeTime) -> [Directive] {
        call(at: time) {
            guard let link = links[link] else { return }
            forget(link, reason: nil, at: time)
        }
    }

    /// Bytes have gone out and this many are still queued. The shell must report whenever they fall under
    /// `NodeLimits.copyBytesInFlight`.
    package func drained(_ link: LinkID, queuedBytes: Int, at time: NodeTime) -> [Directive] {
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
    package func dialFailed(
        _ address: PeerAddress, reason: String = "no connection", refusal: RefusalReason? = nil, at time: NodeTime
    ) -> [Directive] {
        call(at: time) {
            guard case .dialing = known.dials.entries[address]?.state else { return }
            if refusal != nil { refused(at: address, at: time) }
            known.memory.failed(address, .unreachable(reason), at: time.monotonic)
            known.dials.failed(address, refusal: refusal, at: time.monotonic, random: &random)
            pause.gone(address)
            judgeReadiness(at: time)
        }
    }

    /// What a dialed address turned out to be, or to have become: a legacy peer.
    package func originalChanged(_ address: PeerAddress, to state: OriginalState, at time: NodeTime) -> [Directive] {
        call(at: time) {
            guard known.dials.entries[address] != nil else { return }
            switch state {
            case .connected, .copied:
                heard(address, speaksFrames: false, at: time)
                known.dials.set(.original(isCopied: state == .copied), of: address)
                if state == .copied { pause.heard(address) }
            case .lost:
                known.dials.failed(address, at: time.monotonic, random: &random)
            }
            judgeReadiness(at: time)
        }
    }

    /// Whether the legacy peer at this address reads this member's stream.
    package func originalReads(_ address: PeerAddress, _ reads: Bool, at time: NodeTime) -> [Directive] {
        call(at: time) {
            known.original(address, reads: reads)
            judgeReadiness(at: time)
        }
    }

    /// Changes of the legacy peer at this address, as they were merged: for members that do not reach it. Legacy peers
    /// receive it from it themselves.
    package func originalTold(_ states: [Replicated], by address: PeerAddress, at time: NodeTime) -> [Directive] {
        call(at: time) { relay(states, of: MemberID(original: address), at: time) }
    }

    // MARK: - The rest

    /// The catalog has changes to publish: what its wake callback asks for.
    package func localChanges(at time: NodeTime) -> [Directive] {
        call(at: time) { tellLocalChanges(includeRenewals: false, at: time) }
    }

    /// Clients' changes made before this call are to be at the other members before the ticket is answered:
    /// `Directive.acknowledged` comes once, from this call or a later one, at most `NodeLimits.acknowledgeTimeout`
    /// after it.
    package func acknowledge(_ ticket: AcknowledgmentTicket, at time: NodeTime) -> [Directive] {
        call(at: time) { wait(ticket, at: time) }
    }

    /// Asks the others what they know of an id that is unknown here. `Directive.answered` comes once, as above.
    package func ask(_ question: QuestionTicket, _ key: StateKey, at time: NodeTime) -> [Directive] {
        call(at: time) { ask(question, about: key, at: time) }
    }

    /// When `expireWaits` must be called at the latest; nil when nothing waits. To be read
    /// after each call.
    package var nextDeadline: MonotonicTime? {
        // The rest of the changes is published at once when a client waits for them.
        if schedule.hasMore, !waits.isEmpty { return calledAt }
        guard let deadline = waits.deadline else { return questions.deadline }
        return min(deadline, questions.deadline ?? .distantFuture)
    }

    /// The time of `nextDeadline` has come.
    package func expireWaits(at time: NodeTime) -> [Directive] {
        call(at: time) { if schedule.hasMore { tellLocalChanges(includeRenewals: false, at: time) } }
    }

    /// Time has passed. Every 100 ms.
    package func tick(at time: NodeTime) -> [Directive] {
        call(at: time) { keepUp(at: time) }
    }

    /// The addresses of the members, ours perhaps among them. Of the others those are let go where nobody lives.
    ///
    /// - Parameter isComplete: whether these are all, as far as anybody can know; once they were, they are taken to be.
    package func members(_ addresses: Set<PeerAddress>, isComplete: Bool, at time: NodeTime) -> [Directive] {
        call(at: time) {
            known.name(addresses, isComplete: isComplete)
            updateDials(at: time)
            dial(at: time)
            judgeReadiness(at: time)
        }
    }

    /// The shared directory was read, and this member's file written, for the first time. Only from now on does it mean
    /// anything that nobody answers.
    package func directoryServes(at time: NodeTime) -> [Directive] {
        call(at: time) {
            startup.directoryServes(at: time.monotonic)
            judgeReadiness(at: time)
        }
    }

    /// The process was not run for longer than `LeaseClock.longestGap` (SIGSTOP, a frozen machine).
    package func paused(at time: NodeTime) -> [Directive] {
        call(at: time) { holdLeases(at: time) }
    }

    /// Publishes everything to all members, and says goodbye. To be followed by the usual calls until `isFlushed`, or
    /// for as long as one cares to wait.
    package func leave(at time: NodeTime) -> [Directive] {
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

    /// Whether, after `leave`, everything has been published and acknowledged.
    package var isFlushed: Bool {
        guard !schedule.hasMore else { return false }
        return links.values.allSatisfy { link in
            guard let publisher = link.publisher else { return true }
            return !publisher.isCopying && !publisher.hasOverflowed && publisher.lag.changes == 0
        }
    }
}

/// The state of a dialed legacy peer.
package enum OriginalState: Sendable, Equatable {
    /// Its stream is being read.
    case connected
    /// All of it has been copied.
    case copied
    /// Its stream has ended: to be dialed again.
    case lost
}
