// A registry that was stopped for a minute (SIGSTOP, a closed lid, a frozen virtual machine) heard no heartbeat in that minute;
// judged by the monotonic clock it would then expire everybody at once. So leases run on a clock that credits at most one second
// per tick: a pause moves every deadline instead. This file reads no clock; monotonic time is an argument.

import Synchronization

/// The rule of lease time: it follows monotonic time, but takes at most `maximumStep` per tick.
public struct LeaseClock: Sendable {
    /// The most lease time that one tick grants, in milliseconds. It must exceed the period at which ticks come by enough that an
    /// ordinarily late tick loses nothing; whatever a tick is late beyond this is added to every lease.
    public static let maximumStep: Int64 = 1_000

    /// Lease time as of the last tick.
    public private(set) var now: LeaseTime
    /// Monotonic time of the last tick, in milliseconds. Invariant: never decreases.
    private(set) var monotonic: Int64

    /// A clock that reads `.zero` at this monotonic time, in milliseconds.
    public init(monotonic: Int64) {
        self.init(monotonic: monotonic, now: .zero)
    }

    fileprivate init(monotonic: Int64, now: LeaseTime) {
        self.monotonic = monotonic
        self.now = now
    }

    /// What a tick at this monotonic time (milliseconds) would give.
    public func reading(monotonic: Int64) -> LeaseTime {
        let elapsed = monotonic.subtractingSaturated(self.monotonic)
        return now + min(max(elapsed, 0), Self.maximumStep)
    }

    /// Moves the clock to this monotonic time (milliseconds) and gives lease time. A monotonic time earlier than the last is ignored.
    public mutating func tick(monotonic: Int64) -> LeaseTime {
        now = reading(monotonic: monotonic)
        self.monotonic = max(self.monotonic, monotonic)
        return now
    }
}

/// A lease clock that one thread ticks and every thread reads, without a lock.
///
/// Ticks follow `LeaseClock`. Between ticks a reader gets `monotonic - offset`, held between the last tick's lease time and
/// `maximumStep` above it, which is what a tick at that very moment would give: fresh, and bound by the same pause rule.
///
/// Why two words without a lock are enough. After tick k the state is `last[k]` and `offset[k]` (monotonic minus lease time).
/// Neither ever decreases. The ticker stores `offset[k]` and then, releasing, `last[k]`; a reader loads `last`, acquiring, and then
/// `offset`. Having seen `last[k]`, it therefore sees `offset[k]` or a later one:
///  - `last[k]` with `offset[k]`: exactly what the next tick would give, had it come now;
///  - `last[k]` with a later offset: offsets only grow, so this reads the same or less, and never less than `last[k]`, which a tick
///    did give. It reads low for as long as the publication of one tick takes, and after a pause only.
/// The pair that would be wrong, a new `last` with an old offset, would forget the pause and read up to `maximumStep` ahead; the
/// order of the stores and loads excludes it. Hence no reading is ever ahead of lease time, and no lease is judged overdue early.
public final class SharedLeaseClock: Sendable {
    /// Monotonic time less lease time, in milliseconds. Written by the ticking thread only. Invariant: never decreases.
    private let offset: Atomic<Int64>
    /// Lease time of the last tick. Written by the ticking thread only, after `offset`. Invariant: never decreases.
    private let last: Atomic<Int64>

    /// A clock that reads `.zero` at this monotonic time, in milliseconds.
    public init(monotonic: Int64) {
        offset = Atomic(monotonic)
        last = Atomic(LeaseTime.zero.milliseconds)
    }

    /// Moves the clock to this monotonic time (milliseconds) and gives lease time. Always called from the same thread.
    @discardableResult
    public func tick(monotonic: Int64) -> LeaseTime {
        // Relaxed: this thread wrote them.
        let before = LeaseTime(milliseconds: last.load(ordering: .relaxed))
        var clock = LeaseClock(monotonic: before.milliseconds + offset.load(ordering: .relaxed), now: before)
        let now = clock.tick(monotonic: monotonic)
        offset.store(clock.monotonic - now.milliseconds, ordering: .relaxed)
        last.store(now.milliseconds, ordering: .releasing)
        return now
    }

    /// The moment that these readings stand for: monotonic time in milliseconds, wall time in nanoseconds. From any thread.
    public func moment(monotonic: Int64, wall: Int64) -> Moment {
        Moment(lease: now(monotonic: monotonic), wall: wall)
    }

    /// Whether lease time stands still. From any thread.
    public var isHeld: Bool { false }

    /// Lets lease time stand still from the next tick on, until `release` or for at most so many milliseconds. From any thread.
    public func hold(atMost milliseconds: Int64) {}

    /// Lets lease time go on. From any thread.
    public func release() {}

    /// Lease time at this monotonic time (milliseconds), which the caller has just read. From any thread.
    ///
    /// The lower bound matters when a pause falls between the caller's reading of the monotonic clock and this call: by the new
    /// offset that reading lies the whole pause back, and a lease granted from it would be overdue at once.
    public func now(monotonic: Int64) -> LeaseTime {
        let last = self.last.load(ordering: .acquiring)
        let offset = self.offset.load(ordering: .relaxed)
        let running = monotonic.subtractingSaturated(offset)
        return LeaseTime(milliseconds: min(max(running, last), last.addingSaturated(LeaseClock.maximumStep)))
    }
}
