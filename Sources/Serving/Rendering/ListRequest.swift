// What a request for a list comes to, apart from the request itself: so that the list can be made in another place than
// where the request is. Each protocol has its own.

package import Catalog

/// A requested list.
package protocol ListRequest: Sendable {
    var namespace: Namespace { get }
    /// What the list depends on in addition to the bytes of the request, such as the beginning of its links; nil where
    /// it is the same for everybody.
    var variant: String? { get }
    /// What the list's tag stands for.
    var level: ListLevel { get }
    /// Makes the list. Called once for each `rendering`, on a loop or a render thread.
    func make(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList
}

extension ListRequest {
    package var level: ListLevel { .namespace }
}

/// What the tag of a list stands for: another tag comes with each change of this, and with no other.
package enum ListLevel: Sendable, Equatable {
    case namespace
    /// A service that is empty where nobody has registered.
    case service(Name)
    /// A service that is not found where nobody has registered.
    case serviceAlone(Name)
}
