// What the settings of a store outside of the registry have to do with one another and with those of a cluster, whose
// members keep everything themselves: what would seem to promise something is refused, so nothing is passed over in
// silence.

extension ResolvedSettings {
    /// Settings that mean something to members that keep everything themselves, each with why it has no meaning here.
    /// At its default value each says nothing.
    private static let ofMembers: [(prefix: String, reason: String)] = [
        (
            "acknowledge",
            "a change is acknowledged when Redis has it, within store_timeout; store_wait says how many replicas too"
        ),
        ("snapshot_", "Redis keeps what is registered across restarts, by its own persistence"),
        ("tombstone_", "Redis has the tombstones, for a time that is fixed"),
        ("cluster_", "members share what is in Redis, and need not find each other"),
        ("replication", "members share what is in Redis, and replicate nothing to each other"),
        ("on_isolation", "a member that does not reach Redis lets nothing expire"),
        (
            "expiry_hold",
            "leases are held for as long as Redis is away, and some time after that; with expiry_budget it has one"
        ),
    ]

    mutating func checkStore() throws(SettingError) {
        guard settings.store == .redis else {
            for row in Settings.storeRows where row.name != "store" && origins[row.name] != .builtIn {
                throw .contradiction(
                    "\(shown(row.name)): it has no effect with \(shown("store")); set that to redis, or remove this.")
            }
            return
        }
        for row in Settings.rows where row.show(settings) != row.show(.defaults) {
            // A budget that is lifted while the registry runs is given as off.
            if row.name == "expiry_hold", origins["expiry_budget"] != .builtIn { continue }
            guard let (_, reason) = Self.ofMembers.first(where: { row.name.hasPrefix($0.prefix) }) else { continue }
            throw .contradiction("\(shown(row.name)): it has no effect with \(shown("store")): \(reason).")
        }
        try checkStoreRoute()
        try checkStoreCredentials()
        try checkStoreTLS()
        if let password = settings.storePassword { warnOfOuterWhiteSpace("store_password", password) }
        if let password = settings.storeSentinelPassword { warnOfOuterWhiteSpace("store_sentinel_password", password) }
    }

    private func checkStoreRoute() throws(SettingError) {
        let isGiven = origins["store_address"] != .builtIn
        if settings.storeSentinel != nil {
            if settings.storeCluster {
                throw .contradiction(
                    "\(shown("store_sentinel")), \(shown("store_cluster")): a cluster of Redis has no Sentinels; set one of "
                        + "them.")
            }
            if isGiven {
                throw .contradiction(
                    "\(shown("store_sentinel")), \(shown("store_address")): the Sentinels say where Redis is; set one of "
                        + "them.")
            }
        } else if settings.storeSentinelPassword != nil {
            throw .contradiction("\(shown("store_sentinel_password")): it has no effect without store_sentinel.")
        }
        if settings.storeAddress.database != nil, origins["store_db"] != .builtIn {
            throw .contradiction(
                "\(shown("store_address")), \(shown("store_db")): both name the database; set one of them.")
        }
        if settings.storeCluster, let store = settings.redisStore, store.database != 0 {
            let name = settings.storeAddress.database == nil ? "store_db" : "store_address"
            throw .contradiction(
                "\(shown(name)), \(shown("store_cluster")): a cluster of Redis has the database 0 alone.")
        }
    }

    private func checkStoreCredentials() throws(SettingError) {
        if settings.storeAddress.password != nil, settings.storePassword != nil {
            throw .contradiction(
                "\(shown("store_address")), \(shown("store_password")): both give a password; set one of them.")
        }
        if settings.storeAddress.user != nil, settings.storeUser != nil {
            throw .contradiction(
                "\(shown("store_address")), \(shown("store_user")): both name a user; set one of them.")
        }
        if let store = settings.redisStore, store.user != nil, store.password == nil {
            let name = settings.storeUser == nil ? "store_address" : "store_user"
            throw .contradiction(
                "\(shown(name)): a user needs a password, and neither store_password nor store_password_file is set.")
        }
    }

    private func checkStoreTLS() throws(SettingError) {
        if !settings.storeUsesTLS {
            for name in ["store_tls_ca", "store_tls_cert", "store_tls_key"] where origins[name] != .builtIn {
                let place = settings.storeSentinel == nil ? "store_address" : "store_sentinel"
                throw .contradiction(
                    "\(shown(name)), \(shown(place)): it has no effect without TLS; write rediss:// in front of \(place)."
                )
            }
        }
        switch (settings.storeTLSCertificate, settings.storeTLSKey) {
        case (.some, .none):
            throw .contradiction(
                "\(shown("store_tls_cert")): a certificate needs its key, and store_tls_key is not set.")
        case (.none, .some):
            throw .contradiction(
                "\(shown("store_tls_key")): a key needs its certificate, and store_tls_cert is not set.")
        default: break
        }
    }
}
