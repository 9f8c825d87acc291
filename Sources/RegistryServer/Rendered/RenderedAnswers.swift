// Lists are rendered when something has changed, not when somebody asks. A loop keeps the answers that it gave: the same request finds its answer
// by its bytes, and while the namespace has not changed since, gets it by reference. Renewals are no change; what they move, `last_heartbeat`,
// may lag by a second. Behind the answers stand the services that they were put together of, so that a change of one renders one anew.
//
//   request's bytes ──► RenderedAnswer ──revision changed, or a second old──► ServiceRendering of each service ──the same──► Store

import Catalog
import HTTP
import Synchronization

/// The rendered lists of one loop. Not Sendable.
final class RenderedAnswers {
    private enum Kept {
        case answer(RenderedAnswer)
        case service(ServiceRendering)
    }

    private let store: Store
    private let counts: RenderedCounts
    private var cache: RecencyCache<Kept>
    /// Reused for rendering.
    private var scratch: [UInt8] = []

    /// How many bytes of `scratch` are kept for the next rendering.
    private static let keptScratch = 1 << 20

    /// - Parameters:
    ///   - store: what is listed.
    ///   - capacity: how many bytes are kept; 0 keeps nothing.
    init(_ store: Store, capacity: Int, counts: RenderedCounts) {
        self.store = store
        self.counts = counts
        cache = RecencyCache(capacity: capacity)
    }

    // MARK: - Answers

    /// Answers a request for a list: 304 when the client has it, what is kept, or what `render` makes.
    ///
    /// - Parameters:
    ///   - key: the bytes of the request that ask for the list.
    ///   - find: whether the list, of which there may be any form, has a tag; throws where there is none. Cheap beside `render`.
    ///   - render: makes the list.
    func answer(
        _ call: borrowing Call, _ resource: ListedResource, key: ArraySlice<UInt8>,
        find: (borrowing Call) throws(Refused) -> Bool,
        render: (borrowing Call, RenderedAnswers) throws(Refused) -> RenderedList
    ) throws(Refused) -> Response {
        let namespace = try call.tenant()
        let revision = store.revision(of: namespace)
        let condition = call.request.head[.ifNoneMatch]
        if let condition {
            let current = EntityTag(scope: EntityTag.scope(of: resource, namespace, key), digest: revision.digest)
            if current.isNamed(in: condition) { return Self.notModified(current.field) }
            // Judged before anything is rendered: what is rendered would not be sent (R322).
            if EntityTag.isAnything(condition) {
                return try find(call) ? Self.notModified(current.field) : Response(.notModified)
            }
        }
        let hash = Self.hash(resource, namespace, key)
        if case .answer(let kept) = cache.value(for: hash), kept.revision == revision,
            kept.validity.holds(at: call.monotonic, call.moment.lease), kept.answers(resource, namespace, key)
        {
            counts.hit()
            return response(kept, to: call, condition, keptUnder: hash)
        }
        counts.miss()
        let list = try render(call, self)
        guard list.isCommon else { return Response(.ok, contentType: .json, body: list.body.joined) }
        let isOneState = store.revision(of: namespace) == revision
        let tag = EntityTag(
            scope: EntityTag.scope(of: resource, namespace, key), digest: isOneState ? revision.digest &- list.overdue : Self.noDigest)
        let made = RenderedAnswer(resource, namespace, key, list, revision: revision, tag: tag)
        let isKept = list.isKept && isOneState
        if isKept { keep(.answer(made), under: hash, cost: made.cost) }
        return response(made, to: call, condition, keptUnder: isKept ? hash : nil)
    }

    /// For a list that was made while the namespace changed: partly of one state and partly of the next. With the digest of either it would be taken
    /// for current when that state comes back, as it does when a change is undone.
    private static var noDigest: UInt64 { .random(in: 0 ... .max) }

    private func response(
        _ answer: RenderedAnswer, to call: borrowing Call, _ condition: ArraySlice<UInt8>?, keptUnder hash: UInt64?
    ) -> Response {
        // Where overdue instances were left out, the tag is another than the namespace's digest makes.
        if let condition, answer.tag.isNamed(in: condition) { return Self.notModified(answer.entityTag) }
        var response = Response(.ok, contentType: .json, shared: answer.body)
        response.entityTag = answer.entityTag
        if answer.body.count >= Responder.compressionThreshold, AcceptEncoding.offersGzip(call.request.head[.acceptEncoding]) {
            let before = answer.cost
            if let gzip = answer.gzip {
                response.body = .shared(gzip)
                response.isGzipped = true
            }
            if let hash, answer.cost != before {
                cache.setCost(answer.cost, for: hash)
                counts.hold(cache.cost)
            }
        }
        return response
    }

    private static func notModified(_ tag: String) -> Response {
        var response = Response(.notModified)
        response.entityTag = tag
        return response
    }

    // MARK: - Services

    /// What a service is as JSON, rendered anew when it has changed or is too old, and the hashes of what it leaves out as overdue; no rendering when
    /// nobody is in it.
    func rendering(
        of service: Name, in namespace: Namespace, revision: Revision, for call: borrowing Call
    ) -> (made: ServiceRendering?, overdue: UInt64) {
        let hash = Self.hash(service, namespace)
        if case .service(let kept) = cache.value(for: hash), kept.revision == revision,
            kept.validity.holds(at: call.monotonic, call.moment.lease), kept.service == service, kept.namespace == namespace
        {
            return (kept, kept.overdue)
        }
        let listing = store.listing(of: service, in: namespace, at: call.moment.lease)
        let validity = Validity(readAt: call.monotonic, liveUntil: listing.liveUntil)
        defer { if scratch.capacity > Self.keptScratch { scratch = [] } }
        guard let made = ServiceRendering(listing, of: service, in: namespace, validity, scratch: &scratch) else {
            return (nil, listing.overdue)
        }
        keep(.service(made), under: hash, cost: made.cost)
        return (made, made.overdue)
    }

    /// The instances of a service that have a status, or all of them; nil when there are none.
    func fragment(_ status: InstanceStatus?, of rendering: ServiceRendering) -> Fragment? {
        let before = rendering.cost
        let fragment = rendering.fragment(status)
        if rendering.cost != before {
            cache.setCost(rendering.cost, for: Self.hash(rendering.service, rendering.namespace))
            counts.hold(cache.cost)
        }
        return fragment
    }

    // MARK: - What is kept

    private func keep(_ value: Kept, under hash: UInt64, cost: Int) {
        cache.insert(value, for: hash, cost: cost)
        counts.hold(cache.cost)
    }

    private static func hash(_ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(resource.rawValue)
        hasher.combine(namespace)
        key.withUnsafeBytes { hasher.combine(bytes: $0) }
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    private static func hash(_ service: Name, _ namespace: Namespace) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(UInt8.max)
        hasher.combine(namespace)
        hasher.combine(service)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }
}

/// Counts of one loop's rendered lists; written by its loop, read by whoever scrapes.
final class RenderedCounts: Sendable {
    private let hits = Atomic<UInt64>(0)
    private let misses = Atomic<UInt64>(0)
    private let bytes = Atomic<Int>(0)

    /// Only the loop's thread writes, so no addition is lost.
    fileprivate func hit() { hits.store(hits.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
    fileprivate func miss() { misses.store(misses.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
    fileprivate func hold(_ count: Int) { bytes.store(count, ordering: .relaxed) }

    /// Lists that were sent as they were kept.
    var hitCount: UInt64 { hits.load(ordering: .relaxed) }
    /// Lists that had to be rendered.
    var missCount: UInt64 { misses.load(ordering: .relaxed) }
    /// Bytes that are kept.
    var heldBytes: Int { bytes.load(ordering: .relaxed) }
}
