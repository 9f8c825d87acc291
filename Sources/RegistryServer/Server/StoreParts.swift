// A store in the place of other members: made of the settings.

import Catalog
import Configuration
import Eureka
import Logging
import RedisStore
import RedisStoreServer
import RegistryCore
import Replication
import System
import TLS

enum StoreParts {
    /// The store that keeps what is registered; nil where members keep it themselves.
    ///
    /// - Parameter now: seconds since 1970.
    static func service(_ settings: Settings, now: Int64, _ logger: Logger) throws -> StoreService? {
        guard let store = settings.redisStore else { return nil }
        // The top bit is for legacy peers.
        let member = MemberID(bits: .random(in: 1 ... .max >> 1))
        var configuration = StoreConfiguration(
            route: try route(store.route), prefix: store.prefix, member: member, about: about(settings))
        configuration.lastChange = EurekaExtra.lastDirty
        configuration.user = store.user
        configuration.password = password(settings)
        configuration.sentinelPassword = sentinelPassword(settings)
        configuration.database = store.database
        if case .cluster = store.route { configuration.limits.readsApart = true }
        configuration.trust = try trust(settings, now: now)
        configuration.limits.replicas = store.wait
        configuration.limits.timeout = store.timeout
        return try StoreService(configuration, logger: logger)
    }

    /// What servers want to be shown; nil where they want nothing.
    static func password(_ settings: Settings) -> String? {
        settings.redisStore?.password.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// What Sentinels want to be shown.
    static func sentinelPassword(_ settings: Settings) -> String? {
        guard case .sentinel(_, let password) = settings.redisStore?.route else { return nil }
        return password.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// What servers must show, and are shown; nil without TLS.
    ///
    /// - Parameter now: seconds since 1970.
    private static func trust(_ settings: Settings, now: Int64) throws(TLSError) -> TLSContext? {
        guard let tls = settings.redisStore?.tls else { return nil }
        return try TLSContext(trusting: tls, now: now)
    }

    /// Over the files of the store's certificates; nil where there are none.
    static func watch(_ settings: Settings) -> FileWatch? {
        guard let paths = settings.redisStore?.tls?.paths, !paths.isEmpty else { return nil }
        return FileWatch(paths)
    }

    /// Reads the store's certificates anew, for the connections that are made from then on; when they cannot be used,
    /// the old ones stay. The log says how that went.
    static func reloadCertificates(_ settings: Settings, of store: StoreService, now: Int64, _ logger: Logger) {
        do throws(TLSError) {
            guard let trust = try trust(settings, now: now) else { return }
            store.change(trust: trust)
            logger.info("certificates of the store reloaded")
        } catch {
            logger.error(
                "the new certificates of the store cannot be used; the old ones stay in service",
                metadata: ["error": "\(error)"])
        }
    }

    private static func route(_ route: StoreSettings.Route) throws -> StoreRoute {
        switch route {
        case .hosts(let hosts): .hosts(hosts.map { StoreNode(host: $0.host, port: $0.port) })
        case .sentinel(let sentinel, _):
            .sentinels(group: sentinel.name, sentinel.hosts.map { StoreNode(host: $0.host, port: $0.port) })
        case .cluster(let hosts): .cluster(hosts.map { StoreNode(host: $0.host, port: $0.port) })
        }
    }

    /// What other members and operators are told of this one.
    private static func about(_ settings: Settings) -> String {
        StoreAbout(
            name: settings.memberName ?? HostName.current() ?? "",
            address: settings.advertiseAddress.map { "\($0)" } ?? settings.listenAddress, version: Release.current
        ).json
    }
}
