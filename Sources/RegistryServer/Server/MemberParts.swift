// What this registry is among others: alone, a member of a cluster, or a member of a store. The catalog, and what requests
// take for their cluster, follow from it.

import Catalog
import Configuration
import Logging
import RedisStoreServer
import RegistryCore
import Replication
import ReplicationServer
import System
import TLS

/// A registry's part among others. At most one of the two services is there; without one the registry is alone.
struct MemberParts {
    /// Nil when this registry is in no cluster.
    let replication: ReplicationService?
    /// Nil where members keep what is registered themselves.
    let store: StoreService?
    /// Over the files of the store's certificates, as they were before they were read.
    let storeWatch: FileWatch?

    /// Opens the port for peers, and reads certificates.
    init(_ resolved: ResolvedSettings, _ logger: Logger) throws {
        let now = WallClock.seconds()
        replication = try StartError.opening("replication_port", of: resolved) {
            try StartError.reading(["replication_tls_cert", "replication_tls_key", "replication_tls_ca"], of: resolved)
            {
                try ReplicationParts.service(
                    resolved.settings, isSizeGiven: resolved.origins["cluster_size"] != .builtIn, now: now, logger)
            }
        }
        storeWatch = StoreParts.watch(resolved.settings)
        store = try StartError.reading(["store_tls_ca", "store_tls_cert", "store_tls_key"], of: resolved) {
            try StoreParts.service(resolved.settings, now: now, logger)
        }
    }

    var isAlone: Bool { replication == nil && store == nil }

    /// This member's identity during this run; nil when it is alone.
    var member: MemberID? { store?.member ?? replication?.member }

    /// - Parameter alone: what a registry alone is to its requests.
    func cluster(alone: (any Cluster)?) -> any Cluster { store ?? replication ?? alone ?? StandaloneCluster() }

    /// The catalog, empty.
    func catalog(_ settings: Settings) -> Store {
        let changes = settings.changeLogLimits(start: WallClock.nanoseconds() / 1_000)
        if let store {
            return Store(
                namespaceCapacity: settings.namespaceCapacity, replicating: store.member, changes: changes,
                leaseKeeper: .store, wake: { store.wake() })
        }
        guard let replication else { return Store(namespaceCapacity: settings.namespaceCapacity, changes: changes) }
        return Store(
            namespaceCapacity: settings.namespaceCapacity, replicating: replication.member,
            tombstones: ReplicationParts.tombstones(settings), changes: changes, wake: { replication.wake() })
    }

    /// Meets the others.
    ///
    /// - Parameter isRestored: whether the catalog has leases that began anew with this start.
    func start(
        _ registry: RegistryState, isRestored: Bool, whenFailed: @escaping @Sendable (any Error) -> Void
    ) throws {
        try store?.start(
            registry.store, registry.leaseClock, registry.expiryHold,
            capacity: { registry.capacity(of: $0) }, whenExpired: { registry.changes.countExpirations($0) },
            whenFailed: whenFailed)
        try replication?.start(
            registry.store, registry.leaseClock, registry.expiryHold, isRestored: isRestored, whenFailed: whenFailed)
    }

    /// Leaves the others, which get all that was changed here; then calls `whenLeft`, from another thread.
    func leave(whenLeft: @escaping @Sendable () -> Void) {
        replication?.leave(whenLeft: whenLeft)
        store?.leave(whenLeft: whenLeft)
    }
}
