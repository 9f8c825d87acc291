// What a look-up finds, with what is needed to keep it: the revision that it was found at, and how long it stays true if nothing changes but the
// time. Values: they are sorted and rendered outside of every lock.

/// The services of a namespace that have an instance.
public struct NamespaceListing: Sendable {
    /// The namespace's; 0 when nobody is registered in it.
    public var revision: UInt64 = 0
    public var services: [(name: Name, revision: UInt64)] = []
    /// So long, at least, each of them has an instance that it has now: a lease of each runs no shorter.
    public var liveUntil = LeaseTime.distantFuture
}

/// The instances of a service whose leases have not run out.
public struct ServiceListing: Sendable {
    /// The service's; 0 when nobody is registered in it.
    public var revision: UInt64 = 0
    public var instances: [LeasedInstance] = []
    /// When the first of their leases runs out, unless it is renewed.
    public var liveUntil = LeaseTime.distantFuture
}
