// Whose lease has run out here may be alive elsewhere. A client changes an instance at a member that is cut off, and
// the instance sends its heartbeats to the other side: the change, which no other member has received, must not go with
// the lease. So an expired instance is kept for a while, invisible, and states from other members are merged with it as
// if it were merely overdue: it lives again if it has sent a heartbeat since, and where an older version of it is still
// held, that one ends as this one did.

/// The last instances of one shard whose leases ran out. A pure value; its owner guards it.
///
/// When there are too many, the namespace with the most gives, and of its own those with the oldest versions first: a
/// change that no other member has received is later than all changes that could be published.
struct RecentlyExpired: Sendable {
    /// An instance as it was when its lease ran out.
    struct Entry: Sendable {
        let namespace: Namespace
        let instance: Instance
        let record: Record
        /// The digest's bucket that the id would be in.
        let bucket: UInt16
        fileprivate let number: UInt64

        fileprivate static let vacant = Entry(
            namespace: Namespace(""), instance: .vacant, record: .vacant, bucket: 0, number: 0)

        fileprivate var key: Key { Key(namespace: namespace, id: instance.id) }
        /// Roughly what it takes, in bytes.
        fileprivate var size: Int { instance.packedSize + instance.id.utf8.count + RecentlyExpired.overhead }
    }

    fileprivate struct Key: Hashable {
        let namespace: Namespace
        let id: InstanceID
    }

    private struct Turn: Sendable {
        let slot: Int32
        let number: UInt64
        /// When it is forgotten.
        let end: LeaseTime
    }

    /// How many are kept.
    static let limit = 1_024
    /// How many bytes they may take: with all shards full, 64 MB.
    static let byteLimit = 1 << 20
    /// When a limit is exceeded, this much less than it is left: to look for the oldest takes longer than to put
    /// another one, and so is done for many at once.
    private static let (room, byteRoom) = (limit / 4, byteLimit / 4)
    /// The overhead of each in bytes, its places in the order and the index included.
    private static let overhead = 320

    /// Milliseconds of lease time that each is kept from the end of its lease on.
    private let retention: Int64
    private var slots = Slab(vacant: Entry.vacant)
    /// Invariant: has exactly the keys of `slots`.
    private var index: [Key: Int32] = [:]
    /// The order of learning, from `first` on. One whose slot has another number by now, or none, is void.
    private var turns: [Turn] = []
    private var first = 0
    private var lastNumber: UInt64 = 0
    /// Invariant: the sizes of all.
    private(set) var bytes = 0

    init(retention: Int64) {
        self.retention = retention
    }

    var count: Int { slots.count }

    func find(_ id: InstanceID, in namespace: Namespace) -> Entry? {
        index.isEmpty ? nil : index[Key(namespace: namespace, id: id)].map { slots[$0] }
    }

    /// The one at an occupied slot.
    subscript(slot: Int32) -> Entry { slots[slot] }

    /// The first occupied slot from this one on.
    func occupied(from slot: Int32) -> Int32? { slots.occupied(from: slot) }

    /// Keeps an instance whose lease has run out, in place of the one kept under the same id, unless it expired so long
    /// ago that it would be dropped: a state that members send each other again and again keeps its age.
    mutating func put(_ instance: Instance, _ record: Record, in namespace: Namespace, at now: LeaseTime) {
        remove(instance.id, in: namespace)
        let end = record.deadline + retention
        guard end > now else { return }
        lastNumber += 1
        let bucket = BucketKey(instance.id, in: namespace).bucket
        let entry = Entry(namespace: namespace, instance: instance, record: record, bucket: bucket, number: lastNumber)
        let slot = slots.insert(entry)
        index[entry.key] = slot
        bytes += entry.size
        turns.append(Turn(slot: slot, number: lastNumber, end: end))
        if count > Self.limit || bytes > Self.byteLimit { forgetOldest() }
        if turns.count > 2 * Self.limit { forgetVoidTurns() }
    }

    mutating func remove(_ id: InstanceID, in namespace: Namespace) {
        guard !index.isEmpty, let slot = index[Key(namespace: namespace, id: id)] else { return }
        remove(slot)
    }

    /// Forgets, of those whose time has come, at most `budget`, in the order of learning; returns how many.
    mutating func expire(at now: LeaseTime, budget: Int) -> Int {
        var forgotten = 0
        while forgotten < budget, first < turns.count {
            let turn = turns[first]
            if isValid(turn) {
                guard turn.end <= now else { break }
                remove(turn.slot)
            }
            first += 1
            forgotten += 1
        }
        if first * 2 >= turns.count { forgetVoidTurns() }
        return forgotten
    }

    private func isValid(_ turn: Turn) -> Bool { slots.contains(turn.slot) && slots[turn.slot].number == turn.number }

    private mutating func forgetVoidTurns() {
        turns = turns[first...].filter(isValid)
        first = 0
    }

    private mutating func remove(_ slot: Int32) {
        guard let entry = slots.remove(slot) else { return }
        index[entry.key] = nil
        bytes -= entry.size
    }

    /// Forgets those with the oldest versions of the namespace that then has the most bytes, as many as it takes.
    private mutating func forgetOldest() {
        /// One namespace's, those with the oldest versions last.
        struct Held {
            var bytes = 0
            var slots: [Int32] = []
        }
        var held: [Namespace: Held] = [:]
        for slot in index.values.sorted(by: { slots[$0].record.version > slots[$1].record.version }) {
            held[slots[slot].namespace, default: Held()].bytes += slots[slot].size
            held[slots[slot].namespace, default: Held()].slots.append(slot)
        }
        while count > Self.limit - Self.room || bytes > Self.byteLimit - Self.byteRoom,
            let namespace = held.max(by: { $0.value.bytes < $1.value.bytes })?.key,
            let slot = held[namespace]?.slots.popLast()
        {
            held[namespace]?.bytes -= slots[slot].size
            remove(slot)
        }
    }
}
