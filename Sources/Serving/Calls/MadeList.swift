// A list that is part of an answer and not the whole of it, as the beginning of a stream is: it is rendered and kept as
// others are, without a tag and without compression.

package import Catalog
package import HTTP

/// A list, with the state that it is of.
package struct MadeList {
    package let body: FragmentChain
    /// The namespace's before the list was made; the list is not older.
    package let revision: Revision
    /// Whether that was still so afterwards.
    package let isOneState: Bool

    fileprivate init(_ answer: RenderedAnswer) {
        body = answer.body
        revision = answer.revision
        isOneState = answer.isOneState
    }
}

extension RenderedAnswers {
    /// Makes a list, or takes one that is kept, and goes on with it: at once, or when a render thread has made it.
    ///
    /// - Parameter key: the bytes of the request that ask for the list.
    package func make(
        _ request: any ListRequest, _ resource: ListedResource, key: ArraySlice<UInt8>, for call: borrowing Call,
        then: @escaping (borrowing Call, MadeList) throws(Refused) -> Reply
    ) throws(Refused) -> Reply {
        let revision = revision(of: request.namespace)
        if let list = try made(request, resource, key, revision, for: call) { return try then(call, list) }
        let key = RenderKey(
            resource: resource, namespace: request.namespace, key: Array(key), variant: request.variant,
            isCompressed: false)
        return try wait(
            for: key, request, nil, call, revision,
            then: { (call, answer) throws(Refused) in try then(call, MadeList(answer)) })
    }

    /// Makes a list, or takes one that is kept; nil when it is too long for a loop, or refused.
    package func makeAtOnce(
        _ request: any ListRequest, _ resource: ListedResource, key: ArraySlice<UInt8>, for call: borrowing Call
    ) -> MadeList? {
        try? made(request, resource, key, revision(of: request.namespace), for: call)
    }

    private func made(
        _ request: any ListRequest, _ resource: ListedResource, _ key: ArraySlice<UInt8>, _ revision: Revision,
        for call: borrowing Call
    ) throws(Refused) -> MadeList? {
        if let kept = kept(resource, request.namespace, key, revision, at: call.moment) { return MadeList(kept) }
        return try makeHere(request, resource, key, revision, at: call.moment, call.context.connectionLimits)
            .map(MadeList.init)
    }
}
