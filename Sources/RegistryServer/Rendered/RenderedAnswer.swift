// One list as it was sent, kept for whoever asks for the same again. It stands under the bytes of the request, so that finding it reads no
// query and makes no name.

import Catalog
import Gzip
import HTTP

/// What is listed. The raw value tells the keys of one from those of another.
enum ListedResource: UInt8 {
    /// The key is the query as sent.
    case instances
    /// The key is the path as sent.
    case service
    /// There is one in a namespace: the key is empty.
    case services
}

/// A list, rendered.
struct RenderedList {
    let body: FragmentChain
    var validity: Validity
    /// Whether it is the same for everybody: with links it depends on who asks.
    var isCommon = true
    /// Whether it is worth keeping.
    var isKept = true
    /// The sum of the hashes of instances that it leaves out because their leases have run out, though they still count in the namespace's digest.
    var overdue: UInt64 = 0

    init(body: FragmentChain, validity: Validity) {
        self.body = body
        self.validity = validity
    }

    init(bytes: [UInt8], validity: Validity) {
        self.init(body: FragmentChain([Fragment(bytes)]), validity: validity)
    }
}

/// A list that is kept.
final class RenderedAnswer {
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
    /// The value of `ETag`.
    let entityTag: String
    private var compressed = Compressed.untried

    init(
        _ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>, _ list: RenderedList,
        revision: Revision, tag: EntityTag
    ) {
        self.resource = resource
        self.namespace = namespace
        self.key = Array(key)
        self.revision = revision
        validity = list.validity
        body = list.body
        self.tag = tag
        entityTag = tag.field
    }

    /// Whether this is the answer to what is asked.
    func answers(_ resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>) -> Bool {
        self.resource == resource && self.key.elementsEqual(key) && self.namespace == namespace
    }

    /// The body in gzip, made when first asked for; nil when it would not get smaller.
    var gzip: FragmentChain? {
        switch compressed {
        case .untried:
            let bytes = Gzip.compress(body.joined)
            let chain = bytes.map { FragmentChain([Fragment($0)]) }
            compressed = chain.map { .done($0) } ?? .useless
            return chain
        case .useless: return nil
        case .done(let chain): return chain
        }
    }

    /// What it takes in memory, in bytes, with some for what surrounds the text. Fragments that others have too are counted here as well: what
    /// is counted is never less than what is used.
    var cost: Int {
        var cost = Self.overhead + key.count + body.count
        if case .done(let chain) = compressed { cost += chain.count }
        return cost
    }

    /// The object, its chain and its slot in the cache, in bytes.
    private static let overhead = 500
}
