// Makes a list: on a loop when it is short, on a render thread when it is not. Lists of whole instances are put
// together of what services have rendered; others are written by the protocol for the occasion, and ask here for what
// they may still look at and make.

package import Catalog
import HTTP
import Libevent
package import RegistryCore

/// The making of one list.
package struct ListRendering {
    /// When the request arrived.
    package let instant: Moment
    package let namespace: Namespace
    package let lookup: Lookup
    private let format: Format
    private let connectionLimits: ConnectionLimits
    private let renderings: any ServiceRenderings
    package var budget: RenderBudget
    /// Reused for rendering; what is in it is of no matter.
    var scratch: [UInt8]
    private var builder = ListBuilder()
    private var validity: Validity
    private var overdue: UInt64 = 0
    /// Whether no instance has been put in yet.
    package private(set) var isEmpty = true
    /// How many instances of each status have been put in.
    package private(set) var tally: [InstanceStatus: Int] = [:]

    init(
        _ format: Format, of namespace: Namespace, from lookup: Lookup, _ connectionLimits: ConnectionLimits,
        at instant: Moment,
        keeping services: any ServiceRenderings, _ budget: RenderBudget, scratch: consuming [UInt8] = []
    ) {
        self.format = format
        self.namespace = namespace
        self.lookup = lookup
        self.connectionLimits = connectionLimits
        self.instant = instant
        renderings = services
        self.budget = budget
        self.scratch = scratch
        validity = Validity(readAt: instant.monotonic, liveUntil: .distantFuture)
    }

    // MARK: - Put together

    package mutating func append(literal: StaticString) { builder.append(literal: literal) }

    package mutating func append(_ bytes: [UInt8]) { builder.append(bytes) }

    /// Puts these before everything: what is known of a list only once it is made.
    package mutating func prepend(_ bytes: [UInt8]) { builder.prepend(bytes) }

    /// Begins a group of instances: the next one needs no separator before it.
    package mutating func beginGroup() { isEmpty = true }

    /// The instances of a service that have a status, or any.
    package mutating func append(instancesOf service: Name, _ status: InstanceStatus?) throws(RenderStop) {
        try append(service, lookup.revision(of: service, in: namespace), status)
    }

    /// The instances of a service that was listed at a revision.
    package mutating func append(_ service: RevisedName) throws(RenderStop) {
        try append(service.name, service.revision, nil)
    }

    /// The instances of all services that have a status, or any.
    package mutating func appendInstances(_ status: InstanceStatus?) throws(RenderStop) {
        let listing = try allServices()
        overdue &+= listing.overdue
        for service in listing.services { try append(service.name, service.revision, status) }
    }

    private mutating func append(_ service: Name, _ revision: Revision, _ status: InstanceStatus?) throws(RenderStop) {
        let found = try rendering(of: service, revision)
        overdue &+= found.overdue
        guard let rendering = found.made else { return }
        validity.formIntersection(rendering.validity)
        let (fragment, isNew) = rendering.fragment(status)
        if isNew { renderings.keep(rendering) }
        guard let fragment else { return }
        rendering.forEachCount(status) { tally[$0, default: 0] += $1 }
        // What was just rendered is counted.
        if !found.isNew { try budget.make(fragment.count) }
        if !isEmpty { builder.append(literal: format.separator) }
        builder.append(fragment)
        isEmpty = false
    }

    /// A service as it is written, rendered again when it has changed or is too old, and the hashes of the overdue
    /// instances that it leaves out; no rendering when it has no instances.
    private mutating func rendering(
        of service: Name, _ revision: Revision
    ) throws(RenderStop) -> (made: ServiceRendering?, overdue: UInt64, isNew: Bool) {
        if let kept = renderings.rendering(of: service, in: namespace, format, revision, at: instant) {
            return (kept, kept.overdue, false)
        }
        let listing = try budget.listing(of: service, in: namespace, at: instant.lease, from: lookup)
        let validity = Validity(readAt: instant.monotonic, liveUntil: listing.liveUntil)
        guard
            let made = try ServiceRendering(
                listing, of: service, in: namespace, format, validity, &budget, scratch: &scratch)
        else {
            return (nil, listing.overdue, true)
        }
        renderings.keep(made)
        return (made, made.overdue, true)
    }

    /// What was put together, as a list.
    package func finished() -> RenderedList {
        var list = RenderedList(body: builder.chain, validity: validity)
        list.overdue = overdue
        return list
    }

    /// The same of a list that leaves out what a listing of services left out.
    package func finished(leavingOut listing: NamespaceListing) -> RenderedList {
        var list = finished()
        list.overdue &+= listing.overdue
        return list
    }

    // MARK: - Written for the occasion

    /// The services of the namespace. On a loop it is not begun when there is more in it than may be looked at, only to
    /// be left to others.
    package mutating func allServices() throws(RenderStop) -> NamespaceListing {
        if budget.isOfLoop, lookup.size(of: namespace).instances > budget.instancesLeft { throw .tooLong }
        return try services()
    }

    /// The same, begun in any case: for requests of the names alone.
    package mutating func services() throws(RenderStop) -> NamespaceListing {
        try budget.services(in: namespace, at: instant.lease, from: lookup)
    }

    /// The instances of a service.
    package mutating func listing(of service: Name) throws(RenderStop) -> ServiceListing {
        try budget.listing(of: service, in: namespace, at: instant.lease, from: lookup)
    }

    /// Throws when this many bytes could not be sent anyway: they are not made only to be refused.
    package func needRoom(forBytes count: Int) throws(RenderStop) {
        guard connectionLimits.hasRoom(forBytes: count) else { throw .refused(.noRoom) }
    }

    /// A list of these bytes, which were made of what was read now.
    package func finished(
        _ bytes: [UInt8], liveUntil: LeaseTime, overdue: UInt64, isCommon: Bool = true, isKept: Bool = true
    ) -> RenderedList {
        var list = RenderedList(bytes: bytes, validity: Validity(readAt: instant.monotonic, liveUntil: liveUntil))
        list.isCommon = isCommon
        list.isKept = isKept
        list.overdue = overdue
        return list
    }
}

extension RenderBudget {
    /// The instances of a service, if the budget allows to look at that many.
    fileprivate mutating func listing(
        of service: Name, in namespace: Namespace, at now: LeaseTime, from lookup: Lookup
    ) throws(RenderStop) -> ServiceListing {
        try look(at: 0)
        guard isOfLoop else { return lookup.listing(of: service, in: namespace, at: now) }
        guard let listing = lookup.listing(of: service, in: namespace, at: now, atMost: instancesLeft) else {
            throw .tooLong
        }
        try look(at: listing.instances.count)
        return listing
    }

    /// The services of a namespace, if all that is in it may be looked at.
    fileprivate mutating func services(in namespace: Namespace, at now: LeaseTime, from lookup: Lookup)
        throws(RenderStop)
        -> NamespaceListing
    {
        try look(at: 0)
        guard isOfLoop else { return lookup.services(in: namespace, at: now) }
        guard let listing = lookup.services(in: namespace, at: now, atMost: instancesLeft) else { throw .tooLong }
        return listing
    }
}
