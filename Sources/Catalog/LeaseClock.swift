// A registry that was stopped for a minute (SIGSTOP, a closed lid, a frozen virtual machine) received no heartbeat in
// that minute; judged by the monotonic clock it would then expire everybody at once. So leases run on a clock that
// credits at most one second per tick: a pause moves every deadline instead. A member of a cluster also stops this
// clock until it has received the other members' heartbeats. This file reads no clock; monotonic time is an argument.

import Synchronization
package import Time

/// The rule of lease time: it follows monotonic time, but takes at most `maximumStep` per tick, and nothing while it is
/// held.
package struct LeaseClock: Sendable {
    /// The most lease time that one tick grants. It must exceed the period at which ticks come by
    /// enough that an ordinarily late tick loses nothing; whatever a tick is late beyond this is added to every lease.
    package static let maximumStep: Duration = .milliseconds(1_000)
    /// The time between two ticks beyond which the process is taken to have been paused: more than a busy machine makes
    /// a tick late.
    package static let longestGap: Duration = .milliseconds(2_000)
    /// How long a clock that is held by a pause waits to be released: the time that peers need to connect and publish.
    package static let holdAfterPause: Duration = .milliseconds(10_000)
    /// Milliseconds that a process counts as lost at its start: half of what a record can count, 24 days.
    package static let lostBeforeStart: Int64 = 1 << 31

    private enum Hold {
        case none
        /// From the next tick on, for this long.
        case requested(Duration)
        case until(MonotonicTime)
    }

    /// Lease time as of the last tick.
    package private(set) var now: LeaseTime
    /// Monotonic time of the last tick. Invariant: never decreases.
    private(set) var monotonic: MonotonicTime
    private let isHeldByPauses: Bool
    private var hold = Hold.none

    /// A clock that reads `.zero` at this monotonic time.
    ///
    /// - Parameter isHeldByPauses: whether the first tick after a pause holds the clock, for `holdAfterPause` at most.
    package init(monotonic: MonotonicTime, isHeldByPauses: Bool = false) {
        self.monotonic = monotonic
        self.isHeldByPauses = isHeldByPauses
        now = .zero
    }

    /// Until which monotonic time ticks grant nothing; nil when the next one does.
    package var standsUntil: MonotonicTime? { if case .until(let end) = hold { end } else { nil } }

    /// Whether the next tick grants nothing.
    package var isHeld: Bool { if case .until = hold { true } else { false } }

    /// What a tick at this monotonic time would give.
    package func reading(monotonic: MonotonicTime) -> LeaseTime {
        isHeld ? now : now + min(elapsed(at: monotonic), Self.maximumStep).wholeMilliseconds
    }

    /// Moves the clock to this monotonic time and gives lease time. A monotonic time earlier than the last is
    /// ignored.
    package mutating func tick(monotonic: MonotonicTime) -> LeaseTime {
        let wasPaused = elapsed(at: monotonic) > Self.longestGap
        now = reading(monotonic: monotonic)
        self.monotonic = max(self.monotonic, monotonic)
        switch hold {
        case .requested(let interval): hold = .until(self.monotonic + interval)
        case .until(let end) where end <= self.monotonic: hold = .none
        case .none, .until: break
        }
        if wasPaused, isHeldByPauses { extendHold(by: Self.holdAfterPause) }
        return now
    }

    /// Lets the clock stand from the next tick on, which still grants what has passed until then: for this long, or
    /// until `release`. A longer hold that there is already stays.
    package mutating func hold(atMost interval: Duration) {
        switch hold {
        case .none: hold = .requested(interval)
        case .requested(let already): hold = .requested(max(already, interval))
        case .until: extendHold(by: interval)
        }
    }

    /// Lets the clock go on.
    package mutating func release() {
        hold = .none
    }

    private mutating func extendHold(by interval: Duration) {
        var end = monotonic + interval
        if case .until(let already) = hold { end = max(end, already) }
        hold = .until(end)
    }

    private func elapsed(at monotonic: MonotonicTime) -> Duration { max(monotonic - self.monotonic, .zero) }
}

/// A lease clock that one thread ticks and every thread reads, without a lock.
///
/// Ticks follow `LeaseClock`. Between ticks a reader gets `monotonic - offset`, held between the last tick's lease time
/// and `reach` above it (`maximumStep`, or nothing while the clock is held), which is what a tick at that very moment
/// would give: fresh, and bound by the same pause rule.
///
/// Why three words without a lock are enough. After tick k the state is `last[k]`, `reach[k]` and `offset[k]`
/// (monotonic minus lease time). Neither `last` nor `offset` ever decreases. The ticker stores `offset[k]`, then,
/// releasing, `reach[k]`, then, releasing, `last[k]`; a reader loads them the other way round, acquiring. Having seen
/// `last[k]`, it therefore sees the others of tick k or of later ones:
///  - all of tick k: exactly what the next tick would give, had it come now;
///  - a later offset: offsets only grow, so this reads the same or less, and never less than `last[k]`, which a tick
///   did give. It reads low for as long as the publication of one tick takes, and after a pause only;
///  - a later reach, by which the clock came to be held: the same holds;
///  - a later reach, by which it came to be released: having seen that, it sees the offset that was stored before it,
///   which has grown by the time the clock stood.
/// The pair that would be wrong, a new `last` with an old offset, would forget the pause and read up to `maximumStep`
/// ahead; the order of the stores and loads excludes it. Hence no reading is ever ahead of lease time, and no lease is
/// judged overdue early.
package final class SharedLeaseClock: Sendable {
    /// Locked by the ticker and by the callers of hold and release, never by readers.
    private let clock: Mutex<LeaseClock>
    /// The monotonic time at which lease time was zero, or earlier by what counts as lost before.
    private let start: MonotonicTime
    /// Monotonic time less lease time, in milliseconds. Written under the lock. Invariant: never decreases.
    private let offset: Atomic<Int64>
    /// How far beyond `last` a reader may go, in milliseconds. Written under the lock, after `offset`.
    private let reach: Atomic<Int64>
    /// Lease time of the last tick. Written under the lock, after `reach`. Invariant: never decreases.
    private let last: Atomic<Int64>

    /// A clock that reads `.zero` at this monotonic time.
    ///
    /// - Parameters:
    ///   - isHeldByPauses: whether the first tick after a pause holds the clock, for `LeaseClock.holdAfterPause` at
    ///     most.
    ///   - lost: milliseconds that count as lost before, so that leases can be restored that are as old at most.
    package init(monotonic: MonotonicTime, isHeldByPauses: Bool = false, lost: Int64 = 0) {
        clock = Mutex(LeaseClock(monotonic: monotonic, isHeldByPauses: isHeldByPauses))
        start = monotonic + .milliseconds(-lost)
        offset = Atomic(monotonic.milliseconds)
        reach = Atomic(LeaseClock.maximumStep.wholeMilliseconds)
        last = Atomic(LeaseTime.zero.milliseconds)
    }

    /// Moves the clock to this monotonic time and gives lease time. Always called from the same thread.
    @discardableResult
    package func tick(monotonic: MonotonicTime) -> LeaseTime {
        clock.withLock { clock in
            let now = clock.tick(monotonic: monotonic)
            offset.store(clock.monotonic.milliseconds - now.milliseconds, ordering: .relaxed)
            reach.store(clock.isHeld ? 0 : LeaseClock.maximumStep.wholeMilliseconds, ordering: .releasing)
            last.store(now.milliseconds, ordering: .releasing)
            return now
        }
    }

    /// Lease time at this monotonic time, which the caller has just read. From any thread.
    ///
    /// The lower bound matters when a pause falls between the caller's reading of the monotonic clock and this call: by
    /// the new offset that reading lies the whole pause back, and a lease granted from it would be overdue at once.
    package func now(monotonic: MonotonicTime) -> LeaseTime {
        let last = self.last.load(ordering: .acquiring)
        let reach = self.reach.load(ordering: .acquiring)
        let offset = self.offset.load(ordering: .relaxed)
        let running = monotonic.milliseconds.subtractingSaturated(offset)
        return LeaseTime(milliseconds: min(max(running, last), last.addingSaturated(reach)))
    }

    /// The moment that these readings stand for, wall time in nanoseconds since 1970. From any thread.
    package func moment(monotonic: MonotonicTime, wall: Int64) -> Moment {
        let lease = now(monotonic: monotonic)
        let elapsed = monotonic.milliseconds.subtractingSaturated(start.milliseconds)
        return Moment(monotonic: monotonic, lease: lease, wall: wall, lost: max(0, elapsed - lease.milliseconds))
    }

    /// Whether lease time stands still. While it does, nothing should be swept: heartbeats of instances that look
    /// overdue may still arrive. From any thread.
    package var isHeld: Bool { reach.load(ordering: .relaxed) == 0 }

    /// Until which monotonic time lease time stands still at most; nil when it does not. From any thread.
    package var standsUntil: MonotonicTime? { clock.withLock { $0.standsUntil } }

    /// Stops lease time from the next tick on, until `release` or for this long. From any thread.
    package func hold(atMost interval: Duration) {
        clock.withLock { $0.hold(atMost: interval) }
    }

    /// Lets lease time go on from the next tick on. From any thread.
    package func release() {
        clock.withLock { $0.release() }
    }
}
