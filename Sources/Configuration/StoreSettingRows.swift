// The rows of the settings of a store outside of the registry (docs/redis.md), and the kinds of value that only they
// have.

import Text

extension Settings {
    static let storeRows: [SettingRow] = [
        SettingRow(
            "store", \.store, .store, default: "inmem",
            "Where what is registered is kept. `inmem`: in the memory of each member. `redis`: in Redis or Valkey, beside "
                + "a copy in the memory of each member that look-ups are answered from (docs/redis.md)."),
        SettingRow(
            "store_address", \.storeAddress, .storeAddress, default: "127.0.0.1:6379",
            "Where Redis is: hosts with or without a port, separated by commas, or one URL, in which `rediss` means TLS. "
                + "Of several hosts the first that is a master is used; with `store_cluster` they are the nodes that "
                + "are asked first. A password in a URL is never shown, but every user of the machine can see a flag."),
        SettingRow(
            "store_user", \.storeUser, .name(Limits.storeNameBytes), absent: "that of the URL, or Redis' own default",
            "The user of Redis' access control list that the registry is; it needs a password. docs/redis.md has the "
                + "line that makes one."),
        SettingRow(
            "store_password", secret: \.storePassword,
            "The password that Redis asks for. Without `store_user` it is that of the user `default`. Of the lines of a "
                + "file the first is shown to Redis. A changed password is used for the next connection."),
        SettingRow(
            "store_db", \.storeDatabase, .number(StoreAddress.databases), default: "0",
            "The number of the database in Redis. A cluster has none but 0. Other programs may use the same one, as long "
                + "as nobody flushes it: `store_prefix` keeps them apart."),
        SettingRow(
            "store_prefix", \.storePrefix, .storePrefix, default: "a8",
            "What the names of all keys in Redis begin with. Members with the same prefix in the same database serve the "
                + "same instances; two registries that share a Redis need two prefixes."),
        SettingRow(
            "store_sentinel", \.storeSentinel, .storeSentinel, absent: "none",
            "The name of a master and the Sentinels that know where it is, in place of `store_address`. In front of it, "
                + "`rediss://` means TLS with the Sentinels and with Redis."),
        SettingRow(
            "store_sentinel_password", secret: \.storeSentinelPassword,
            "The password that the Sentinels ask for, which is not that of Redis. A changed password is used for the next "
                + "connection."),
        SettingRow(
            "store_cluster", \.storeCluster, .boolean, default: "false",
            "Whether Redis is a cluster (`cluster-enabled yes`), among whose nodes what is registered is spread by "
                + "namespace."),
        SettingRow(
            "store_tls_ca", \.storeTLSCA, .path, absent: "those of the system",
            "The certificate authorities, in PEM, that the certificates of Redis and of the Sentinels are believed by. "
                + "It needs `rediss://` in `store_address` or `store_sentinel`, as do the other two files."),
        SettingRow(
            "store_tls_cert", \.storeTLSCertificate, .path, absent: "none",
            "The registry's own certificate and its chain, in PEM, for a Redis that asks clients for one "
                + "(`tls-auth-clients`)."),
        SettingRow(
            "store_tls_key", \.storeTLSKey, .path, absent: "none",
            "The private key of `store_tls_cert`, in PEM and not encrypted."),
        SettingRow(
            "store_wait", \.storeWait, .number(Limits.storeWait), default: "0",
            "How many replicas of Redis must have a change, besides the master, before it is acknowledged. With 1 a "
                + "failover of Redis loses nothing that was acknowledged; a change that too few replicas have within "
                + "`store_timeout` is answered 503, and may be repeated."),
        SettingRow(
            "store_timeout", \.storeTimeout, .duration(Limits.storeTimeout), default: "1s",
            "How long Redis may take to answer. Then the connection is replaced, and changes are answered 503 until Redis "
                + "answers again. A longer time makes clients wait longer for that; a shorter one takes a slow Redis for a "
                + "dead one."),
    ]
}

extension SettingKind where Value == Settings.Store {
    /// In any letter case; `memory` is `inmem`, as long as there have been registries that took it.
    static var store: Self {
        SettingKind(
            placeholder: "choice", allowed: "one of inmem, redis",
            parse: { text in
                switch text.lowercased() {
                case "inmem", "memory": .inmem
                case "redis": .redis
                default: nil
                }
            },
            format: { $0 == .redis ? "redis" : "inmem" })
    }
}

extension SettingKind where Value == StoreAddress {
    static var storeAddress: Self {
        SettingKind(
            placeholder: "address",
            allowed:
                "hosts with or without a port, separated by commas, such as redis-1:6379,10.0.0.2, or a URL such as "
                + "redis://user:password@redis-1:6379/0 or rediss://redis-1, with "
                + "user and password percent-encoded",
            mayHoldPassword: true,
            parse: { StoreAddress($0) }, format: { $0.text })
    }
}

extension SettingKind where Value == StoreSentinel {
    static var storeSentinel: Self {
        SettingKind(
            placeholder: "name@hosts",
            allowed:
                "the name of a master, @ and hosts with or without a port, separated by commas, such as "
                + "mymaster@sentinel-1:26379,sentinel-2, with or without rediss:// in front",
            parse: { StoreSentinel($0) }, format: { $0.text })
    }
}

extension SettingKind where Value == String {
    /// Braces would move keys to other slots of a cluster.
    static var storePrefix: Self {
        SettingKind(
            placeholder: "prefix",
            allowed: "1 to \(Settings.Limits.storePrefixBytes) of the characters a-z, A-Z, 0-9, - _ . and :",
            parse: { text in
                let isPrefix =
                    (1...Settings.Limits.storePrefixBytes).contains(text.utf8.count)
                    && text.utf8.allSatisfy {
                        ByteSet.base64url.contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":")
                    }
                return isPrefix ? text : nil
            },
            format: { $0 })
    }
}
