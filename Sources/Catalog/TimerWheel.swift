// Every lease has a deadline, and finding the ones that ran out must cost neither a search nor a timer object each: a
// million may run out in one second while heartbeats go on. This is a hierarchical timing wheel: scheduling and
// cancelling are constant-time list operations, and its caller says how much work one call may do.
//
// Source: G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7. Timers migrate
// ("cascade") from coarse levels to finer ones as their time comes near, as the Linux kernel's timers long did.

/// Deadlines of slots that another owner has (a `Slab`). A pure value; its owner guards it.
///
/// Time is cut into ticks of `resolution`. A due is rounded up to a tick, so nothing fires before its due; a timer
/// fires in the first `advance(to:)` whose `now` is at least `resolution` past its due, or earlier, given enough
/// budget.
///
/// Level 0 has a bucket for each of the 256 ticks that share all but their last eight bits with the current tick; level
/// 1 one for each 256 of the ticks that share all but the last sixteen; and so on. A timer sits on the level of the
/// highest eight-bit digit in which its tick differs from the current one, in the bucket of that digit. So each bucket
/// has one start, everything on a level comes after everything on the levels below, and the next work is found by
/// looking for a bit in at most four words a level: idle time, however long, is skipped in one step.
///
/// Beyond the four levels (2^32 ticks, 8.7 years) timers are parked in one list until the current tick enters the next
/// such era, and are placed again then.
///
/// Memory: 16 bytes a slot, in chunks of 4,096 slots that exist while any of their slots is scheduled (and one spare),
/// and 4.2 kB.
struct TimerWheel: Sendable {
    /// What `fire` decides about a timer that came due.
    enum Verdict: Sendable {
        /// It has run out and is gone from the wheel.
        case expired
        /// Its deadline had moved: heartbeats write the record only, and the wheel learns of it here. A new due that is
        /// not past the `now` of this advance counts as the next tick, so no timer fires twice in one advance and none
        /// can loop.
        case rearm(LeaseTime)
    }

    /// The length of a tick, in milliseconds.
    static let resolution: Int64 = 1 << resolutionBits
    private static let resolutionBits: Int64 = 6
    private static let levels = 4
    /// Buckets a level, and the bits of a tick that choose among them.
    private static let bucketsPerLevel = 1 << bucketBits
    private static let bucketBits = 8
    private static let eraBits = Int64(levels * bucketBits)
    /// Buckets are numbered level by level; past them come two for parked timers: those waiting for an even era, and
    /// for an odd one.
    private static let firstParkedBucket = levels * bucketsPerLevel
    private static let buckets = firstParkedBucket + 2
    private static let chunkCapacity = 4_096

    /// A slot's links in the list of its bucket.
    private struct Links {
        /// The tick at which the timer fires.
        var tick: Int64 = 0
        /// The next slot of the list, or -1.
        var next: Int32 = -1
        /// The previous slot of the list, or for its head the complement of the bucket's number, or `unscheduled`.
        var previous: Int32 = Links.unscheduled

        static let unscheduled = Int32.min
    }

    /// The number of scheduled slots.
    private(set) var count = 0
    /// Invariant: every scheduled timer's tick is at or after this one, and is filed by its difference to it, but for
    /// the timers of one bucket that starts here and whose cascade the budget interrupted.
    private var current: Int64
    /// The head of each bucket's list, or -1.
    private var heads = ContiguousArray<Int32>(repeating: -1, count: buckets)
    /// A bit for each bucket. Invariant: set exactly while its list is not empty.
    private var occupied = ContiguousArray<UInt64>(repeating: 0, count: (buckets + 63) / 64)
    /// Links by slot. Invariant: a chunk is either empty or complete.
    private var chunks: ContiguousArray<ContiguousArray<Links>> = []
    /// Scheduled slots by chunk. Invariant: a chunk without any is empty.
    private var scheduledInChunk: ContiguousArray<Int32> = []
    /// A complete chunk whose slots are all unscheduled, or empty.
    private var spare: ContiguousArray<Links> = []

    /// A wheel that stands at `start`.
    init(start: LeaseTime = .zero) {
        current = start.milliseconds >> Self.resolutionBits
    }

    func contains(_ slot: Int32) -> Bool {
        let (chunk, place) = Self.position(slot)
        guard slot >= 0, chunk < chunks.count, !chunks[chunk].isEmpty else { return false }
        return chunks[chunk][place].previous != Links.unscheduled
    }

    /// Schedules a slot (0 or more), or moves it when it is scheduled already. One that is overdue fires in the next
    /// advance.
    mutating func schedule(_ slot: Int32, due: LeaseTime) {
        if contains(slot) { detach(slot) } else { enter(slot) }
        attach(slot, at: max(Self.tick(of: due), current))
    }

    /// Takes a slot off the wheel; does nothing when it is not scheduled.
    mutating func cancel(_ slot: Int32) {
        guard contains(slot) else { return }
        detach(slot)
        leave(slot)
    }

    /// Fires the timers that are due at `now`, in the order of their ticks; within one tick the order is unspecified.
    ///
    /// At most `budget` timers are fired or cascaded. Returns whether work is left for this `now`; a later call, with
    /// this `now` or a later one, goes on where this one stopped, and between the calls slots may be scheduled and
    /// cancelled freely. A `now` earlier than one already advanced to does nothing.
    mutating func advance(to now: LeaseTime, budget: Int, fire: (Int32) -> Verdict) -> Bool {
        var nobody: Void = ()
        return advance(to: now, budget: budget, owner: &nobody) { _, slot in fire(slot) }
    }

    /// The same for a wheel that is a property next to its records: `fire` gets those, which it could not capture while
    /// their common owner is being mutated.
    mutating func advance<Owner: ~Copyable>(
        to now: LeaseTime, budget: Int, owner: inout Owner, fire: (inout Owner, Int32) -> Verdict
    ) -> Bool {
        let target = now.milliseconds >> Self.resolutionBits
        guard target >= current else { return false }
        var budget = budget
        while let (bucket, start) = nextBucket(), start <= target {
            guard budget > 0 else { return true }
            current = start
            // Neither a re-armed timer nor a cascaded one comes back to this bucket, so emptying it ends.
            while budget > 0, heads[bucket] >= 0 {
                let slot = heads[bucket]
                budget -= 1
                detach(slot)
                if bucket >= Self.bucketsPerLevel {
                    attach(slot, at: self[slot].tick)
                    continue
                }
                switch fire(&owner, slot) {
                case .expired: leave(slot)
                case .rearm(let due): attach(slot, at: max(Self.tick(of: due), target + 1))
                }
            }
        }
        current = target
        return false
    }

    /// The bucket to be worked on next, and the tick at which it starts.
    private func nextBucket() -> (bucket: Int, start: Int64)? {
        // Timers are never filed on a coarse level under the current digit, nor parked for the current era: what is
        // found there is what an interrupted cascade left, and goes first.
        let era = current >> Self.eraBits
        if isOccupied(Self.parkedBucket(era: era)) { return (Self.parkedBucket(era: era), current) }
        for level in 1..<Self.levels {
            let bucket = level << Self.bucketBits | Self.digit(level, of: current)
            if isOccupied(bucket) { return (bucket, current) }
        }
        for level in 0..<Self.levels {
            guard let digit = firstOccupied(level, from: Self.digit(level, of: current)) else { continue }
            // The digits above are the current ones, those below are zero.
            let shift = Int64(level * Self.bucketBits)
            let above = (current >> (shift + Int64(Self.bucketBits))) << Int64(Self.bucketBits)
            return (level << Self.bucketBits | digit, (above | Int64(digit)) << shift)
        }
        let next = Self.parkedBucket(era: era + 1)
        return isOccupied(next) ? (next, (era + 1) << Self.eraBits) : nil
    }

    /// The lowest occupied bucket of a level, from `first` on, as a digit.
    private func firstOccupied(_ level: Int, from first: Int) -> Int? {
        let words = Self.bucketsPerLevel / 64
        var mask = UInt64.max << UInt64(first & 63)
        for word in (first >> 6)..<words {
            let bits = occupied[level * words + word] & mask
            if bits != 0 { return word * 64 + bits.trailingZeroBitCount }
            mask = .max
        }
        return nil
    }

    private func isOccupied(_ bucket: Int) -> Bool { occupied[bucket >> 6] & (1 << UInt64(bucket & 63)) != 0 }

    /// The bucket for a tick that is not before the current one.
    private func bucket(for tick: Int64) -> Int {
        let difference = UInt64(bitPattern: tick ^ current)
        guard difference >> UInt64(Self.eraBits) == 0 else {
            return Self.parkedBucket(era: (current >> Self.eraBits) + 1)
        }
        let level = (63 - (difference | 1).leadingZeroBitCount) / Self.bucketBits
        return level << Self.bucketBits | Self.digit(level, of: tick)
    }

    private mutating func attach(_ slot: Int32, at tick: Int64) {
        let bucket = bucket(for: tick)
        let head = heads[bucket]
        self[slot] = Links(tick: tick, next: head, previous: ~Int32(bucket))
        if head >= 0 { self[head].previous = slot }
        heads[bucket] = slot
        occupied[bucket >> 6] |= 1 << UInt64(bucket & 63)
    }

    private mutating func detach(_ slot: Int32) {
        let (next, previous) = (self[slot].next, self[slot].previous)
        self[slot].previous = Links.unscheduled
        if next >= 0 { self[next].previous = previous }
        guard previous < 0 else {
            self[previous].next = next
            return
        }
        let bucket = Int(~previous)
        heads[bucket] = next
        if next < 0 { occupied[bucket >> 6] &= ~(1 << UInt64(bucket & 63)) }
    }

    /// Counts a slot in and sees that its chunk exists.
    private mutating func enter(_ slot: Int32) {
        precondition(slot >= 0, "a slot is never negative")
        let (chunk, _) = Self.position(slot)
        while chunks.count <= chunk {
            chunks.append([])
            scheduledInChunk.append(0)
        }
        if chunks[chunk].isEmpty {
            swap(&chunks[chunk], &spare)
            if chunks[chunk].isEmpty { chunks[chunk] = ContiguousArray(repeating: Links(), count: Self.chunkCapacity) }
        }
        scheduledInChunk[chunk] += 1
        count += 1
    }

    /// Counts a detached slot out and gives back a chunk that is no longer used.
    private mutating func leave(_ slot: Int32) {
        let (chunk, _) = Self.position(slot)
        scheduledInChunk[chunk] -= 1
        count -= 1
        guard scheduledInChunk[chunk] == 0 else { return }
        if spare.isEmpty { swap(&chunks[chunk], &spare) } else { chunks[chunk] = [] }
    }

    private subscript(slot: Int32) -> Links {
        _read { yield chunks[Self.position(slot).chunk][Self.position(slot).place] }
        _modify { yield &chunks[Self.position(slot).chunk][Self.position(slot).place] }
    }

    private static func position(_ slot: Int32) -> (chunk: Int, place: Int) {
        (Int(slot) / chunkCapacity, Int(slot) % chunkCapacity)
    }

    /// The first tick that begins at or after a due.
    private static func tick(of due: LeaseTime) -> Int64 {
        (due.milliseconds >> resolutionBits) + (due.milliseconds & (resolution - 1) == 0 ? 0 : 1)
    }

    private static func digit(_ level: Int, of tick: Int64) -> Int {
        Int(tick >> Int64(level * bucketBits)) & (bucketsPerLevel - 1)
    }

    private static func parkedBucket(era: Int64) -> Int { firstParkedBucket + Int(era & 1) }
}

extension TimerWheel {
    /// Stops a debug build where what is said of the fields does not hold.
    func checkInvariants() {
        var filed = 0
        for bucket in heads.indices where count > 0 || isOccupied(bucket) {
            assert(isOccupied(bucket) == (heads[bucket] >= 0), "a bucket's bit says whether its list is empty")
            var (slot, before) = (heads[bucket], ~Int32(bucket))
            while slot >= 0 {
                let links = self[slot]
                assert(links.previous == before, "a list reads the same both ways")
                assert(links.tick >= current, "no timer is left behind")
                filed += 1
                (slot, before) = (links.next, slot)
            }
        }
        assert(filed == count, "every scheduled timer is in one list")
        assert(scheduledInChunk.reduce(0) { $0 + Int($1) } == count, "the chunks' counts are those of the wheel")
        for (chunk, scheduled) in zip(chunks, scheduledInChunk) {
            assert(chunk.isEmpty == (scheduled == 0), "a chunk is there while a slot of it is scheduled")
            assert(chunk.isEmpty || chunk.count == Self.chunkCapacity, "a chunk is complete")
        }
        assert(
            spare.isEmpty || spare.allSatisfy { $0.previous == Links.unscheduled },
            "nothing is scheduled in the spare chunk")
    }
}
