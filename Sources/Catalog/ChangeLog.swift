// The latest changes, for requests after the fact and for readers that follow them. One shard's part: it is written
// under the shard's lock, where the change is made, and so is in order. Tenants decide how much happens, so each has a
// bound of its own, and all together have one (`Store.trimChanges`).

/// The changes of one shard's namespaces. A pure value; its owner guards it.
struct ChangeLog: Sendable {
    /// Changes that are kept of a namespace, and bytes that they take.
    static let limit = 10_000
    static let byteLimit = 1 << 20
    /// A segment that has reached this many bytes takes no more: what is forgotten is forgotten by segments. With
    /// another change and an array's header it fits into 4 KiB, beyond which the array would double.
    static let segmentBytes = 3_840
    /// What a segment and a namespace take besides their changes and the namespace's name, in bytes.
    private static let (segmentOverhead, namespaceOverhead) = (96, 320)

    /// Changes side by side, some fifty of them.
    struct Segment: Sendable {
        fileprivate(set) var bytes: [UInt8] = []
        fileprivate(set) var count = 0
        /// Of its last change.
        fileprivate(set) var lastIndex: UInt64 = 0
        /// How many changes of its namespace came before its first.
        fileprivate let sequence: UInt64

        fileprivate var size: Int { bytes.capacity + ChangeLog.segmentOverhead }
    }

    private struct Log: Sendable {
        let namespace: Namespace
        /// The oldest first. Invariant: none is empty.
        var segments: [Segment] = []
        var count = 0
        /// Invariant: the sizes of the segments, and what the namespace takes besides.
        var bytes: Int
        /// The index of the latest change that is kept no more, or that may have been before the start.
        var lost: UInt64
        /// Of the latest one that was noted here and is kept no more; 0 without.
        var forgotten: UInt64
        /// How many changes there have been.
        var sequence: UInt64 = 0
        /// How many of them the follower has read or missed.
        var followed: UInt64 = 0
        /// Whether it is among `waiting`.
        var isWaiting = false

        init(namespace: Namespace, lost: UInt64, forgotten: UInt64) {
            self.namespace = namespace
            self.lost = lost
            self.forgotten = forgotten
            // Where tokens are trusted, names are as long as clients make them.
            bytes = ChangeLog.namespaceOverhead + namespace.name.utf8.count
        }

        static let vacant = Log(namespace: Namespace(""), lost: 0, forgotten: 0)
    }

    /// Whether a reader follows: else nothing is noted for it.
    private let isFollowed: Bool
    private var logs = Slab(vacant: Log.vacant)
    /// Invariant: has exactly the namespaces of `logs`.
    private var slots: [Namespace: Int32] = [:]
    /// Those with changes that the follower has not read. Invariant: occupied slots.
    private var waiting = SlotSet()
    /// The latest index of all that is kept no more: so much is missing of a namespace of which nothing is kept.
    private var lost: UInt64 = 0
    /// The same of what was noted here.
    private var forgotten: UInt64 = 0
    /// What all take, in bytes.
    private(set) var bytes = 0
    private(set) var count = 0
    /// How many changes have been forgotten before the follower read them.
    private var missed: UInt64 = 0

    /// - Parameter start: when the registry was started, in microseconds since 1970: what happened before is not known.
    init(isFollowed: Bool, start: Int64 = 0) {
        self.isFollowed = isFollowed
        lost = UInt64(max(0, start))
    }

    // MARK: - Writing

    /// Notes a change. Its index is later than that of all changes of the namespace before.
    mutating func append(
        _ kind: Change.Kind, _ index: UInt64, at microseconds: Int64, _ instance: Instance, in namespace: Namespace,
        before: InstanceStatus?, after: InstanceStatus?, until: Int64? = nil, fields: Change.Fields = [],
        member: MemberID, by actor: Actor?
    ) {
        let slot = slot(of: namespace)
        if logs[slot].segments.last.map({ $0.bytes.count >= Self.segmentBytes }) ?? true {
            logs[slot].segments.append(Segment(sequence: logs[slot].sequence))
            logs[slot].bytes += Self.segmentOverhead
            bytes += Self.segmentOverhead
        }
        let last = logs[slot].segments.count - 1
        let capacity = logs[slot].segments[last].bytes.capacity
        ChangeCodec.append(
            kind, index, at: microseconds, instance, before: before, after: after, until: until, fields: fields,
            member: member, by: actor,
            to: &logs[slot].segments[last].bytes)
        let grown = logs[slot].segments[last].bytes.capacity - capacity
        logs[slot].segments[last].count += 1
        logs[slot].segments[last].lastIndex = index
        logs[slot].count += 1
        logs[slot].sequence += 1
        logs[slot].bytes += grown
        bytes += grown
        count += 1
        if isFollowed, !logs[slot].isWaiting {
            logs[slot].isWaiting = true
            waiting.makeRoom(for: slot)
            waiting.insert(slot)
        }
        while logs[slot].count > Self.limit || logs[slot].bytes > Self.byteLimit, logs[slot].segments.count > 1 {
            forgetFirst(slot)
        }
    }

    private mutating func slot(of namespace: Namespace) -> Int32 {
        if let slot = slots[namespace] { return slot }
        let slot = logs.insert(Log(namespace: namespace, lost: lost, forgotten: forgotten))
        slots[namespace] = slot
        bytes += logs[slot].bytes
        return slot
    }

    /// Forgets the oldest segment of a namespace.
    private mutating func forgetFirst(_ slot: Int32) {
        let segment = logs[slot].segments.removeFirst()
        let end = segment.sequence + UInt64(segment.count)
        if isFollowed, logs[slot].followed < end {
            missed += end - max(logs[slot].followed, segment.sequence)
            logs[slot].followed = end
        }
        logs[slot].lost = segment.lastIndex
        logs[slot].forgotten = segment.lastIndex
        logs[slot].count -= segment.count
        logs[slot].bytes -= segment.size
        bytes -= segment.size
        count -= segment.count
    }

    // MARK: - Forgetting

    /// What the largest namespace takes, in bytes. Reads all of them.
    var largest: Int {
        var (largest, next) = (0, Int32(0))
        while let slot = logs.occupied(from: next) {
            largest = max(largest, logs[slot].bytes)
            next = slot + 1
        }
        return largest
    }

    /// Drops the oldest changes of the largest namespaces, about this many bytes. Returns how many bytes that were.
    mutating func trim(_ wanted: Int) -> Int {
        let (before, largest) = (bytes, largest)
        // Those that are nearly as large give, too: to find the very largest again after each segment would take a turn
        // for each.
        let threshold = largest - largest / 4
        var next = Int32(0)
        while before - bytes < wanted, let slot = logs.occupied(from: next) {
            while before - bytes < wanted, logs[slot].bytes >= threshold, !logs[slot].segments.isEmpty {
                forgetFirst(slot)
            }
            if logs[slot].segments.isEmpty { remove(slot) }
            next = slot + 1
        }
        return before - bytes
    }

    /// Forgets a namespace of which no changes are kept.
    private mutating func remove(_ slot: Int32) {
        guard let log = logs.remove(slot) else { return }
        slots[log.namespace] = nil
        waiting.remove(slot)
        lost = max(lost, log.lost)
        forgotten = max(forgotten, log.forgotten)
        bytes -= log.bytes
    }

    // MARK: - Reading

    /// What the log has of a namespace.
    struct Found {
        var segments: ArraySlice<Segment> = []
        /// Whether something that came after the index is kept no more, or may have been before the start.
        var isMissing: Bool
        /// Whether something that came after it was noted here and is kept no more.
        var isForgotten: Bool
        /// The index of the last change that is known of.
        var last: UInt64 = 0
    }

    /// The segments with what came after an index; with nil those with the newest changes, at least this many.
    func segments(of namespace: Namespace, after index: UInt64?, newest limit: Int) -> Found {
        guard let slot = slots[namespace] else {
            return Found(
                isMissing: index.map { $0 < lost } ?? false, isForgotten: index.map { $0 < forgotten } ?? false,
                last: lost)
        }
        let segments = logs[slot].segments
        let last = segments.last?.lastIndex ?? logs[slot].lost
        guard let index else {
            var (first, count) = (segments.count, 0)
            while first > 0, count < limit {
                first -= 1
                count += segments[first].count
            }
            return Found(segments: segments[first...], isMissing: false, isForgotten: false, last: last)
        }
        let first = segments.firstIndex { $0.lastIndex > index } ?? segments.count
        return Found(
            segments: segments[first...], isMissing: index < logs[slot].lost,
            isForgotten: index < logs[slot].forgotten, last: last)
    }

    /// The first namespace with changes at this slot or behind, the slot, and the index of its last change.
    func last(from slot: Int32) -> (slot: Int32, namespace: Namespace, index: UInt64)? {
        guard let slot = logs.occupied(from: slot) else { return nil }
        return (slot, logs[slot].namespace, logs[slot].segments.last?.lastIndex ?? logs[slot].lost)
    }

    /// What the follower has not read: segments, each with how many changes at its beginning were read, of namespaces
    /// with together at most about so many changes; and how many have been forgotten before they were read.
    mutating func follow(limit: Int) -> (
        unread: [(Namespace, ArraySlice<Segment>, read: Int)], missed: UInt64, hasMore: Bool
    ) {
        var unread: [(Namespace, ArraySlice<Segment>, read: Int)] = []
        var remaining = limit
        while remaining > 0, let slot = waiting.popNext() {
            let (segments, followed) = (logs[slot].segments, logs[slot].followed)
            let first = segments.firstIndex { $0.sequence + UInt64($0.count) > followed } ?? segments.count
            if first < segments.count {
                unread.append((logs[slot].namespace, segments[first...], Int(followed - segments[first].sequence)))
            }
            remaining -= Int(logs[slot].sequence - followed)
            logs[slot].followed = logs[slot].sequence
            logs[slot].isWaiting = false
        }
        defer { missed = 0 }
        return (unread, missed, !waiting.isEmpty)
    }
}

extension ChangeLog.Segment {
    /// Hands out the changes, the oldest first, until `body` returns false.
    func forEach(_ body: (Change) -> Bool) {
        var offset = 0
        while offset < bytes.count {
            guard body(ChangeCodec.read(at: &offset, in: bytes)) else { return }
        }
    }
}

/// How many changes are kept, and whether a reader follows them.
package struct ChangeLogLimits: Sendable, Equatable {
    /// Of all namespaces together; 0 keeps nothing.
    package let bytes: Int
    /// Whether `Store.followChanges` is called.
    package let isFollowed: Bool
    /// When the registry was started, in microseconds since 1970: what happened before is not known.
    package let start: Int64

    package init(bytes: Int, isFollowed: Bool, start: Int64 = 0) {
        self.bytes = bytes
        self.isFollowed = isFollowed
        self.start = start
    }

    package static let standard = ChangeLogLimits(bytes: 64 << 20, isFollowed: false)
}
