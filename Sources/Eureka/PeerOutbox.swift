// What a server of Netflix's is still to be told: not messages, but which instances have changed or were renewed since it
// was told last. So a server that is slow or away costs no more than its instances, and is told how things stand then.

import Catalog
import Synchronization
import Time

/// What one server is still to be told. Safe to use from any thread.
final class PeerOutbox: Sendable {
    /// What has happened to an instance.
    struct News: OptionSet, Sendable {
        let rawValue: UInt8

        static let registered = News(rawValue: 1 << 0)
        static let renewed = News(rawValue: 1 << 1)
        static let overridden = News(rawValue: 1 << 2)
    }

    struct Entry: Sendable {
        let id: InstanceID
        var news: News
        /// What it was, where it was deregistered.
        var gone: Instance?
    }

    /// How many instances there may be in it; what is beyond is told with a later heartbeat.
    static let limit = 100_000

    private struct State {
        var entries: [InstanceID: Entry] = [:]
        /// Invariant: from `first` on it has each key of `entries` once, in the order in which they came.
        var order: [InstanceID] = []
        var first = 0
        /// When the oldest came.
        var since = MonotonicTime.distantFuture
        var dropped: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Notes news of an instance at a time.
    func note(_ id: InstanceID, _ news: News, gone: Instance? = nil, at now: MonotonicTime) {
        state.withLock { state in
            if state.entries[id] != nil {
                state.entries[id]?.news.formUnion(news)
                state.entries[id]?.gone = gone
                return
            }
            guard state.entries.count < Self.limit else {
                state.dropped += 1
                return
            }
            state.entries[id] = Entry(id: id, news: news, gone: gone)
            state.order.append(id)
            state.since = min(state.since, now)
        }
    }

    /// Puts back what could not be told. What has come since counts.
    func putBack(_ entries: [Entry], at now: MonotonicTime) {
        for entry in entries {
            let isNewer = state.withLock { state -> Bool in
                guard let newer = state.entries[entry.id] else { return false }
                state.entries[entry.id]?.news = newer.news.union(entry.news)
                return true
            }
            if !isNewer { note(entry.id, entry.news, gone: entry.gone, at: now) }
        }
    }

    /// The oldest, at most `limit`, once there are as many or the oldest has waited for `patience`.
    func take(_ limit: Int, patience: Duration, at now: MonotonicTime) -> [Entry] {
        state.withLock { state in
            guard state.entries.count >= limit || state.since <= now - patience else { return [] }
            var taken: [Entry] = []
            while taken.count < limit, state.first < state.order.count {
                let id = state.order[state.first]
                state.first += 1
                if let entry = state.entries.removeValue(forKey: id) { taken.append(entry) }
            }
            if state.first == state.order.count || state.first > Self.limit {
                state.order.removeFirst(state.first)
                state.first = 0
            }
            state.since = state.entries.isEmpty ? .distantFuture : now - patience
            return taken
        }
    }

    /// Instances that wait, and news that were not noted because too many do.
    var counts: (waiting: Int, dropped: UInt64) { state.withLock { ($0.entries.count, $0.dropped) } }
}
