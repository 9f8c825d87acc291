// The settings of a store outside of the registry as one value, for those who reach it: what the rows say apart is put
// together here, and what a URL says besides.

package import TLS

/// Where Redis is, and how it is to be used.
package struct StoreSettings: Sendable, Equatable {
    /// How the server that takes changes is found.
    package enum Route: Sendable, Equatable {
        /// The first of these that is a master.
        case hosts([StoreHost])
        /// The one that Sentinels name.
        case sentinel(StoreSentinel, password: Secret?)
        /// Each shard's, which the nodes name: these are asked first.
        case cluster([StoreHost])
    }

    package let route: Route
    /// Nil: the connection is plain.
    package let tls: ClientTLSConfiguration?
    /// Nil: the server's user `default`.
    package let user: String?
    /// Nil: no credential is shown.
    package let password: Secret?
    /// Zero in a cluster.
    package let database: Int
    /// What the names of all keys begin with.
    package let prefix: String
    /// How many replicas have a change before it is acknowledged.
    package let wait: Int
    /// How long a command may take.
    package let timeout: Duration
}

extension Settings {
    /// Where what is registered is kept.
    package enum Store: Sendable {
        /// In the memory of each member.
        case inmem
        case redis
    }

    /// The store outside of the registry; nil where members keep everything in memory.
    package var redisStore: StoreSettings? {
        guard store == .redis else { return nil }
        let route: StoreSettings.Route =
            if let storeSentinel {
                .sentinel(storeSentinel, password: storeSentinelPassword)
            } else if storeCluster {
                .cluster(storeAddress.hosts)
            } else {
                .hosts(storeAddress.hosts)
            }
        let identity = storeTLSCertificate.flatMap { path in storeTLSKey.map { (path: path, key: $0) } }
        let tls = ClientTLSConfiguration(authorityPath: storeTLSCA, identity: identity)
        return StoreSettings(
            route: route, tls: storeUsesTLS ? tls : nil, user: storeUser ?? storeAddress.user,
            password: storePassword ?? storeAddress.password, database: storeAddress.database ?? storeDatabase,
            prefix: storePrefix, wait: storeWait, timeout: storeTimeout.interval)
    }

    var storeUsesTLS: Bool { storeSentinel?.usesTLS ?? storeAddress.usesTLS }
}
