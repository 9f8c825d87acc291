// When time must not count against leases, and why. There are several reasons, each known to another thread; what
// follows from them is the same, and is said in one place: the bounds by which shards decide, and what clients and
// operators see meanwhile.

import Synchronization
package import Time

/// Why leases are held for longer than moments. The names are shown.
package enum HoldCause: String, CaseIterable, Sendable {
    /// The process was stopped, and it waits for the heartbeats that the other members received meanwhile. The lease
    /// clock stands.
    case paused
    /// Too few of the other members are connected, so missing heartbeats may be missing because of that. Leases last
    /// renewed elsewhere are held.
    case cutOff = "cut_off"
    /// Too many instances of a namespace fell silent at once (`ExpiryBudget`).
    case silence
    /// This registry was started with what a file has, and nobody has told it who died while it was down. Leases from
    /// the file began anew with the start.
    case restored
    /// The store that keeps the leases is away, or was until a moment ago. No lease runs out.
    case storeDown = "store_down"
}

/// A reason for which leases are held.
package struct Hold: Sendable, Equatable {
    package let cause: HoldCause
    package let since: MonotonicTime
    /// It ends then at the latest.
    package let until: MonotonicTime

    package init(cause: HoldCause, since: MonotonicTime, until: MonotonicTime) {
        self.cause = cause
        self.since = since
        self.until = until
    }
}

/// How the other members are connected.
package enum PeerHearing: Sendable, Equatable {
    /// Every member that was connected lately still is, or is known to be gone.
    ///
    /// - restarts: whether no member knows which heartbeats were sent meanwhile: leases that were last renewed
    ///   elsewhere start again.
    case whole(restarts: Bool)
    /// A member has fallen silent a moment ago. Within seconds it shows whether it is dead, cut off from this member,
    /// or connected to others.
    case unsure
    /// Too few are connected to conclude that the others are dead.
    case cutOff(since: MonotonicTime, until: MonotonicTime)
}

/// All that holds leases in a process. Safe to use from any thread.
package final class ExpiryHold: Sendable {
    /// How long at most, in milliseconds, what lies unread is waited for: a loop that is stuck must not keep the dead
    /// alive for ever.
    package static let longestWait: Int64 = 30_000

    private struct State {
        var hearing = PeerHearing.whole(restarts: false)
        var paused: Hold?
        var restored: Hold?
        /// In these namespaces alone.
        var store: (hold: Hold, parts: NamespaceParts)?
        /// As `ExpiryBounds` has them.
        var elsewhere = LeaseTime.distantFuture
        var restart = ExpiryBounds.none.restart
        var budget = ExpiryBudget.off
        var silence: Hold?
    }

    /// One for each loop that serves clients.
    package let loops: [ReadMark]
    /// Written by the replication thread.
    package let peers = ReadMark()
    private let state = Mutex(State())
    /// Since when look-ups may find what is gone, in nanoseconds of the monotonic clock; `.max` when they do not.
    /// Written under the lock.
    private let staleSince = Atomic<Int64>(.max)
    /// The same for what the store outside holds, and in which namespaces.
    private let storeSince = Atomic<Int64>(.max)
    private let storeParts = Atomic<UInt16>(0)

    package init(loops: Int = 0) {
        self.loops = (0..<loops).map { _ in ReadMark() }
    }

    /// How far silence counts at this time.
    ///
    /// - Parameter hasCopy: whether this member knows which instances there are.
    package func bounds(at now: LeaseTime, hasCopy: Bool = true) -> ExpiryBounds {
        let earliest = now + -Self.longestWait
        var bounds = ExpiryBounds()
        for loop in loops { bounds.here = min(bounds.here, max(loop.time, earliest)) }
        let (held, restart, budget) = state.withLock { ($0.elsewhere, $0.restart, $0.budget) }
        bounds.budget = budget
        bounds.budget.waits = budget.isOn && !hasCopy
        bounds.elsewhere = min(bounds.here, max(peers.time, earliest), held)
        bounds.restart = restart
        return bounds
    }

    /// How the other members are connected from now on.
    package func peersAre(_ hearing: PeerHearing, at now: LeaseTime) {
        state.withLock { state in
            state.hearing = hearing
            switch hearing {
            case .whole(let restarts):
                if restarts { state.restart = now }
                state.elsewhere = .distantFuture
            case .unsure, .cutOff: state.elsewhere = min(state.elsewhere, now)
            }
            publish(state)
        }
    }

    /// Whether the lease clock stands because of a pause, and until when at most.
    package func clockStands(until end: MonotonicTime?, at now: MonotonicTime) {
        state.withLock { state in
            guard (end == nil) != (state.paused == nil) || end != state.paused?.until else { return }
            state.paused = end.map { Hold(cause: .paused, since: state.paused?.since ?? now, until: $0) }
            publish(state)
        }
    }

    /// How many leases of a namespace may run out in a minute from now on.
    package func change(budget: ExpiryBudget) { state.withLock { $0.budget = budget } }

    /// How many leases of a namespace may run out in a minute.
    package var budget: ExpiryBudget { state.withLock { $0.budget } }

    /// What is held because many fell silent at once, at this time; nil when nothing is. Look-ups of other namespaces are
    /// as true as ever, so it does not count for `lookUpsAreStaleSince`.
    package func silence(_ summary: SilenceSummary?, at now: Moment) {
        let hold = summary.map {
            Hold(
                cause: .silence, since: $0.since, until: now.monotonic + .milliseconds(max(0, $0.until - now.lease)))
        }
        state.withLock { $0.silence = hold }
    }

    /// Leases have begun anew at this time, the last of which ends at `until` at the latest.
    package func restored(at now: MonotonicTime, until: MonotonicTime) {
        state.withLock { state in
            state.restored = Hold(cause: .restored, since: now, until: until)
            publish(state)
        }
    }

    /// A member that knows who is alive has told all of it.
    package func restoredIsSettled() {
        state.withLock { state in
            state.restored = nil
            publish(state)
        }
    }

    /// In which namespaces and since when the store outside lets no lease run out, and until when at most; nil when it
    /// does in all.
    package func store(_ hold: (parts: NamespaceParts, since: MonotonicTime, until: MonotonicTime)?) {
        state.withLock { state in
            state.store = hold.map { (Hold(cause: .storeDown, since: $0.since, until: $0.until), $0.parts) }
            publish(state)
        }
    }

    /// Time has passed.
    package func tick(at now: MonotonicTime) {
        state.withLock { state in
            guard let restored = state.restored, restored.until <= now else { return }
            state.restored = nil
            publish(state)
        }
    }

    /// What holds leases for longer than moments.
    package var holds: [Hold] {
        state.withLock { Self.holds($0) + [$0.silence].compactMap(\.self) }
    }

    /// Since when look-ups may find what is gone; nil when they do not.
    ///
    /// - Parameter namespace: in which was looked; nil when in none.
    package func lookUpsAreStaleSince(in namespace: @autoclosure () -> Namespace?) -> MonotonicTime? {
        var since = staleSince.load(ordering: .relaxed)
        let store = storeSince.load(ordering: .acquiring)
        if store < since {
            let parts = NamespaceParts(bits: storeParts.load(ordering: .relaxed))
            if namespace().map({ parts.contains($0) }) ?? true { since = store }
        }
        return since == .max ? nil : MonotonicTime(nanoseconds: since)
    }

    private func publish(_ state: State) {
        staleSince.store(Self.own(state).map(\.since.nanoseconds).min() ?? .max, ordering: .relaxed)
        // Before the time: whoever reads that sees these, or later ones.
        storeParts.store(state.store?.parts.bits ?? 0, ordering: .relaxed)
        storeSince.store(state.store?.hold.since.nanoseconds ?? .max, ordering: .releasing)
    }

    private static func holds(_ state: State) -> [Hold] { own(state) + [state.store?.hold].compactMap(\.self) }

    /// What this member holds by its own judgement.
    private static func own(_ state: State) -> [Hold] {
        var holds: [Hold] = []
        if let paused = state.paused { holds.append(paused) }
        if let restored = state.restored { holds.append(restored) }
        if case .cutOff(let since, let until) = state.hearing {
            holds.append(Hold(cause: .cutOff, since: since, until: until))
        }
        return holds
    }
}
