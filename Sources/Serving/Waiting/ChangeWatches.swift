// Who of one loop waits for a change, by what they watch: a namespace, or one of its services. Those who watch the same
// stand in one line, which is looked at once and taken as a whole when there is a change: ten thousand cost no search
// each. Pure: its caller reads the revisions.

import Catalog

/// Those of one loop who wait for changes.
struct ChangeWatches<Waiter: AnyObject> {
    /// One who waits, and the state that it knows.
    fileprivate struct Entry {
        let number: UInt64
        /// Nil once it has left.
        var waiter: Waiter?
        let known: Revision
    }

    /// Those who watch the same.
    fileprivate final class Line {
        let namespace: Namespace
        /// Nil: anything in the namespace.
        let service: Name?
        /// As of the last look; nil when one has come since that knew another state.
        var seen: Revision?
        /// Invariant: in the order of their numbers.
        var entries: [Entry] = []
        /// How many entries have been left.
        var left = 0

        init(_ namespace: Namespace, _ service: Name?) {
            self.namespace = namespace
            self.service = service
        }

        var isEmpty: Bool { entries.count == left }
    }

    /// Who watches a namespace.
    private struct Watched {
        /// As of the last look; nil when one has come since that knew another state.
        var seen: Revision?
        var lines: [Name?: Line] = [:]
    }

    /// By the shards of the catalog that they are in. A line that is empty stays until the next change: who polls is back
    /// by then. Invariant: each namespace has a line, and each shard a namespace.
    private var shards: [Int: [Namespace: Watched]] = [:]
    private var lastNumber: UInt64 = 0
    /// The line that was joined last. Invariant: it is in `shards`.
    private var recent: Line?

    /// The shards with a namespace that is watched, a bit for each.
    var heard: UInt64 { shards.keys.reduce(0) { $0 | 1 << UInt64($1) } }

    /// Has one wait; returns its number, which is not 0, and whether what it watches is to be looked at: where it knows
    /// the state of the last look, the next change will show.
    mutating func add(_ waiter: Waiter, _ watch: ChangeWatch) -> (number: UInt64, isToBeLookedAt: Bool) {
        let line = line(of: watch) ?? begin(watch)
        lastNumber += 1
        line.entries.append(Entry(number: lastNumber, waiter: waiter, known: watch.revision))
        let isKnown = line.seen == watch.revision
        if !isKnown {
            line.seen = nil
            shards[Store.shard(of: watch.namespace)]?[watch.namespace]?.seen = nil
        }
        return (lastNumber, !isKnown)
    }

    private mutating func line(of watch: ChangeWatch) -> Line? {
        if let recent, recent.service == watch.service, recent.namespace == watch.namespace { return recent }
        guard let line = shards[Store.shard(of: watch.namespace)]?[watch.namespace]?.lines[watch.service] else {
            return nil
        }
        recent = line
        return line
    }

    private mutating func begin(_ watch: ChangeWatch) -> Line {
        let line = Line(watch.namespace, watch.service)
        shards[Store.shard(of: watch.namespace), default: [:]][watch.namespace, default: Watched()]
            .lines[watch.service] = line
        recent = line
        return line
    }

    /// The one of this number waits no longer for what it watched. Nothing happens where it was taken out before.
    mutating func remove(_ number: UInt64, _ watch: ChangeWatch) {
        guard let line = line(of: watch) else { return }
        var (low, high) = (0, line.entries.count)
        while low < high {
            let middle = (low + high) / 2
            if line.entries[middle].number < number { low = middle + 1 } else { high = middle }
        }
        guard low < line.entries.count, line.entries[low].number == number, line.entries[low].waiter != nil else {
            return
        }
        line.entries[low].waiter = nil
        line.left += 1
        guard line.left > line.entries.count / 2 else { return }
        line.entries.removeAll { $0.waiter == nil }
        line.left = 0
    }

    /// Takes those out for whom something has changed, the longest waiting first.
    ///
    /// - Parameters:
    ///   - changed: the shards in which something may have, a bit for each.
    ///   - revision: the present one of a namespace, or of one of its services; asked once for each that is watched.
    mutating func takeChanged(in changed: UInt64, _ revision: (Namespace, Name?) -> Revision) -> [Waiter] {
        var taken: [Entry] = []
        var isMixed = false
        for shard in Array(shards.keys) where changed & 1 << UInt64(shard) != 0 {
            guard var namespaces = shards.removeValue(forKey: shard) else { continue }
            for namespace in Array(namespaces.keys) {
                guard var watched = namespaces.removeValue(forKey: namespace) else { continue }
                Self.drop(&watched.lines, &recent)
                if watched.lines.isEmpty { continue }
                let now = revision(namespace, nil)
                if now != watched.seen {
                    watched.seen = now
                    for line in watched.lines.values {
                        let before = taken.count
                        Self.take(line, line.service == nil ? now : revision(namespace, line.service), into: &taken)
                        isMixed = isMixed || before > 0 && taken.count > before
                    }
                }
                namespaces[namespace] = watched
            }
            if !namespaces.isEmpty { shards[shard] = namespaces }
        }
        if isMixed { taken.sort { $0.number < $1.number } }
        return taken.compactMap(\.waiter)
    }

    /// Drops the lines in which nobody stands any more.
    private static func drop(_ lines: inout [Name?: Line], _ recent: inout Line?) {
        for line in lines.values where line.isEmpty {
            lines[line.service] = nil
            if recent === line { recent = nil }
        }
    }

    /// Nearly always all of them go.
    private static func take(_ line: Line, _ now: Revision, into taken: inout [Entry]) {
        line.seen = now
        let staying = line.entries.filter { $0.waiter != nil && $0.known == now }
        if taken.isEmpty, staying.isEmpty, line.left == 0 {
            swap(&taken, &line.entries)
        } else {
            taken += line.entries.filter { $0.waiter != nil && $0.known != now }
            line.entries = staying
        }
        line.left = 0
    }
}
