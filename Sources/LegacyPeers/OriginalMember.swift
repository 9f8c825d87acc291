// What is known of one legacy peer: the links with it, and how far the copy from it has come.

import Catalog
import Replication
import Time

/// One legacy peer, while there is a link with it.
struct OriginalMember {
    /// How far the copy from it has come.
    enum Copy: Equatable {
        /// There is none to be had: we do not read its live changes.
        case none
        /// Its connection was asked for.
        case asked
        case running(LinkID)
        /// To be asked for at this time.
        case waiting(until: MonotonicTime)
        case done(at: MonotonicTime, count: Int)
    }

    /// An id of a namespace.
    struct Key: Hashable {
        let namespace: String
        let id: InstanceID
    }

    /// Ids touched by live messages during a copy, or asked for, that are remembered. Beyond it a status that a copy
    /// brings may be old, and an instance may be asked for again sooner.
    static let greatestMemory = 65_536

    /// The link on which we read its live changes.
    var input: LinkID?
    /// The links on which it reads ours, the latest last.
    var outputs: [LinkID] = []
    var copy = Copy.none
    /// Copies that failed since the last that did not.
    var failures = 0
    /// The last whole copy.
    var lastCopy: (at: MonotonicTime, count: Int)?
    /// What live messages have been about since the copy was asked for; nil when there were more than can be
    /// remembered.
    private(set) var touched: Set<Key>? = []
    /// What it was asked for, and when.
    private var asked: [Key: MonotonicTime] = [:]

    var isIdle: Bool { input == nil && outputs.isEmpty }

    /// Whether what a copy says of this may be older than what is held.
    func isTouched(_ key: Key) -> Bool { touched?.contains(key) ?? true }

    mutating func touch(_ key: Key) {
        switch copy {
        case .none, .done: return
        case .asked, .running, .waiting: break
        }
        touched?.insert(key)
        if let count = touched?.count, count > Self.greatestMemory { touched = nil }
    }

    mutating func askForCopy() {
        copy = .asked
        touched = []
    }

    mutating func copyEnded() {
        touched = []
    }

    /// Whether it may be asked for this now; it then counts as asked.
    mutating func ask(_ key: Key, at now: MonotonicTime, period: Duration) -> Bool {
        if let last = asked[key], now - last < period { return false }
        if asked.count >= Self.greatestMemory { asked = asked.filter { now - $0.value < period } }
        guard asked.count < Self.greatestMemory else { return false }
        asked[key] = now
        return true
    }
}
