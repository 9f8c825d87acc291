// The look-ups of every protocol: services, the instances of one, one instance, and revisions. Readers use this and
// never the store, so that instances from other sources (another registry that is read too) can be joined in one place.
// These never enter the store: they would count against capacities, enter digests and be published to the other
// members.

import Catalog

/// The present state, for readers. Today it is that of the store. Safe to use from any thread.
package struct Lookup: Sendable {
    private let store: Store

    package init(_ store: Store) { self.store = store }

    // MARK: - What there is

    /// One instance; nil when its namespace does not have it.
    package func instance(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> LeasedInstance? {
        store.instance(id, in: namespace, at: now)
    }

    /// Whether anybody is in a service.
    package func hasService(_ service: Name, in namespace: Namespace, at now: LeaseTime) -> Bool {
        store.hasService(service, in: namespace, at: now)
    }

    /// The instances of a service.
    package func listing(of service: Name, in namespace: Namespace, at now: LeaseTime) -> ServiceListing {
        store.listing(of: service, in: namespace, at: now)
    }

    /// The same; nil when more than `limit` instances would have to be looked at.
    package func listing(of service: Name, in namespace: Namespace, at now: LeaseTime, atMost limit: Int)
        -> ServiceListing?
    {
        store.listing(of: service, in: namespace, at: now, atMost: limit)
    }

    /// The services of a namespace.
    package func services(in namespace: Namespace, at now: LeaseTime) -> NamespaceListing {
        store.services(in: namespace, at: now)
    }

    /// The same; nil when more than `limit` instances would have to be looked at.
    package func services(in namespace: Namespace, at now: LeaseTime, atMost limit: Int) -> NamespaceListing? {
        store.services(in: namespace, at: now, atMost: limit)
    }

    /// How much is in a namespace.
    package func size(of namespace: Namespace) -> NamespaceSize { store.size(of: namespace) }

    // MARK: - Whether it has changed

    /// Which state a namespace is in.
    package func revision(of namespace: Namespace) -> Revision { store.revision(of: namespace) }

    /// Which state a service is in.
    package func revision(of service: Name, in namespace: Namespace) -> Revision {
        store.revision(of: service, in: namespace)
    }

    /// What an instance that has run out still counts for in its namespace's digest; 0 when it counts for nothing.
    package func overdueHash(of id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> UInt64 {
        store.overdueHash(of: id, in: namespace, at: now)
    }

    /// What has happened in a namespace after an index, or lately.
    package func changes(in namespace: Namespace, after index: UInt64?, limit: Int) -> ChangePage {
        store.changes(in: namespace, after: index, limit: limit)
    }

    /// Whether several members take changes, so that it matters which one did.
    package var hasSeveralMembers: Bool { store.isReplicated }
}
