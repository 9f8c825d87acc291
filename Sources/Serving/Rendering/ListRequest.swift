// What a request for a list comes to, apart from the request itself: so that the list can be made in another place than where the request is. Each
// protocol has its own.

import Catalog

/// A list that somebody asks for.
package protocol ListRequest: Sendable {
    var namespace: Namespace { get }
    /// What the list depends on besides the bytes that ask for it, such as what its links begin with; nil where it is the same for everybody.
    var variant: String? { get }
    /// Makes the list. Called once for each `rendering`, on a loop or beside the loops.
    func make(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList
}
