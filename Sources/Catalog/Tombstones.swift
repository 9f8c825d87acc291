// Who was deregistered, and in which version: the answer to a member that has not heard of it and says that the instance is there. Bounded in
// time and in number, for clients decide how many there are; which of them goes first is decided here.

/// That an instance was deregistered, in which version.
struct Tombstone: Sendable {
    let namespace: Namespace
    let id: InstanceID
    let version: Version
    /// The digest's bucket that the id would be in.
    let bucket: UInt16
    /// When the instance was deregistered, by the lease time of who remembers it.
    let since: LeaseTime

    func replicated(at moment: Moment) -> Replicated {
        Replicated(namespace: namespace, replica: .absent(id, version, age: max(0, moment.lease - since)))
    }
}

/// The tombstones of one shard. A pure value; whoever holds it guards it.
struct Tombstones: Sendable {
    private struct Entry: Sendable {
        let id: InstanceID
        let version: Version
        let since: LeaseTime
        /// The number of its namespace.
        let number: Int32
        /// Neighbours in the order of learning, or -1.
        var older: Int32
        var newer: Int32 = -1
        let bucket: UInt16

        static let vacant = Entry(id: .digest(0), version: .none, since: .zero, number: -1, older: -1, bucket: 0)
    }

    private struct Key: Hashable {
        let number: Int32
        let id: InstanceID
    }

    /// A namespace is kept once, however many tombstones it has.
    private struct Numbered: Sendable {
        let namespace: Namespace
        var count = 0
    }

    /// Parts of the index, a power of two, so that none is so large that its doubling is felt.
    private static let partCount = 64
    /// The last part of the retention, a hundredth of it, in which nothing is learned from others.
    private static let lastPart: Int64 = 100

    private let limits: TombstoneLimits
    private var slots = Slab(vacant: Entry.vacant)
    /// Invariant: has exactly the keys of `slots`. Empty until there is a tombstone.
    private var parts: [[Key: Int32]] = []
    private var namespaces = Slab(vacant: Numbered(namespace: Namespace("")))
    /// Invariant: has exactly the namespaces of `namespaces`, none of which is without tombstones.
    private var numbers: [Namespace: Int32] = [:]
    /// The ends of the order of learning, or -1.
    private var oldest: Int32 = -1
    private var newest: Int32 = -1
    /// Those that others are still to be told of. Invariant: slots that are occupied.
    private(set) var untold = SlotSet()

    init(limits: TombstoneLimits) {
        self.limits = limits
    }

    var count: Int { slots.count }

    private func slot(of id: InstanceID, in namespace: Namespace) -> Int32? {
        guard let number = numbers[namespace] else { return nil }
        let key = Key(number: number, id: id)
        return parts[part(of: key)][key]
    }

    func find(_ id: InstanceID, in namespace: Namespace) -> Tombstone? { slot(of: id, in: namespace).map { self[$0] } }

    /// The one at an occupied slot.
    subscript(slot: Int32) -> Tombstone {
        let entry = slots[slot]
        return Tombstone(
            namespace: namespaces[entry.number].namespace, id: entry.id, version: entry.version, bucket: entry.bucket, since: entry.since)
    }

    /// The first occupied slot from this one on.
    func occupied(from slot: Int32) -> Int32? { slots.occupied(from: slot) }

    /// Remembers a deregistration, in place of an older one of the same id. Returns whether it is young enough for that.
    ///
    /// - Parameters:
    ///   - age: milliseconds since the deregistration.
    ///   - isUntold: whether others are to be told of it.
    @discardableResult
    mutating func put(
        _ id: InstanceID, in namespace: Namespace, version: Version, age: Int64 = 0, isUntold: Bool, at now: LeaseTime
    ) -> Bool {
        remove(id, in: namespace)
        // What is about to be forgotten is not learned any more: being told takes a moment by which it would seem younger each time.
        guard age < limits.retention - limits.retention / Self.lastPart else { return false }
        let number = number(of: namespace)
        namespaces[number].count += 1
        let slot = slots.insert(
            Entry(
                id: id, version: version, since: now + -max(age, 0), number: number, older: newest,
                bucket: BucketKey(id, in: namespace).bucket))
        if parts.isEmpty { parts = Array(repeating: [:], count: Self.partCount) }
        let key = Key(number: number, id: id)
        parts[part(of: key)][key] = slot
        if newest >= 0 { slots[newest].newer = slot } else { oldest = slot }
        newest = slot
        if isUntold { untold.insert(slot) }
        if slots.count > limits.countPerShard { remove(oldest) }
        return true
    }

    mutating func remove(_ id: InstanceID, in namespace: Namespace) {
        if let slot = slot(of: id, in: namespace) { remove(slot) }
    }

    /// Forgets, of those whose time has come, at most `budget`, in the order of learning; returns how many. One that was learned when it was
    /// old already may wait behind younger ones; whom it is told meanwhile does not learn it.
    mutating func expire(at now: LeaseTime, budget: Int) -> Int {
        var forgotten = 0
        while forgotten < budget, oldest >= 0, slots[oldest].since + limits.retention <= now {
            remove(oldest)
            forgotten += 1
        }
        return forgotten
    }

    /// The next one that others are to be told of; they are now.
    mutating func popUntold() -> Tombstone? { untold.popNext().map { self[$0] } }

    private mutating func remove(_ slot: Int32) {
        guard let tombstone = slots.remove(slot) else { return }
        let key = Key(number: tombstone.number, id: tombstone.id)
        parts[part(of: key)][key] = nil
        if tombstone.older >= 0 { slots[tombstone.older].newer = tombstone.newer } else { oldest = tombstone.newer }
        if tombstone.newer >= 0 { slots[tombstone.newer].older = tombstone.older } else { newest = tombstone.older }
        untold.remove(slot)
        namespaces[tombstone.number].count -= 1
        guard namespaces[tombstone.number].count == 0 else { return }
        numbers[namespaces[tombstone.number].namespace] = nil
        namespaces.remove(tombstone.number)
    }

    private mutating func number(of namespace: Namespace) -> Int32 {
        if let number = numbers[namespace] { return number }
        let number = namespaces.insert(Numbered(namespace: namespace))
        numbers[namespace] = number
        return number
    }

    private func part(of key: Key) -> Int { key.hashValue & (Self.partCount - 1) }
}
