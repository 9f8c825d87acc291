// Lists are rendered when something has changed, not for each request. A loop keeps the answers that it gave: the same
// request finds its answer by its bytes, and while the namespace has not changed since, gets it by reference. Renewals
// are no change; what they move, `last_heartbeat`, may lag by a second. The answers are put together of rendered
// services, so that a change of one service renders that one again.
//
//   request's bytes ──► RenderedAnswer ──revision changed, or a second old──► ServiceRendering of each service ──the same──► Lookup

package import Catalog
import HTTP
import Libevent
import RegistryCore
import Synchronization

/// The rendered lists of one loop. Not Sendable.
package final class RenderedAnswers {
    private enum Kept {
        case answer(RenderedAnswer)
        case service(ServiceRendering)
    }

    private let lookup: Lookup
    private let counts: RenderedCounts
    private var cache: RecencyCache<Kept>
    /// What the streams of this loop are sent.
    package let deliveries = Deliveries()
    /// Reused for rendering.
    private var scratch: [UInt8] = []

    /// How many bytes of `scratch` are kept for the next rendering.
    private static let keptScratch = 1 << 20

    /// - Parameters:
    ///   - lookup: what is listed.
    ///   - capacity: how many bytes are kept; 0 keeps nothing.
    init(_ lookup: Lookup, capacity: Int, counts: RenderedCounts) {
        self.lookup = lookup
        self.counts = counts
        cache = RecencyCache(capacity: capacity)
    }

    func revision(of namespace: Namespace) -> Revision { lookup.revision(of: namespace) }

    /// What the tag of a list has of what it stands for.
    ///
    /// - Parameter revision: the namespace's.
    static func digest(_ level: ListLevel, in namespace: Namespace, _ revision: Revision, from lookup: Lookup)
        -> UInt64
    {
        switch level {
        case .namespace: revision.digest
        case .service(let name), .serviceAlone(let name): lookup.revision(of: name, in: namespace).digest
        }
    }

    func digest(_ level: ListLevel, in namespace: Namespace, _ revision: Revision) -> UInt64 {
        Self.digest(level, in: namespace, revision, from: lookup)
    }

    // MARK: - Answers

    /// What is kept for a request, if it may be shown.
    func kept(
        _ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>, _ revision: Revision,
        at instant: Moment
    ) -> RenderedAnswer? {
        guard case .answer(let kept) = cache.value(for: Self.hash(resource, namespace, key)), kept.revision == revision,
            kept.validity.holds(at: instant.monotonic, instant.lease), kept.answers(resource, namespace, key)
        else {
            counts.miss()
            return nil
        }
        counts.hit()
        return kept
    }

    /// Makes a list on this loop, and keeps it if it is worth that; nil when it is too long for a loop.
    ///
    /// - Parameter revision: the namespace's before the list is made.
    func makeHere(
        _ request: any ListRequest, _ resource: ListedResource, _ key: ArraySlice<UInt8>, _ revision: Revision,
        at instant: Moment,
        _ connectionLimits: ConnectionLimits
    ) throws(Refused) -> RenderedAnswer? {
        var rendering = ListRendering(
            resource.format, of: request.namespace, from: lookup, connectionLimits, at: instant, keeping: self, .loop,
            scratch: scratch)
        scratch = []
        defer { if rendering.scratch.capacity <= Self.keptScratch { scratch = rendering.scratch } }
        do throws(RenderStop) {
            let list = try request.make(&rendering)
            let answer = Self.answer(list, resource, request, key, revision, from: lookup)
            if answer.isKept { keep(answer) }
            return answer
        } catch {
            switch error {
            case .tooLong: return nil
            case .refused(let refused): throw refused
            }
        }
    }

    /// A list as it is sent.
    ///
    /// - Parameter revision: the namespace's before the list was made.
    static func answer(
        _ list: RenderedList, _ resource: ListedResource, _ request: any ListRequest, _ key: ArraySlice<UInt8>,
        _ revision: Revision, from lookup: Lookup
    ) -> RenderedAnswer {
        let namespace = request.namespace
        let digest = digest(request.level, in: namespace, revision, from: lookup)
        // Read last: if it is still so, all before is of one state.
        let isOneState = lookup.revision(of: namespace) == revision
        let tag = EntityTag(
            scope: EntityTag.scope(of: resource, namespace, key),
            digest: isOneState ? digest &- list.overdue : noDigest)
        return RenderedAnswer(resource, namespace, key, list, revision: revision, isOneState: isOneState, tag: tag)
    }

    /// For a list that was made while the namespace changed: partly of one state and partly of the next. With the
    /// digest of either it would be taken for current when that state comes back, as it does when a change is undone.
    private static var noDigest: UInt64 { .random(in: 0 ... .max) }

    /// An answer's body in gzip; nil when that would not be smaller. Where the answer is kept, it costs more from now
    /// on.
    func gzip(of answer: RenderedAnswer) -> FragmentChain? {
        guard !answer.isCompressionTried else { return answer.gzip }
        let gzip = answer.gzip
        let hash = Self.hash(answer.resource, answer.namespace, answer.key[...])
        if gzip != nil, case .answer(let kept) = cache.value(for: hash), kept === answer {
            cache.setCost(answer.cost, for: hash)
            counts.hold(cache.cost)
        }
        return gzip
    }

    /// Keeps an answer that was made elsewhere, if it is worth that and may still be shown.
    func keep(_ answer: RenderedAnswer, at instant: Moment) {
        if answer.isKept, answer.validity.holds(at: instant.monotonic, instant.lease) { keep(answer) }
    }

    // MARK: - What is kept

    private func keep(_ answer: RenderedAnswer) {
        keep(.answer(answer), under: Self.hash(answer.resource, answer.namespace, answer.key[...]), cost: answer.cost)
    }

    private func keep(_ value: Kept, under hash: UInt64, cost: Int) {
        cache.insert(value, for: hash, cost: cost)
        counts.hold(cache.cost)
    }

    private static func hash(_ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(resource.rawValue)
        hasher.combine(namespace)
        unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    package static func hash(_ service: Name, _ namespace: Namespace, _ format: Format) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(UInt8.max)
        hasher.combine(format.number)
        hasher.combine(namespace)
        hasher.combine(service)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }
}

extension RenderedAnswers: ServiceRenderings {
    func rendering(
        of service: Name, in namespace: Namespace, _ format: Format, _ revision: Revision, at instant: Moment
    ) -> ServiceRendering? {
        guard case .service(let kept) = cache.value(for: Self.hash(service, namespace, format)),
            kept.isOf(service, namespace, format, revision, at: instant)
        else { return nil }
        return kept
    }

    func keep(_ rendering: ServiceRendering) {
        keep(
            .service(rendering), under: Self.hash(rendering.service, rendering.namespace, rendering.format),
            cost: rendering.cost)
    }
}

/// Counts of one loop's rendered lists; written by its loop, read for each scrape.
package final class RenderedCounts: Sendable {
    private let hits = Atomic<UInt64>(0)
    private let misses = Atomic<UInt64>(0)
    private let bytes = Atomic<Int>(0)

    /// Only the loop's thread writes, so no addition is lost.
    fileprivate func hit() { hits.store(hits.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
    fileprivate func miss() { misses.store(misses.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
    fileprivate func hold(_ count: Int) { bytes.store(count, ordering: .relaxed) }

    /// Lists that were sent as they were kept.
    package var hitCount: UInt64 { hits.load(ordering: .relaxed) }
    /// Lists that had to be rendered.
    package var missCount: UInt64 { misses.load(ordering: .relaxed) }
    /// Bytes that are kept.
    package var heldBytes: Int { bytes.load(ordering: .relaxed) }
}
