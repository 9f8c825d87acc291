// A list as the answer to a call: 304 when the client has it, a kept answer, or one that is rendered: here when it is
// short, on a render thread when it is not.

import Catalog
import HTTP
import Libevent
import Text

extension RenderedAnswers {
    /// Answers a request for a list.
    ///
    /// - Parameters:
    ///   - key: the bytes of the request that ask for the list.
    ///   - level: what the list's tag stands for, as `ListRequest.level` has it.
    ///   - find: whether the list, of which there may be any form, has a tag; throws where there is none. Cheap
    ///   compared with rendering the list.
    ///   - read: what the request asks for.
    package func answer(
        _ call: borrowing Call, _ resource: ListedResource, key: ArraySlice<UInt8>,
        level: (borrowing Call) throws(Refused) -> ListLevel = { _ in .namespace },
        find: (borrowing Call) throws(Refused) -> Bool, read: (borrowing Call) throws(Refused) -> any ListRequest
    ) throws(Refused) -> Reply {
        do throws(Refused) {
            return try found(call, resource, key, level, find, read)
        } catch {
            guard case .noSuchService = error else { throw error }
            throw error.tagged(try level(call), resource, try call.tenant(), key)
        }
    }

    private func found(
        _ call: borrowing Call, _ resource: ListedResource, _ key: ArraySlice<UInt8>,
        _ level: (borrowing Call) throws(Refused) -> ListLevel,
        _ find: (borrowing Call) throws(Refused) -> Bool,
        _ read: (borrowing Call) throws(Refused) -> any ListRequest
    ) throws(Refused) -> Reply {
        let namespace = try call.tenant()
        let revision = revision(of: namespace)
        let condition = resource.format.isTagged ? call.request.head[.ifNoneMatch] : nil
        if let condition {
            let level = try level(call)
            let current = EntityTag(
                scope: EntityTag.scope(of: resource, namespace, key), digest: digest(level, in: namespace, revision))
            let tag = current.bytes
            // Most clients show the tag alone, just as they got it.
            if condition.span.hasSameBytes(as: tag.span) || current.isNamed(in: condition),
                !level.isMissing(at: current.digest)
            {
                return .now(Self.notModified(tag))
            }
            // Judged before anything is rendered: what is rendered would not be sent (R322).
            if EntityTag.isAnything(condition) {
                return .now(try find(call) ? Self.notModified(tag) : Response(.notModified))
            }
        }
        if let kept = kept(resource, namespace, key, revision, at: call.moment) {
            guard mustCompressBeside(kept, call) else { return .now(response(kept, to: call)) }
            return try wait(for: try read(call), kept, resource, key, call, revision)
        }
        let request = try read(call)
        guard let made = try makeHere(request, resource, key, revision, at: call.moment, call.context.connectionLimits)
        else {
            return try wait(for: request, nil, resource, key, call, revision)
        }
        guard mustCompressBeside(made, call) else { return .now(response(made, to: call)) }
        return try wait(for: request, made, resource, key, call, revision)
    }

    private func wantsGzip(_ call: borrowing Call) -> Bool { Compression.isWanted(by: call.request.head) }

    /// Whether to compress an answer would hold up the loop.
    private func mustCompressBeside(_ answer: RenderedAnswer, _ call: borrowing Call) -> Bool {
        answer.body.count > RenderBudget.loopGzip && wantsGzip(call) && !answer.isCompressionTried
    }

    private func response(_ answer: RenderedAnswer, to call: borrowing Call) -> Response {
        // Where overdue instances were left out, the tag is another than the namespace's digest makes.
        if answer.isTagged, let condition = call.request.head[.ifNoneMatch], answer.tag.isNamed(in: condition) {
            return Self.notModified(answer.entityTag)
        }
        var gzip: FragmentChain?
        if answer.body.count >= Compression.threshold, wantsGzip(call), !mustCompressBeside(answer, call) {
            gzip = self.gzip(of: answer)
        }
        var response = Response(
            .ok, contentType: answer.resource.format.contentType, shared: gzip ?? answer.body)
        response.fields.append(contentsOf: answer.fields)
        if gzip != nil { response.fields.append(.contentEncoding, "gzip") }
        return response
    }

    private static func notModified(_ tag: [UInt8]) -> Response {
        var response = Response(.notModified)
        response.fields.append(.entityTag, ascii: tag)
        return response
    }

    /// Has a list rendered or compressed on a render thread, or joins a job for the same list.
    private func wait(
        for request: any ListRequest, _ plain: RenderedAnswer?, _ resource: ListedResource, _ key: ArraySlice<UInt8>,
        _ call: borrowing Call, _ revision: Revision
    ) throws(Refused) -> Reply {
        // Not made only to be refused.
        guard call.context.connectionLimits.hasRoom(forBytes: RenderBudget.loopGzip) else { throw .noRoom }
        let key = RenderKey(
            resource: resource, namespace: request.namespace, key: Array(key), variant: request.variant,
            isCompressed: wantsGzip(call))
        return try wait(
            for: key, request, plain, call, revision,
            refused: { $0.tagged(request.level, key.resource, key.namespace, key.key[...]) },
            then: { (call, answer) throws(Refused) in .now(call.answers.response(answer, to: call)) })
    }

    /// Goes on when a render thread has made a list, which is kept for other clients of this loop.
    ///
    /// - Parameters:
    ///   - plain: the list, where it is only to be compressed.
    ///   - refused: makes of a refusal what the client is told.
    func wait(
        for key: RenderKey, _ request: any ListRequest, _ plain: RenderedAnswer?, _ call: borrowing Call,
        _ revision: Revision, refused: @escaping (Refused) -> Refused = { $0 },
        then: @escaping (borrowing Call, RenderedAnswer) throws(Refused) -> Reply
    ) throws(Refused) -> Reply {
        guard let job = call.context.renderThreads.job(key, request, plain, at: call.moment, revision) else {
            throw .renderingBusy
        }
        return .later(
            Waiting(for: .rendering(job)) { (call, wake) throws(Refused) in
                guard wake == .come, let outcome = job.outcome else {
                    job.leave()
                    throw .renderingBusy
                }
                switch outcome {
                case .refused(let refusal): throw refused(refusal)
                case .made(let answer):
                    call.answers.keep(answer, at: call.moment)
                    return try then(call, answer)
                }
            })
    }
}

extension Refused {
    /// That there is no such service is an answer for which a client can wait, too.
    fileprivate func tagged(
        _ level: ListLevel, _ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>
    ) -> Refused {
        guard case .noSuchService = self, case .serviceAlone = level else { return self }
        return .noServiceYet(tag: EntityTag(scope: EntityTag.scope(of: resource, namespace, key), digest: 0).field)
    }
}

extension ListLevel {
    /// Whether a client that shows this digest knows that there is nothing.
    fileprivate func isMissing(at digest: UInt64) -> Bool {
        if case .serviceAlone = self { digest == 0 } else { false }
    }
}
