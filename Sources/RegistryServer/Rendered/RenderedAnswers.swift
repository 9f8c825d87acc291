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

    /// Answers a request for a list: 304 when the client has it, what is kept, or what is made: here when it is short, beside the loops when it is not.
    ///
    /// - Parameters:
    ///   - key: the bytes of the request that ask for the list.
    ///   - find: whether the list, of which there may be any form, has a tag; throws where there is none. Cheap beside the making of the list.
    ///   - read: what the request asks for.
    func answer(
        _ call: borrowing Call, _ resource: ListedResource, key: ArraySlice<UInt8>,
        find: (borrowing Call) throws(Refused) -> Bool, read: (borrowing Call) throws(Refused) -> ListRequest
    ) throws(Refused) -> Reply {
        let namespace = try call.tenant()
        let revision = store.revision(of: namespace)
        let condition = call.request.head[.ifNoneMatch]
        if let condition {
            let current = EntityTag(scope: EntityTag.scope(of: resource, namespace, key), digest: revision.digest)
            if current.isNamed(in: condition) { return .now(Self.notModified(current.field)) }
            // Judged before anything is rendered: what is rendered would not be sent (R322).
            if EntityTag.isAnything(condition) {
                return .now(try find(call) ? Self.notModified(current.field) : Response(.notModified))
            }
        }
        let hash = Self.hash(resource, namespace, key)
        if case .answer(let kept) = cache.value(for: hash), kept.revision == revision,
            kept.validity.holds(at: call.monotonic, call.moment.lease), kept.answers(resource, namespace, key)
        {
            counts.hit()
            guard mustCompressBeside(kept, call) else { return .now(response(kept, to: call, keptUnder: hash)) }
            return try wait(for: try read(call), kept, resource, key, call, revision)
        }
        counts.miss()
        let request = try read(call)
        guard let made = try makeHere(request, resource, key, call, revision) else {
            return try wait(for: request, nil, resource, key, call, revision)
        }
        if made.isKept { keep(.answer(made), under: hash, cost: made.cost) }
        guard mustCompressBeside(made, call) else { return .now(response(made, to: call, keptUnder: made.isKept ? hash : nil)) }
        return try wait(for: request, made, resource, key, call, revision)
    }

    /// Makes a list on this loop; nil when it is too long for that.
    private func makeHere(
        _ request: ListRequest, _ resource: ListedResource, _ key: ArraySlice<UInt8>, _ call: borrowing Call, _ revision: Revision
    ) throws(Refused) -> RenderedAnswer? {
        defer { if scratch.capacity > Self.keptScratch { scratch = [] } }
        var rendering = ListRendering(
            request, from: store, call.context.border, at: Instant(moment: call.moment, monotonic: call.monotonic), keeping: self, .loop)
        do throws(RenderStop) {
            let list = try rendering.make(scratch: &scratch)
            return Self.answer(
                list, resource, request.namespace, key, revision, isOneState: store.revision(of: request.namespace) == revision)
        } catch {
            switch error {
            case .tooLong: return nil
            case .refused(let refused): throw refused
            }
        }
    }

    /// A list as it is sent.
    ///
    /// - Parameters:
    ///   - revision: the namespace's before the list was made.
    ///   - isOneState: whether that was still so afterwards.
    static func answer(
        _ list: RenderedList, _ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>, _ revision: Revision,
        isOneState: Bool
    ) -> RenderedAnswer {
        let tag = EntityTag(
            scope: EntityTag.scope(of: resource, namespace, key), digest: isOneState ? revision.digest &- list.overdue : noDigest)
        return RenderedAnswer(resource, namespace, key, list, revision: revision, isOneState: isOneState, tag: tag)
    }

    /// For a list that was made while the namespace changed: partly of one state and partly of the next. With the digest of either it would be taken
    /// for current when that state comes back, as it does when a change is undone.
    private static var noDigest: UInt64 { .random(in: 0 ... .max) }

    private func wantsGzip(_ call: borrowing Call) -> Bool { AcceptEncoding.offersGzip(call.request.head[.acceptEncoding]) }

    /// Whether to compress an answer would hold up the loop.
    private func mustCompressBeside(_ answer: RenderedAnswer, _ call: borrowing Call) -> Bool {
        answer.body.count > RenderBudget.loopGzip && wantsGzip(call) && !answer.isCompressionTried
    }

    private func response(_ answer: RenderedAnswer, to call: borrowing Call, keptUnder hash: UInt64?) -> Response {
        // Where overdue instances were left out, the tag is another than the namespace's digest makes.
        if answer.isCommon, let condition = call.request.head[.ifNoneMatch], answer.tag.isNamed(in: condition) {
            return Self.notModified(answer.entityTag)
        }
        var response = Response(.ok, contentType: .json, shared: answer.body)
        if answer.isCommon { response.entityTag = answer.entityTag }
        if answer.body.count >= Responder.compressionThreshold, wantsGzip(call), !mustCompressBeside(answer, call) {
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

    // MARK: - Beside the loop

    /// Has a list made, or one that is made compressed, beside the loops, or joins whoever has the same made.
    private func wait(
        for request: ListRequest, _ plain: RenderedAnswer?, _ resource: ListedResource, _ key: ArraySlice<UInt8>, _ call: borrowing Call,
        _ revision: Revision
    ) throws(Refused) -> Reply {
        // Not made only to be refused.
        guard call.context.border.hasRoom(forBytes: RenderBudget.loopGzip) else { throw .noRoom }
        let key = RenderKey(
            resource: resource, namespace: request.namespace, key: Array(key), links: request.links?.prefix, isCompressed: wantsGzip(call))
        let instant = Instant(moment: call.moment, monotonic: call.monotonic)
        guard let job = call.context.renderThreads.job(key, request, plain, at: instant, revision) else { throw .renderingBusy }
        return .later(
            Waiting(for: .rendering(job)) { (call, wake) throws(Refused) in
                guard wake == .come, let outcome = job.outcome else {
                    job.leave()
                    throw .renderingBusy
                }
                switch outcome {
                case .refused(let refused): throw refused
                case .made(let answer): return .now(call.answers.deliver(answer, to: call))
                }
            })
    }

    /// Answers with a list that was made elsewhere, and keeps it for others.
    private func deliver(_ answer: RenderedAnswer, to call: borrowing Call) -> Response {
        guard answer.isKept, answer.validity.holds(at: call.monotonic, call.moment.lease) else {
            return response(answer, to: call, keptUnder: nil)
        }
        let hash = Self.hash(answer.resource, answer.namespace, answer.key[...])
        keep(.answer(answer), under: hash, cost: answer.cost)
        return response(answer, to: call, keptUnder: hash)
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

    static func hash(_ service: Name, _ namespace: Namespace) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(UInt8.max)
        hasher.combine(namespace)
        hasher.combine(service)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }
}

extension RenderedAnswers: ServiceRenderings {
    func rendering(of service: Name, in namespace: Namespace, _ revision: Revision, at instant: Instant) -> ServiceRendering? {
        guard case .service(let kept) = cache.value(for: Self.hash(service, namespace)),
            kept.isOf(service, namespace, revision, at: instant)
        else { return nil }
        return kept
    }

    func keep(_ rendering: ServiceRendering) {
        keep(.service(rendering), under: Self.hash(rendering.service, rendering.namespace), cost: rendering.cost)
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
