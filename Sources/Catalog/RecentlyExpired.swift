// Whose lease has run out here may be alive elsewhere. A client changes an instance at a member that is cut off, and the instance sends its
// heartbeats to the other side: the change, which nobody else has heard of, must not go with the lease. So what has expired is kept for a
// while, unseen, until somebody says that the instance lives and knows an older version of it only.

/// The last instances of one shard whose leases ran out, the oldest forgotten first. A pure value; whoever holds it guards it.
struct RecentlyExpired: Sendable {
    /// An instance as it was when its lease ran out.
    struct Entry: Sendable {
        let instance: Instance
        let version: Version
        fileprivate let number: UInt64
    }

    private struct Key: Hashable {
        let namespace: Namespace
        let id: InstanceID
    }

    private struct Turn: Sendable {
        let key: Key
        let number: UInt64
        /// When it is forgotten.
        let end: LeaseTime
    }

    /// How many are kept, about 400 bytes each: all shards together have 25 MB of them at most.
    static let limit = 1_024

    /// Milliseconds of lease time that each is kept.
    private let retention: Int64
    private var entries: [Key: Entry] = [:]
    /// The order of expiry, from `first` on. One whose entry has another number by now, or none, is void.
    private var turns: [Turn] = []
    private var first = 0
    private var lastNumber: UInt64 = 0

    init(retention: Int64) {
        self.retention = retention
    }

    var count: Int { entries.count }

    func find(_ id: InstanceID, in namespace: Namespace) -> Entry? {
        entries.isEmpty ? nil : entries[Key(namespace: namespace, id: id)]
    }

    mutating func put(_ instance: Instance, _ version: Version, in namespace: Namespace, at now: LeaseTime) {
        lastNumber += 1
        let key = Key(namespace: namespace, id: instance.id)
        entries[key] = Entry(instance: instance, version: version, number: lastNumber)
        turns.append(Turn(key: key, number: lastNumber, end: now + retention))
        if turns.count - first > Self.limit { forgetFirst() }
    }

    mutating func remove(_ id: InstanceID, in namespace: Namespace) {
        guard !entries.isEmpty else { return }
        entries[Key(namespace: namespace, id: id)] = nil
    }

    /// Forgets, of those whose time has come, at most `budget`; returns how many.
    mutating func expire(at now: LeaseTime, budget: Int) -> Int {
        var forgotten = 0
        while forgotten < budget, first < turns.count, turns[first].end <= now {
            forgetFirst()
            forgotten += 1
        }
        return forgotten
    }

    private mutating func forgetFirst() {
        let turn = turns[first]
        if entries[turn.key]?.number == turn.number { entries[turn.key] = nil }
        first += 1
        guard first * 2 >= turns.count else { return }
        turns.removeFirst(first)
        first = 0
    }
}
