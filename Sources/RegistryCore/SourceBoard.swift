// What all sources have, between the threads that read them and the threads that answer clients. A source's thread
// prepares a change under a lock of its own and then puts it up as a whole; readers hold their lock for one look into a
// table, so no source can hold up a look-up.
//
//   source's thread ──► SourcePublisher ──► SourceViews (the writers' lock) ──put up──► views (the readers' lock) ──► Lookup

package import Catalog
import Synchronization

/// The published views of all sources. Safe to use from any thread.
///
/// Locks: a publisher takes `writing`, and under it first a shard's and then `views`, each for a moment. Readers take
/// `views` alone.
package final class SourceBoard: Sendable {
    /// Instances of one source; more are refused.
    package static let instanceLimit = 1_000_000

    private let kinds: [SourceKind]
    /// For how long what a source had is shown without being confirmed.
    private let maximumAge: Duration
    private let store: Store
    /// What is being prepared.
    private let writing: Mutex<SourceViews>
    /// What readers see.
    private let views: Mutex<SourceViews>
    private let statuses: Mutex<[SourceStatus]>

    /// - Parameters:
    ///   - kinds: those that are configured; the first that has an id wins.
    ///   - maximumAge: for how long what a source had is shown without being confirmed.
    ///   - store: gives the indexes of changes.
    package init(_ kinds: [SourceKind], maximumAge: Duration, _ store: Store, at now: SourceTime = .now()) {
        self.kinds = kinds
        self.maximumAge = maximumAge
        self.store = store
        writing = Mutex(SourceViews(sources: kinds.count))
        views = Mutex(SourceViews(sources: kinds.count))
        statuses = Mutex(kinds.map { SourceStatus($0, at: now) })
    }

    // MARK: - Readers

    /// What sources have in a namespace; nil when that is nothing.
    func view(of namespace: Namespace) -> SourceNamespace? { views.withLock { $0.joined[namespace] } }

    /// The source that has an instance.
    func source(of id: InstanceID, in namespace: Namespace) -> SourceKind? {
        let views = views.withLock { $0 }
        return kinds.indices.first { views.content(of: $0, in: namespace)?.instance(id) != nil }.map { kinds[$0] }
    }

    /// How each source stands.
    package var report: [SourceStatus] { statuses.withLock { $0 } }

    /// The same, with how much each has in one namespace.
    package func report(in namespace: Namespace) -> [(status: SourceStatus, size: NamespaceSize)] {
        let views = views.withLock { $0 }
        return zip(kinds.indices, report).map { source, status in
            let content = views.content(of: source, in: namespace)
            return (
                status, NamespaceSize(services: content?.services.count ?? 0, instances: content?.count ?? 0)
            )
        }
    }

    /// The namespaces in which any source has something, with how much that is for readers.
    var namespaces: [(namespace: Namespace, size: NamespaceSize)] {
        views.withLock { $0 }.joined.map {
            ($0.key, NamespaceSize(services: $0.value.services.count, instances: $0.value.count))
        }
    }

    // MARK: - Writers

    /// For the thread that reads a source; nil when it is not configured.
    package func publisher(of kind: SourceKind) -> SourcePublisher? {
        kinds.firstIndex(of: kind).map { SourcePublisher(kind, $0, self) }
    }

    /// Stops showing what has not been confirmed for too long. For the control loop, once a second: a source that is
    /// being published this very moment is left to the next time.
    package func dropAged(at now: SourceTime) {
        for source in kinds.indices where statuses.withLock({ $0[source].isTooOld(maximumAge, at: now) }) {
            let isDropped: Void? = writing.withLockIfAvailable { writing in
                // It may have been confirmed meanwhile.
                guard statuses.withLock({ $0[source].isTooOld(maximumAge, at: now) }) else { return }
                statuses.withLock { $0[source].drop(at: now) }
                let changes = writing.changes(of: source, to: [:])
                apply(changes, of: source, to: &writing, at: now)
            }
            if isDropped == nil { return }
        }
    }

    fileprivate func replace(_ source: Int, with content: SourceContent, at now: SourceTime) throws(SourceProblem) {
        let count = content.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.count } }
        guard count <= Self.instanceLimit else { throw Self.tooMany(count) }
        writing.withLock { writing in
            // From now on an update adds to the whole again.
            statuses.withLock { $0[source].confirm([], lag: nil, isWhole: true, at: now) }
            apply(writing.changes(of: source, to: content), of: source, to: &writing, at: now)
        }
    }

    fileprivate func update(_ source: Int, _ changes: [SourceChange], at now: SourceTime) throws(SourceProblem) {
        let failure = writing.withLock { writing -> SourceProblem? in
            guard !isDropped(source) else {
                return SourceProblem("what was read before is shown no more: all has to be read again")
            }
            let count = writing.size(of: source).instances + changes.reduce(0) { $0 + $1.instances.count }
            guard count <= Self.instanceLimit else { return Self.tooMany(count) }
            apply(changes, of: source, to: &writing, at: now)
            return nil
        }
        if let failure { throw failure }
    }

    fileprivate func isDropped(_ source: Int) -> Bool { statuses.withLock { $0[source].state == .dropped } }

    fileprivate func change(_ source: Int, _ body: (inout SourceStatus) -> Void) {
        statuses.withLock { body(&$0[source]) }
    }

    private func apply(_ changes: [SourceChange], of source: Int, to writing: inout SourceViews, at now: SourceTime) {
        let name = kinds[source].rawValue
        let isChanged = writing.apply(changes, of: source) { namespace, events in
            store.note(events, of: name, in: namespace, at: now.wall / 1_000)
        }
        let size = writing.size(of: source)
        statuses.withLock { $0[source].note(size, isChanged: isChanged) }
        guard isChanged else { return }
        // What readers held last is freed outside of their lock.
        var published = writing
        views.withLock { swap(&$0, &published) }
        // Not before readers see it.
        for namespace in Set(changes.map(\.namespace)) { store.noteElsewhere(namespace) }
    }

    private static func tooMany(_ count: Int) -> SourceProblem {
        SourceProblem(
            "it has \(count) instances, and \(instanceLimit) are the most that are read: what was read before stays")
    }
}

/// The way of one source to the board. Safe to use from any thread; meant for the one that reads the source.
package final class SourcePublisher: Sendable {
    package let kind: SourceKind
    private let source: Int
    private let board: SourceBoard

    fileprivate init(_ kind: SourceKind, _ source: Int, _ board: SourceBoard) {
        self.kind = kind
        self.source = source
        self.board = board
    }

    /// Replaces all that the source has, in all namespaces, and confirms it. Services that stay as they are keep their
    /// revisions. Throws when there are too many instances; then nothing has changed.
    package func replace(with content: SourceContent, at now: SourceTime) throws(SourceProblem) {
        try board.replace(source, with: content, at: now)
    }

    /// Replaces some services. A call copies a word for each service of the namespace, so what comes together belongs
    /// into one. Throws, and changes nothing, when there would be too many instances, and after a drop, when the whole
    /// has to be read again.
    package func update(_ changes: [SourceChange], at now: SourceTime) throws(SourceProblem) {
        try board.update(source, changes, at: now)
    }

    /// What is shown is what the source has now, but for the parts with these problems, of which the last good content
    /// is shown. To be called at least twice within CATALOG_MAX_AGE.
    ///
    /// - Parameter lag: from the latest change there to here, where that is known.
    package func confirm(_ problems: [SourceProblem] = [], lag: Duration? = nil, at now: SourceTime) {
        board.change(source) { $0.confirm(problems, lag: lag, at: now) }
    }

    /// The source cannot be read. What it had is shown until CATALOG_MAX_AGE after the last confirmation.
    package func fail(_ problem: SourceProblem, at now: SourceTime) {
        board.change(source) { $0.fail(problem, at: now) }
    }

    /// Whether nothing is shown any more, because nothing was confirmed for too long: then `replace` alone will do.
    package var isDropped: Bool { board.isDropped(source) }
}
