// What a request for a list comes to, apart from the request itself: so that the list can be made in another place than where the request is.

import Catalog
import HTTP

/// A list that somebody asks for.
struct ListRequest: Sendable {
    enum Content: Sendable {
        case instances(ListQuery)
        /// All instances of one service.
        case service(Name)
        /// The names of the services.
        case services
    }

    let namespace: Namespace
    let content: Content
    /// Made of what the client calls us; present where links are asked for.
    var links: InstanceLinks?

    /// Whether the list is the same for everybody.
    var isCommon: Bool { links == nil }
}
