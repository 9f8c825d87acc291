// Which instances were deregistered, and in which version: the answer to a member that has not received it and
// publishes the instance. Bounded in time and in what they take, for clients decide how many there are; which of them
// goes first is decided here. A namespace that takes too much loses its own oldest, and no other's: one tenant's churn
// must not undo what another has deregistered.

/// That an instance was deregistered, in which version.
struct Tombstone: Sendable {
    let namespace: Namespace
    let id: InstanceID
    let version: Version
    /// The digest's bucket that the id would be in.
    let bucket: UInt16
    /// When the instance was deregistered, by the lease time of the member that keeps the tombstone.
    let since: LeaseTime

    /// - Parameter override: what is kept of it.
    func replicated(_ override: StatusOverride?, at moment: Moment) -> Replicated {
        Replicated(
            namespace: namespace,
            replica: .absent(id, version, age: max(0, moment.lease - since), override: override))
    }
}

/// The tombstones of one shard. A pure value; its owner guards it.
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
        /// The same among those of its namespace.
        var olderOfNamespace: Int32
        var newerOfNamespace: Int32 = -1
        let bucket: UInt16

        static let vacant = Entry(
            id: .digest(0), version: .none, since: .zero, number: -1, older: -1, olderOfNamespace: -1, bucket: 0)

        /// Roughly what it takes, in bytes.
        var size: Int {
            switch id {
            case .digest: Tombstones.cost
            case .text(let name): Tombstones.cost + Tombstones.textCost + name.text.utf8.count
            }
        }
    }

    /// A namespace is kept once, however many tombstones it has.
    private struct Numbered: Sendable {
        let namespace: Namespace
        var count = 0
        /// Invariant: the sizes of its tombstones.
        var bytes = 0
        /// The ends of their order of learning, or -1.
        var oldest: Int32 = -1
        var newest: Int32 = -1
    }

    /// Bytes that a tombstone takes, its place in the index included, and a text that is its id besides what it says.
    static let (cost, textCost) = (100, 32)
    /// Bytes that a namespace takes besides its name, its places in the tables included.
    private static let namespaceCost = 300
    /// The last part of the retention, a hundredth of it, in which nothing is learned from others.
    private static let lastPart: Int64 = 100

    private let limits: TombstoneLimits
    private var slots = Slab(vacant: Entry.vacant)
    /// Invariant: has exactly the slots of `slots`, by their namespace's number and id.
    private var index = SlotIndex()
    private var namespaces = Slab(vacant: Numbered(namespace: Namespace("")))
    /// Invariant: has exactly the namespaces of `namespaces`, none of which is without tombstones.
    private var numbers: [Namespace: Int32] = [:]
    /// The ends of the order of learning, or -1.
    private var oldest: Int32 = -1
    private var newest: Int32 = -1
    /// What all take, their namespaces included, in bytes.
    private(set) var bytes = 0
    /// How many were forgotten before their time.
    private(set) var forgotten: UInt64 = 0
    /// Those that are not published yet. Invariant: slots that are occupied.
    private(set) var untold = SlotSet()

    init(limits: TombstoneLimits) {
        self.limits = limits
    }

    var count: Int { slots.count }
    /// How long they are kept, in milliseconds.
    var retention: Int64 { limits.retention }

    /// Roughly what a namespace takes however many tombstones it has, in bytes. Where tokens are trusted, clients make
    /// up as many as they like.
    static func size(of namespace: Namespace) -> Int { namespaceCost + namespace.name.utf8.count }

    private func slot(of id: InstanceID, in namespace: Namespace) -> Int32? {
        guard let number = numbers[namespace] else { return nil }
        return index.slot(hash: SlotIndex.hash(id, table: number)) { slots[$0].number == number && slots[$0].id == id }
    }

    func find(_ id: InstanceID, in namespace: Namespace) -> Tombstone? { slot(of: id, in: namespace).map { self[$0] } }

    /// The one at an occupied slot.
    subscript(slot: Int32) -> Tombstone {
        let entry = slots[slot]
        return Tombstone(
            namespace: namespaces[entry.number].namespace, id: entry.id, version: entry.version, bucket: entry.bucket,
            since: entry.since)
    }

    /// The first occupied slot from this one on.
    func occupied(from slot: Int32) -> Int32? { slots.occupied(from: slot) }

    /// Remembers a deregistration, in place of an older one of the same id. Returns whether it is young enough for
    /// that.
    ///
    /// - Parameters:
    ///   - age: milliseconds since the deregistration.
    ///   - isUntold: whether it has to be published.
    @discardableResult
    mutating func put(
        _ id: InstanceID, in namespace: Namespace, version: Version, age: Int64 = 0, isUntold: Bool, at now: LeaseTime
    ) -> Bool {
        remove(id, in: namespace)
        // What is about to be forgotten is not learned any more: publishing takes a moment, by which it would seem
        // younger each time.
        guard age < limits.retention - limits.retention / Self.lastPart else { return false }
        let number = number(of: namespace)
        let last = namespaces[number].newest
        let slot = slots.insert(
            Entry(
                id: id, version: version, since: now + -max(age, 0), number: number, older: newest,
                olderOfNamespace: last,
                bucket: BucketKey(id, in: namespace).bucket))
        index.insert(slot, hash: SlotIndex.hash(id, table: number))
        if newest >= 0 { slots[newest].newer = slot } else { oldest = slot }
        newest = slot
        if last >= 0 { slots[last].newerOfNamespace = slot } else { namespaces[number].oldest = slot }
        namespaces[number].newest = slot
        namespaces[number].count += 1
        let size = slots[slot].size
        namespaces[number].bytes += size
        bytes += size
        if isUntold { untold.insert(slot) }
        while namespaces[number].bytes > limits.bytesPerNamespace, namespaces[number].count > 1 {
            forget(namespaces[number].oldest)
        }
        return true
    }

    /// Forgets one before its time.
    private mutating func forget(_ slot: Int32) {
        forgotten += 1
        remove(slot)
    }

    /// What the tombstones of the largest namespace take, in bytes. Reads all namespaces.
    var largest: Int {
        var (largest, next) = (0, Int32(0))
        while let number = namespaces.occupied(from: next) {
            largest = max(largest, namespaces[number].bytes)
            next = number + 1
        }
        return largest
    }

    /// Drops the oldest of the largest namespaces, at least this many bytes, but at most `budget` of them.
    mutating func trim(_ wanted: Int, budget: Int) {
        let (before, largest) = (bytes, largest)
        let threshold = largest - largest / 4
        var (next, remaining) = (Int32(0), budget)
        while before - bytes < wanted, remaining > 0, let number = namespaces.occupied(from: next) {
            while before - bytes < wanted, remaining > 0, namespaces.contains(number),
                namespaces[number].bytes >= threshold
            {
                forget(namespaces[number].oldest)
                remaining -= 1
            }
            next = number + 1
        }
    }

    mutating func remove(_ id: InstanceID, in namespace: Namespace) {
        if let slot = slot(of: id, in: namespace) { remove(slot) }
    }

    /// Forgets, of those whose time has come, at most `budget`, in the order of learning; returns how many. One that
    /// was learned when it was old already may wait behind younger ones; a member that receives it meanwhile does not
    /// learn that.
    mutating func expire(at now: LeaseTime, budget: Int) -> Int {
        var forgotten = 0
        while forgotten < budget, oldest >= 0, slots[oldest].since + limits.retention <= now {
            remove(oldest)
            forgotten += 1
        }
        return forgotten
    }

    /// Whether there is one that is not published yet.
    func isUntold(_ id: InstanceID, in namespace: Namespace) -> Bool {
        guard !untold.isEmpty, let slot = slot(of: id, in: namespace) else { return false }
        return untold.contains(slot)
    }

    /// Has one published again; returns whether there is one.
    mutating func republish(_ id: InstanceID, in namespace: Namespace) -> Bool {
        guard let slot = slot(of: id, in: namespace) else { return false }
        untold.insert(slot)
        return true
    }

    /// The next one to publish; they are now.
    mutating func popUntold() -> Tombstone? { untold.popNext().map { self[$0] } }

    private mutating func remove(_ slot: Int32) {
        guard let tombstone = slots.remove(slot) else { return }
        index.remove(slot, hash: SlotIndex.hash(tombstone.id, table: tombstone.number))
        if tombstone.older >= 0 { slots[tombstone.older].newer = tombstone.newer } else { oldest = tombstone.newer }
        if tombstone.newer >= 0 { slots[tombstone.newer].older = tombstone.older } else { newest = tombstone.older }
        let (older, newer) = (tombstone.olderOfNamespace, tombstone.newerOfNamespace)
        if older >= 0 { slots[older].newerOfNamespace = newer } else { namespaces[tombstone.number].oldest = newer }
        if newer >= 0 { slots[newer].olderOfNamespace = older } else { namespaces[tombstone.number].newest = older }
        untold.remove(slot)
        namespaces[tombstone.number].count -= 1
        namespaces[tombstone.number].bytes -= tombstone.size
        bytes -= tombstone.size
        guard namespaces[tombstone.number].count == 0 else { return }
        bytes -= Self.size(of: namespaces[tombstone.number].namespace)
        numbers[namespaces[tombstone.number].namespace] = nil
        namespaces.remove(tombstone.number)
    }

    private mutating func number(of namespace: Namespace) -> Int32 {
        if let number = numbers[namespace] { return number }
        let number = namespaces.insert(Numbered(namespace: namespace))
        numbers[namespace] = number
        bytes += Self.size(of: namespace)
        return number
    }
}
