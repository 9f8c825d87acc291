// One client's stream of changes. What it is sent is made of the change log and of what is registered now, when it has
// room for it: a slow client gets fewer and newer events, and never a queue of them. Clients that have been told as much
// by the same filter share what is made for one of them.

import Catalog
import HTTP
import RegistryCore
import Serving
import Text
import Time

/// How far a client has been told.
struct WatchPosition {
    /// Of the last change of the namespace that it knows of.
    let index: UInt64
    /// The state of what is watched as of which it knows all.
    let revision: Revision
}

/// A client that watches. Belongs to its loop's thread.
final class WatchStream {
    /// How often a client without news is shown that its stream is alive (W208).
    private static let keepAlive: Duration = .seconds(15)
    /// Those are shown it together who were to be within this time: one turn of the loop for many.
    private static let together: Int64 = 500_000_000
    /// A comment, and no empty line behind it: some readers take that for an event.
    private static let comment = StreamPiece([UInt8(ascii: ":"), 0x0A])
    /// Who has missed more changes is told all there is instead (W206).
    private static let mostChanges = 1_000

    let namespace: Namespace
    private let query: WatchQuery
    private let scope: UInt64
    private let epoch: UInt64
    /// Its place among all that are held, and when its credential ends.
    private let watch: Watch

    /// - Parameter epoch: stands for this run of this member.
    init(_ query: WatchQuery, in namespace: Namespace, _ watch: Watch, epoch: UInt64) {
        self.query = query
        self.namespace = namespace
        self.watch = watch
        self.epoch = epoch
        scope = EntityTag.scope(of: .watched, namespace, query.key[...])
    }

    // MARK: - Positions

    private func id(_ revision: Revision, index: UInt64) -> EventID {
        EventID(scope: scope, epoch: epoch, index: index, digest: revision.digest)
    }

    /// Where a client goes on that was told up to an event; nil when it has to be told all there is.
    func position(after known: EventID, _ call: borrowing Call) -> WatchPosition? {
        let lookup = call.registry.lookup
        let last = last(lookup)
        let state = state(lookup)
        let present = id(lookup.revision(of: namespace), index: last)
        // Whatever happened meanwhile has come to nothing, on whichever member the client was told.
        if known.state == present.state { return WatchPosition(index: last, revision: state) }
        guard known.run == present.run, known.index <= last else { return nil }
        let page = lookup.changes(in: namespace, after: known.index, limit: Self.mostChanges + 1)
        guard !page.isForgotten, page.changes.count <= Self.mostChanges else { return nil }
        // The present state is not this one: what came after it is told at once.
        return WatchPosition(index: known.index, revision: .none)
    }

    /// The index of the last change of the namespace, also where it is empty since.
    private func last(_ lookup: Lookup) -> UInt64 {
        max(
            lookup.changes(in: namespace, after: nil, limit: 1).changes.last?.index ?? 0,
            lookup.revision(of: namespace).index)
    }

    /// The revision of what is watched.
    private func state(_ lookup: Lookup) -> Revision {
        query.filter.serviceName.map { lookup.revision(of: $0, in: namespace) } ?? lookup.revision(of: namespace)
    }

    // MARK: - Steps

    /// The first step of a client that knows what there was at a position.
    func step(_ prefix: [UInt8], from position: WatchPosition, _ call: borrowing Call) -> StreamStep {
        guard position.revision == .none else {
            return .piece(StreamPiece(prefix), then: wait(position, since: call.monotonic))
        }
        return deliver(from: position, call, after: prefix)
    }

    /// The first step of a client that is told all there is.
    func step(_ prefix: [UInt8], with list: MadeList, _ call: borrowing Call) -> StreamStep {
        let lookup = call.registry.lookup
        var index = list.revision.index
        if list.revision == .none {
            // An empty namespace has no index. If it still is empty, what was before is known.
            let last = last(lookup)
            if lookup.revision(of: namespace) == .none { index = last }
        }
        // The list is at least as new as its revision. Should it be newer, what is in it is told again.
        let state = query.filter.serviceName == nil ? list.revision : .none
        return .piece(
            StreamPiece(prefix + snapshot(list)),
            then: wait(WatchPosition(index: index, revision: state), since: call.monotonic))
    }

    private func snapshot(_ list: MadeList) -> [UInt8] {
        var events = EventWriter()
        events.append("snapshot") { $0 += list.body.joined }
        if list.isOneState { events.identify(id(list.revision, index: list.revision.index)) }
        return events.bytes
    }

    /// - Parameter since: when the client was sent something last.
    private func wait(_ position: WatchPosition, since: MonotonicTime) -> StreamWaiting {
        let change = ChangeWatch(namespace: namespace, service: query.filter.serviceName, revision: position.revision)
        return StreamWaiting(for: .change(change, until: min(Self.keepAliveTime(since: since), watch.end))) {
            [self] call, wake in
            switch wake {
            case .come: return deliver(from: position, call, since: since)
            case .timeUp where call.monotonic < watch.end:
                return .piece(Self.comment, then: wait(position, since: call.monotonic))
            default: return .last(.empty)
            }
        }
    }

    /// When a client is shown that its stream is alive that was sent something last at `since`.
    private static func keepAliveTime(since: MonotonicTime) -> MonotonicTime {
        let time = since + keepAlive
        return time.adding(nanoseconds: together - 1 - (time.nanoseconds - 1) % together)
    }

    /// What has happened since a position.
    private func deliver(
        from position: WatchPosition, _ call: borrowing Call, after prefix: [UInt8] = [], since: MonotonicTime? = nil
    ) -> StreamStep {
        let lookup = call.registry.lookup
        // Before the changes are read, so that none is missed.
        let (before, state) = (lookup.revision(of: namespace), state(lookup))
        let deliveries = call.answers.deliveries
        let key = Deliveries.Key(scope: scope, from: position.index, revision: before)
        let known = deliveries[key]
        guard let made = known ?? events(from: position, before, call) else { return .last(StreamPiece(prefix)) }
        if known == nil { deliveries[key] = made }
        let next = WatchPosition(index: made.index, revision: state)
        let piece = prefix.isEmpty ? made.piece : StreamPiece(prefix + made.piece.bytes)
        let isQuiet = piece.isEmpty
        return .piece(piece, then: wait(next, since: isQuiet ? since ?? call.monotonic : call.monotonic))
    }

    // MARK: - Events

    /// What is known of an instance that has changed.
    private struct Changed {
        let id: InstanceID
        let service: Name
        var last: Change.Kind
        /// Whether it was shown at any time.
        var wasShown: Bool
    }

    /// The events of what has happened since a position, up to a state that is not before this one; nil where a client
    /// has missed so much that it has to begin anew, and all there is is too much for a loop.
    private func events(from position: WatchPosition, _ before: Revision, _ call: borrowing Call) -> Delivery? {
        let lookup = call.registry.lookup
        let page = lookup.changes(in: namespace, after: position.index, limit: Self.mostChanges + 1)
        // What is registered may be older than this run, and so is the index of who knows it all.
        guard !page.isForgotten, page.changes.count <= Self.mostChanges else { return everything(call) }
        var writer = WatchedWriter()
        var events = EventWriter()
        for changed in collapsed(page.changes) {
            let present = lookup.instance(changed.id, in: namespace, at: call.moment.lease)
            if let present, query.filter.matches(present.instance) {
                events.append("put") { writer.append(present, to: &$0) }
            } else if changed.wasShown {
                events.appendGone(
                    changed.id, changed.service,
                    present != nil ? "filtered" : changed.last == .expired ? "expired" : "removed")
            }
        }
        // What was read is of one state if that has not changed meanwhile. Then its id stands for it on every member.
        let after = lookup.revision(of: namespace)
        if after == before { events.identify(id(before, index: before.index)) }
        return Delivery(events.bytes, index: max(before.index, page.changes.last?.index ?? 0))
    }

    /// The instances that changed, each once, in the order of their last changes, of those that the filter could show.
    private func collapsed(_ changes: [Change]) -> [Changed] {
        var places: [InstanceID: Int] = [:]
        var order: [Changed?] = []
        for change in changes where query.filter.couldShow(change) {
            let wasShown = change.before.map { query.filter.shows($0) } ?? false
            var changed = Changed(id: change.id, service: change.serviceName, last: change.kind, wasShown: wasShown)
            if let place = places[change.id], let known = order[place] {
                changed.wasShown = changed.wasShown || known.wasShown
                order[place] = nil
            }
            places[change.id] = order.count
            order.append(changed)
        }
        return order.compactMap(\.self)
    }

    /// All there is, where that is little enough for a loop.
    private func everything(_ call: borrowing Call) -> Delivery? {
        let request = AmalgamList(namespace: namespace, content: .watched(query.filter))
        guard let list = call.answers.makeAtOnce(request, .watched, key: query.key[...], for: call) else { return nil }
        return Delivery(snapshot(list), index: list.revision.index)
    }
}
