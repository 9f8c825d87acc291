// The look-ups of every protocol: services, the instances of one, one instance, and revisions. Readers use this and
// never the store, because instances of other sources (another registry that is read too, or files) are joined here to
// those of the store. They never enter the store: they would count against capacities, enter digests and be published
// to the other members.

package import Catalog

/// The present state, for readers. On one id the store's instance wins over a source's. Safe to use from any thread.
package struct Lookup: Sendable {
    private let store: Store
    /// Nil when no source is configured, so that a look-up then costs no more than that of the store.
    private let sources: SourceBoard?

    package init(_ store: Store, _ sources: SourceBoard? = nil) {
        self.store = store
        self.sources = sources
    }

    private func view(of namespace: Namespace) -> SourceNamespace? { sources?.view(of: namespace) }

    // MARK: - What there is

    /// One instance; nil when its namespace does not have it.
    package func instance(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> LeasedInstance? {
        store.instance(id, in: namespace, at: now) ?? view(of: namespace)?.instance(id)
    }

    /// The first bytes of what a protocol keeps with an instance that is registered here, at most `count`; nil where there
    /// is no such instance, or nothing is kept with it.
    package func extra(of id: InstanceID, in namespace: Namespace, first count: Int, at now: LeaseTime) -> [UInt8]? {
        store.extra(of: id, in: namespace, first: count, at: now)
    }

    /// Whether anybody is in a service.
    package func hasService(_ service: Name, in namespace: Namespace, at now: LeaseTime) -> Bool {
        store.hasService(service, in: namespace, at: now) || view(of: namespace)?.service(service) != nil
    }

    /// The instances of a service.
    package func listing(of service: Name, in namespace: Namespace, at now: LeaseTime) -> ServiceListing {
        var listing = store.listing(of: service, in: namespace, at: now)
        if let others = view(of: namespace)?.service(service) { listing.join(others) }
        return listing
    }

    /// The same; nil when more than `limit` instances would have to be looked at.
    package func listing(of service: Name, in namespace: Namespace, at now: LeaseTime, atMost limit: Int)
        -> ServiceListing?
    {
        guard let others = view(of: namespace)?.service(service) else {
            return store.listing(of: service, in: namespace, at: now, atMost: limit)
        }
        guard others.instances.count <= limit,
            var listing = store.listing(
                of: service, in: namespace, at: now, atMost: limit - others.instances.count)
        else { return nil }
        listing.join(others)
        return listing
    }

    /// The services of a namespace.
    package func services(in namespace: Namespace, at now: LeaseTime) -> NamespaceListing {
        var listing = store.services(in: namespace, at: now)
        if let view = view(of: namespace) { listing.join(view) }
        return listing
    }

    /// The same; nil when more than `limit` instances would have to be looked at.
    package func services(in namespace: Namespace, at now: LeaseTime, atMost limit: Int) -> NamespaceListing? {
        guard let view = view(of: namespace) else { return store.services(in: namespace, at: now, atMost: limit) }
        guard view.services.count <= limit,
            var listing = store.services(in: namespace, at: now, atMost: limit - view.services.count)
        else { return nil }
        listing.join(view)
        return listing
    }

    /// How much is in a namespace, at most: what is in the store and in a source counts twice.
    package func size(of namespace: Namespace) -> NamespaceSize {
        var size = store.size(of: namespace)
        if let view = view(of: namespace) {
            size.services += view.services.count
            size.instances += view.count
        }
        return size
    }

    /// The source that an id is from, which the store does not have; nil when it is from none.
    package func source(of id: InstanceID, in namespace: Namespace) -> SourceKind? {
        sources?.source(of: id, in: namespace)
    }

    /// How many instances of a namespace have each status, and the revision at which that is so. Some whose leases have
    /// just run out may still count, and what is both in the store and in a source counts twice.
    package func tally(of namespace: Namespace) -> (statuses: [InstanceStatus: Int], revision: Revision) {
        var found = store.tally(of: namespace)
        guard let view = view(of: namespace) else { return found }
        found.statuses.merge(view.tally) { $0 + $1 }
        found.revision = store.revision(of: namespace, with: view.revision)
        return found
    }

    /// The services of a namespace that both the store and a source have instances of.
    package func sharedServices(in namespace: Namespace, at now: LeaseTime) -> [Name] {
        guard let view = view(of: namespace) else { return [] }
        return view.services.map(\.name).filter { store.hasService($0, in: namespace, at: now) }
    }

    /// How many instances of a service a source has that are in the store too, which are shown once, by the status that
    /// the source says; and how many were looked at. Nil when more than `limit` would have to be looked at.
    package func hidden(in service: Name, of namespace: Namespace, at now: LeaseTime, atMost limit: Int) -> (
        statuses: [InstanceStatus: Int], lookedAt: Int
    )? {
        guard let others = view(of: namespace)?.service(service)?.instances else { return ([:], 0) }
        guard others.count <= limit,
            let listing = store.listing(of: service, in: namespace, at: now, atMost: limit - others.count)
        else { return nil }
        let own = Set(listing.instances.map(\.instance.id))
        var statuses: [InstanceStatus: Int] = [:]
        for leased in others where own.contains(leased.instance.id) {
            statuses[leased.instance.status, default: 0] += 1
        }
        return (statuses, own.count + others.count)
    }

    /// The index of the last change that a source made to a namespace, which `changes` does not tell of; 0 without one.
    package func lastIndexOfSources(in namespace: Namespace) -> UInt64 { view(of: namespace)?.revision.index ?? 0 }

    // MARK: - Whether it has changed

    /// Which state a namespace is in.
    package func revision(of namespace: Namespace) -> Revision {
        guard let view = view(of: namespace) else { return store.revision(of: namespace) }
        return store.revision(of: namespace, with: view.revision)
    }

    /// Which state a service is in. Where only sources have instances of it, the index is that of their last change.
    package func revision(of service: Name, in namespace: Namespace) -> Revision {
        let own = store.revision(of: service, in: namespace)
        guard let others = view(of: namespace)?.service(service) else { return own }
        return own.joined(with: others.revision)
    }

    /// The index of the last change of a service, or without one, of anything in a namespace. What is gone has that of
    /// the change by which it went, for as long as that is remembered; what is not known to have been there has 1, as on
    /// every other member.
    package func index(of service: Name?, in namespace: Namespace) -> UInt64 {
        let own = store.lastIndex(of: service, in: namespace)
        guard let view = view(of: namespace) else { return max(own, 1) }
        guard let service else { return max(revision(of: namespace).index, 1) }
        guard let others = view.service(service) else { return max(own, 1) }
        return max(store.revision(of: service, in: namespace).index, others.revision.index)
    }

    /// What an instance that has run out still counts for in its namespace's digest; 0 when it counts for nothing.
    package func overdueHash(of id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> UInt64 {
        store.overdueHash(of: id, in: namespace, at: now)
    }

    /// What has happened in a namespace after an index, or lately.
    package func changes(in namespace: Namespace, after index: UInt64?, limit: Int) -> ChangePage {
        store.changes(in: namespace, after: index, limit: limit)
    }

    /// The next namespaces that have an instance, in no order (`Store.namespaces`); what sources have is not among them.
    package func namespaces(from cursor: inout NamespaceCursor, atMost limit: Int) -> [(
        namespace: Namespace, size: NamespaceSize
    )] { store.namespaces(from: &cursor, atMost: limit) }

    /// The namespaces in which sources have something, with how much.
    package var namespacesOfSources: [(namespace: Namespace, size: NamespaceSize)] { sources?.namespaces ?? [] }

    /// The next namespaces that have changed after an index, with that of the last change (`Store.changed`).
    package func changed(after index: UInt64, from cursor: inout NamespaceCursor, atMost limit: Int) -> [(
        namespace: Namespace, last: UInt64
    )] { store.changed(after: index, from: &cursor, atMost: limit) }

    /// Whether several members take changes, so that it matters which one did.
    package var hasSeveralMembers: Bool { store.isReplicated }
}
