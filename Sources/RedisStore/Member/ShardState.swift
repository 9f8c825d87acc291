// How a member stands with one shard.
//
//                      ┌──────────── a gap, or the store has lost what it had ─────────────┐
//                      ▼                                                                   │
//   away ──► opening ──┬─► scanning ──► comparing (not the first time) ──► following ──────┤
//    ▲                 ├─► following, when nothing was missed                              │
//    │                 └─► estranged ──an operator's word──► scanning                      │
//    └──────────────────── the connection is lost ─────────────────────────────────────────┘

import Catalog
import RESP
import Replication
import Time

/// One shard, as a member knows it.
struct ShardState {
    enum Phase {
        /// No server is connected that has it.
        case away
        /// Its epoch is asked for.
        case opening
        /// Everything that is stored of it is read.
        case scanning
        /// All is read; what is held here and not there is looked for.
        case comparing
        /// Its events are read as they come.
        case following
        /// The store was emptied long after this member last followed it.
        case estranged
    }

    var phase = Phase.away
    /// The server that has it, and its run.
    var node: StoreNode?
    var run = ""
    /// What is followed; nil before the first time.
    var epoch: StoreEpoch?
    /// The number of the last event that was taken in.
    var seq: UInt64 = 0
    var recent = RecentEvents()
    /// What this member has written and not read yet, by the numbers of the events.
    var unread: [UInt64: StoredKey] = [:]
    /// Whether events were missed, so that everything is to be read.
    var missed = false
    /// Whether no server was connected since events were followed last, so that owners could not renew their leases.
    var wasAway = false
    var scan: ShardScan?
    /// When it was followed last; nil before the first time.
    var followed: MonotonicTime?
    /// What could not be written, and is to be as soon as that can be.
    private(set) var parked: Set<StoredKey> = []
    /// Of what is to be written: what the store had let in before it lost it. The capacity of its namespace does not count
    /// again, since what others have registered meanwhile would push out what was acknowledged.
    private var admitted: Set<StoredKey> = []
    /// Why the server takes no writes; nil when it does.
    var trouble: RESPFault?
    var retried = MonotonicTime.zero
    /// Whether a write was sent all the same, to see.
    var isProbing = false
    var isTicking = false
    /// Whether a read of this shard alone is on its way.
    var isReading = false
    /// Whether what was asked while it was opened or scanned will not be answered, so that it is opened again.
    var isUnanswered = false
    var ticked = MonotonicTime.zero
    /// When the next lease may go, by the last tick; nil where that is not before the next one.
    var due: MonotonicTime?
    /// Whether the last tick has left leases that are over.
    var hasOverdue = false
    var sweeps = RecentSweeps()
    /// Whether an operator has said that the view is to be given up for an empty store.
    var acceptsEmpty = false
    /// Until when the store lets no lease run out, in milliseconds of its clock.
    var held: Int64 = 0
    /// What the store holds back of leases that are over, by namespace.
    var heldBack: [Namespace: HeldBack] = [:]
    /// Renewed states that other members are to be told.
    var heard: [UInt8] = []
    /// Those that were told and not read yet: what one has told says nothing new.
    private var told: [[UInt8]] = []

    /// What the events after a number were about, this member's own among them; nil when some are not remembered.
    func lost(after number: UInt64) -> [StoredKey]? {
        guard let keys = recent.keys(after: number) else { return nil }
        let own = unread.filter { $0.key > number }.map(\.value)
        return Array(Set(keys).union(own))
    }

    /// Something is to be written as soon as that can be.
    mutating func park(_ key: StoredKey, isAdmitted: Bool) {
        parked.insert(key)
        if isAdmitted { admitted.insert(key) }
    }

    /// Something is to be written now that the store had let in.
    mutating func admit(_ key: StoredKey) { admitted.insert(key) }

    /// What is written now, and was parked.
    mutating func unpark() -> Set<StoredKey> {
        defer { parked = [] }
        return parked
    }

    mutating func unparkOne() -> StoredKey? { parked.popFirst() }

    /// Whether what is written now had been let in.
    mutating func takeAdmission(of key: StoredKey) -> Bool { !admitted.isEmpty && admitted.remove(key) != nil }

    /// All that was to be written is on its way, but for what is parked: the rest is there no more.
    mutating func forgetAdmissions() {
        if !admitted.isEmpty { admitted.formIntersection(parked) }
    }

    /// What other members are to be told now.
    mutating func tell() -> [UInt8] {
        defer { heard.removeAll(keepingCapacity: true) }
        if told.count == Self.mostTold { told.removeFirst() }
        told.append(heard)
        return heard
    }

    /// Whether an event is what this member has told itself.
    mutating func hasTold(_ event: [UInt8]) -> Bool {
        guard event.first == UInt8(ascii: "h"), let place = told.firstIndex(where: { $0[...] == event[1...] }) else {
            return false
        }
        told.removeFirst(place + 1)
        return true
    }

    /// How much of what was told is remembered. What is told is read within milliseconds, if it is not lost.
    private static let mostTold = 16

    /// Whether this member has written events after a number, and not read them yet.
    func hasWritten(after number: UInt64) -> Bool { unread.keys.contains { $0 > number } }

    /// Goes back to an event, after which another history follows.
    mutating func rewind(to number: UInt64) {
        recent.rewind(to: number)
        unread = unread.filter { $0.key <= number }
        seq = min(seq, number)
    }

    /// Whether a member reads the events of what it lets go.
    var isAbreast: Bool { sweeps.areRead(upTo: seq) }

    /// Whether renewals are sent: also while everything is read anew, since nobody stops to sweep meanwhile.
    var takesRenewals: Bool {
        switch phase {
        case .following: true
        case .opening, .scanning, .comparing: !wasAway
        case .away, .estranged: false
        }
    }

    /// Whether writes are sent.
    var takesWrites: Bool { phase == .following && (trouble == nil || isProbing) }
}

/// How far the events of what a member lets go are behind: of a stream that grows faster than it is read, the rest is lost to
/// all who read it; and what has gathered is read in one turn, in which the member does nothing else.
struct RecentSweeps {
    /// Sweeps whose events may be unread. An event tells of many leases, or of one.
    private static let mostUnread = 4

    /// The last event by each of the last sweeps.
    private var ends: [UInt64] = []
    /// By the last tick, the sweeps of other members included.
    private var last: UInt64 = 0

    mutating func note(_ last: UInt64, swept: Int64) {
        self.last = last
        // What is above it was in another history.
        ends.removeAll { $0 > last }
        guard swept > 0 else { return }
        if ends.count == Self.mostUnread { ends.removeFirst() }
        ends.append(last)
    }

    /// Whether all that was let go by the last tick is read.
    func isLastRead(upTo seq: UInt64) -> Bool { seq >= last }

    func areRead(upTo seq: UInt64) -> Bool {
        let isOldestRead = ends.count < Self.mostUnread || ends[0] <= seq
        return isOldestRead && seq + UInt64(StoreFunctions.mostExpiries * Self.mostUnread) >= last
    }
}

/// A scan that is under way.
struct ShardScan {
    /// Commands that are on their way at once.
    static let window = 16

    let reason: ScanReason
    let epoch: StoreEpoch
    /// The last event before it.
    let seq: UInt64
    /// When it began, by the store's clock, in milliseconds. What is stamped later may be missing from it.
    let began: Int64
    var steps: [ScanStep] = [.namespaces(cursor: "0")]
    var open = 0
    /// What it has found, and in which version, where that is to be compared.
    var seen: [StoredKey: Version] = [:]

    var isOver: Bool { steps.isEmpty && open == 0 }
}
