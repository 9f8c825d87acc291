// How a member reaches its store, as the settings have it.

package import Catalog
package import RedisStore
import Replication
package import TLS

/// Where the servers are that have the data.
package enum StoreRoute: Sendable, Equatable {
    /// The first of these that is a master has all of it.
    case hosts([StoreNode])
    /// The master of a group, which its Sentinels name.
    case sentinels(group: String, [StoreNode])
    /// The nodes of a cluster have a part each; these are asked first.
    case cluster([StoreNode])
}

/// All that the store thread needs to know.
package struct StoreConfiguration: Sendable {
    package var route: StoreRoute
    package var user: String?
    package var password: String?
    /// Of the Sentinels; nil where they want none.
    package var sentinelPassword: String?
    package var database = 0
    /// What the names of all keys begin with.
    package var prefix: String
    /// What a server must show over TLS; nil where connections are plain.
    package var trust: TLSContext?
    package var limits = StoreLimits()
    /// This member during this run, and what it says of itself, a JSON object.
    package var member: MemberID
    package var about: String
    /// When its client changed an instance last, as the client says: of two registrations of one id that members take at
    /// the same time the one stands that was changed later. Nil where it says nothing.
    package var lastChange: @Sendable (Instance) -> Int64? = { _ in nil }

    package init(route: StoreRoute, prefix: String, member: MemberID, about: String) {
        self.route = route
        self.prefix = prefix
        self.member = member
        self.about = about
    }
}
