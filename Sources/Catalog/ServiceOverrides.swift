// An operator's word on the status of a whole service: it holds for the instances that are there and for those that
// register while it stands. It is kept once, beside the instances, and is a state of its own for other members; what an
// instance shows is joined when it is read, so that a word on ten thousand instances takes no longer than one on one.
// What has to be done with each instance is done afterwards, a few at a time: noting in the change log that its status
// is another, and deregistering it at the end of a drain.
//
//     counts ── a drain's end ──► left ── an hour ──► over ── as long as tombstones ──► forgotten
//        └──── removed, or its time is over ───────────┘

/// A service of a namespace.
struct ServiceKey: Hashable, Sendable {
    let namespace: Namespace
    let service: Name

    /// Its place in digests, the same on every member.
    var bucketKey: BucketKey { BucketKey(service, in: namespace) }
}

extension StatusOverride {
    /// How far the override of a service has come.
    enum Phase: Sendable {
        case counts
        /// A drain whose end has come: the instances leave, and it counts for those that register again.
        case left
        /// Removed, or its time is over: a mark, so that a copy that comes late does not bring it back.
        case over
    }

    /// How long the drain of a service counts after its end, in nanoseconds.
    static let afterlife = OverrideShelf.time

    /// - Parameter now: in nanoseconds since 1970.
    func phase(at now: Int64) -> Phase {
        guard status != nil, now < over ?? .max else { return .over }
        return now < drain?.end ?? .max ? .counts : .left
    }

    /// From when on it does not count, in nanoseconds since 1970; nil is never.
    private var over: Int64? {
        guard status != nil else { return version.time.microseconds.multipliedSaturated(by: 1_000) }
        return drain.map { $0.end.addingSaturated(Self.afterlife) } ?? until
    }

    /// When a phase ends by itself, in nanoseconds since 1970; nil is never.
    ///
    /// - Parameter retention: how long marks are kept, in nanoseconds.
    func end(of phase: Phase, retention: Int64) -> Int64? {
        switch phase {
        case .counts: drain?.end ?? until
        case .left: over
        case .over: over?.addingSaturated(retention)
        }
    }

    /// Whether no mark of it is kept any more.
    func isForgotten(at now: Int64, retention: Int64?) -> Bool {
        phase(at: now) == .over && end(of: .over, retention: retention ?? 0) ?? .max <= now
    }

    /// What it adds to the hash of an instance whose service it is about.
    var serviceHash: UInt64 {
        StableHash.mixed(version.time.bits &+ StableHash.mixed(version.origin.bits &+ 1))
    }
}

/// The overrides of one shard's services. A pure value; its owner guards it.
struct ServiceOverrides: Sendable {
    struct Entry: Sendable {
        let key: ServiceKey
        let override: StatusOverride
        let phase: StatusOverride.Phase
        let bucket: UInt16

        /// The override while it counts.
        var standing: StatusOverride? { phase == .over ? nil : override }

        var replicated: Replicated {
            Replicated(namespace: key.namespace, replica: .service(key.service, override))
        }

        static let vacant = Entry(
            key: ServiceKey(namespace: Namespace(""), service: Name("")),
            override: StatusOverride(status: nil, version: .none, until: nil, who: nil), phase: .over, bucket: 0)
    }

    /// How many marks are kept; beyond, the one goes that would go first.
    static let markLimit = 4_096

    private var entries = Slab(vacant: Entry.vacant)
    /// Invariant: has exactly the keys of `entries`.
    private var slots: [ServiceKey: Int32] = [:]
    /// How many count.
    private(set) var standing = 0
    /// When something becomes of those that count.
    private var ends = EndQueue<Int32>()
    /// When the others are forgotten. Invariant: has each of them.
    private var marks = EndQueue<Int32>()
    /// Those that are not published yet. Invariant: slots that are occupied.
    private(set) var untold = SlotSet()
    /// What is to be done with instances.
    var passes = ServicePasses()
    /// How long marks are kept, in nanoseconds; nil is not at all.
    let retention: Int64?

    /// - Parameter retention: how long marks are kept, in milliseconds; nil where nobody is told.
    init(retention: Int64?) {
        self.retention = retention?.multipliedSaturated(by: 1_000_000)
    }

    /// The slot of what is kept of a service.
    func slot(of key: ServiceKey) -> Int32? { slots.isEmpty ? nil : slots[key] }

    /// What is kept at an occupied slot.
    subscript(slot: Int32) -> Entry { entries[slot] }

    /// The first occupied slot from this one on.
    func occupied(from slot: Int32) -> Int32? { entries.occupied(from: slot) }

    /// Keeps an override in place of another. Returns its slot, unless that it is over need not be known.
    mutating func put(
        _ override: StatusOverride, in phase: StatusOverride.Phase, of key: ServiceKey, isUntold: Bool
    ) -> Int32? {
        if phase == .over, retention == nil {
            remove(key)
            return nil
        }
        let entry = Entry(key: key, override: override, phase: phase, bucket: key.bucketKey.bucket)
        let slot: Int32
        if let held = slots[key] {
            // It keeps its slot, so that a copy which is under way has it.
            slot = held
            if entries[slot].phase != .over { standing -= 1 }
            ends.forget(slot)
            marks.forget(slot)
            entries[slot] = entry
        } else {
            slot = entries.insert(entry)
            slots[key] = slot
        }
        if isUntold { untold.insert(slot) }
        let end = override.end(of: phase, retention: retention ?? 0)
        guard phase == .over else {
            standing += 1
            if let end { ends.note(slot, end) }
            return slot
        }
        marks.note(slot, end ?? 0)
        while marks.count > Self.markLimit, let first = marks.takeEnded(at: .max, limit: 1).first {
            remove(entries[first].key)
        }
        return slots[key]
    }

    /// Forgets what is kept of a service.
    mutating func remove(_ key: ServiceKey) {
        guard let slot = slots.removeValue(forKey: key), let entry = entries.remove(slot) else { return }
        if entry.phase != .over { standing -= 1 }
        ends.forget(slot)
        marks.forget(slot)
        untold.remove(slot)
    }

    /// The next one to publish; they are now.
    mutating func popUntold() -> Entry? { untold.popNext().map { entries[$0] } }

    /// Has what is kept of a service published again; returns whether there is anything.
    mutating func republish(_ key: ServiceKey) -> Bool {
        guard let slot = slots[key] else { return false }
        untold.insert(slot)
        return true
    }

    /// Whether there is something to be done by now.
    func hasWork(at now: Int64) -> Bool { !passes.isEmpty || ends.hasEnded(at: now) || marks.hasEnded(at: now) }

    /// Has the end of a phase, which has come, come again.
    mutating func postpone(_ key: ServiceKey) {
        guard let slot = slots[key], let end = entries[slot].override.end(of: entries[slot].phase, retention: 0) else {
            return
        }
        ends.note(slot, end)
    }

    /// Those whose phase is over by now, at most `limit`.
    mutating func takeEnded(at now: Int64, limit: Int) -> [Entry] {
        let counting = ends.takeEnded(at: now, limit: limit)
        return (counting + marks.takeEnded(at: now, limit: limit - counting.count)).map { entries[$0] }
    }
}

extension ServiceOverrides {
    /// Counts those that count into a digest of overrides, as `ReplicationState` does: for tests.
    func toggleAll(in digest: inout [UInt64]) {
        for slot in slots.values where entries[slot].phase != .over {
            digest[Int(entries[slot].bucket)] ^= StableHash.mixed(
                entries[slot].key.bucketKey.fingerprint(of: entries[slot].override.version))
        }
    }

    /// Stops a debug build where what is said of the fields does not hold.
    func checkInvariants() {
        entries.checkInvariants()
        untold.checkInvariants()
        assert(slots.count == entries.count && slots.allSatisfy { entries[$1].key == $0 }, "each is found by its key")
        let counting = slots.values.count { entries[$0].phase != .over }
        assert(counting == standing && marks.count == entries.count - counting, "those that count are counted")
        assert(ends.count <= standing, "only those that count end")
    }
}
