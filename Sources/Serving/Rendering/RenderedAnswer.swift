// One list as it was sent, kept for the next request of the same. It stands under the bytes of the request, so that
// finding it reads no query and makes no name.

import Catalog
import Gzip
package import HTTP
import Synchronization
import Text

/// A list, rendered.
package struct RenderedList: Sendable {
    package let body: FragmentChain
    var validity: Validity
    /// Whether it is the same for everybody: with links it depends on the request.
    package var isCommon = true
    /// Whether it is worth keeping.
    package var isKept = true
    /// The sum of the hashes of instances that it leaves out because their leases have run out, though they still count
    /// in the namespace's digest.
    package var overdue: UInt64 = 0
    /// What the protocol says of it in the head of the answer.
    package var fields = ResponseFields()

    init(body: FragmentChain, validity: Validity) {
        self.body = body
        self.validity = validity
    }

    init(bytes: [UInt8], validity: Validity) {
        self.init(body: FragmentChain([Fragment(bytes)]), validity: validity)
    }
}

/// A list as it is sent. Safe to use from any thread.
final class RenderedAnswer: Sendable {
    /// What compression has come to.
    private enum Compressed {
        case untried, useless
        case done(FragmentChain)
    }

    let resource: ListedResource
    let namespace: Namespace
    /// The bytes of the request that ask for it.
    let key: [UInt8]
    /// The namespace's revision while the list was made.
    let revision: Revision
    let validity: Validity
    let body: FragmentChain
    let tag: EntityTag
    /// The value of `ETag`, as bytes.
    let entityTag: [UInt8]
    /// Whether it is sent: what depends on the request has no tag.
    let isTagged: Bool
    /// Whether it is worth keeping.
    let isKept: Bool
    /// Whether the namespace did not change while it was made.
    let isOneState: Bool
    /// What the head says of it: its tag, what the protocol adds, and on what its form depends. Put together once, for
    /// all who are sent it.
    let fields: ResponseFields
    private let compressed = Mutex(Compressed.untried)

    init(
        _ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>, _ list: RenderedList,
        revision: Revision, isOneState: Bool, tag: EntityTag
    ) {
        self.resource = resource
        self.namespace = namespace
        self.key = Array(key)
        self.revision = revision
        validity = list.validity
        body = list.body
        isTagged = list.isCommon && resource.format.isTagged
        entityTag = tag.bytes
        var fields = ResponseFields()
        if isTagged { fields.append(.entityTag, ascii: entityTag) }
        fields.append(contentsOf: list.fields)
        if let vary = resource.format.vary { fields.append(.vary, vary) }
        self.fields = fields
        self.isOneState = isOneState
        isKept = list.isKept && list.isCommon && isOneState
        self.tag = tag
    }

    /// Whether this is the answer to what is asked.
    func answers(_ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>) -> Bool {
        guard self.resource == resource, self.namespace == namespace else { return false }
        let own = self.key
        return own.span.hasSameBytes(as: key.span)
    }

    /// Whether it is known how the body compresses.
    var isCompressionTried: Bool {
        compressed.withLock { if case .untried = $0 { false } else { true } }
    }

    /// The body in gzip, made when first asked for; nil when it would not get smaller.
    var gzip: FragmentChain? { compress { _ in true } }

    /// The same within limits: `mayGrow` is called before the result grows by that many bytes; when it returns false,
    /// the body counts as one that would not get smaller.
    func compress(mayGrow: (Int) -> Bool) -> FragmentChain? {
        let (known, isTried) = compressed.withLock { compressed -> (FragmentChain?, Bool) in
            switch compressed {
            case .untried: (nil, false)
            case .useless: (nil, true)
            case .done(let chain): (chain, true)
            }
        }
        if isTried { return known }
        // Not under the lock: a loop may look meanwhile.
        let chain = Gzip.compress(body.fragments.map(\.bytes), mayGrow: mayGrow).map {
            FragmentChain([Fragment($0.fitted())])
        }
        compressed.withLock { $0 = chain.map { .done($0) } ?? .useless }
        return chain
    }

    /// What it takes in memory, in bytes, with some for what surrounds the text. Fragments that others have too are
    /// counted here as well: what is counted is never less than what is used.
    var cost: Int {
        var cost = Self.overhead + key.count + body.count
        compressed.withLock { if case .done(let chain) = $0 { cost += chain.count } }
        return cost
    }

    /// The object, its chain and its slot in the cache, in bytes.
    private static let overhead = 500
}
