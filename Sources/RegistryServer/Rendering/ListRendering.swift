// Makes a list: on a loop when it is short, beside the loops when it is not. Lists of whole instances are put together of what services have rendered,
// others are rendered for the occasion.

import Catalog
import HTTP
import JSON
import Libevent

/// The making of one list.
struct ListRendering {
    /// Fewer bytes than any instance takes, which has its id and its endpoint at least.
    private static let leastInstance = 48

    private let request: ListRequest
    private let store: Store
    private let border: Border
    private let instant: Instant
    private let services: any ServiceRenderings
    private var budget: RenderBudget
    private var builder = ListBuilder()
    private var validity: Validity
    private var overdue: UInt64 = 0
    private var isEmpty = true

    init(
        _ request: ListRequest, from store: Store, _ border: Border, at instant: Instant, keeping services: any ServiceRenderings,
        _ budget: RenderBudget
    ) {
        self.request = request
        self.store = store
        self.border = border
        self.instant = instant
        self.services = services
        self.budget = budget
        validity = Validity(readAt: instant.monotonic, liveUntil: .distantFuture)
    }

    private var namespace: Namespace { request.namespace }

    /// The list. To be called once. `scratch` is emptied, and kept for the next one.
    mutating func make(scratch: inout [UInt8]) throws(RenderStop) -> RenderedList {
        switch request.content {
        case .instances(let query):
            guard query.isPlain else { return try selected(query) }
            builder.append(literal: "{\"instances\":[")
            switch query.status {
            case .none: break
            case .all: try append(query.serviceName, nil, &scratch)
            case .only(let status): try append(query.serviceName, status, &scratch)
            }
        case .service(let name):
            var prefix: [UInt8] = []
            prefix.append(literal: "{\"service_name\":")
            prefix.appendJSON(string: name.text)
            prefix.append(literal: ",\"instances\":[")
            builder.append(prefix)
            try append(name, nil, &scratch)
            guard !isEmpty else { throw .refused(.noSuchService) }
        case .services: return try names()
        }
        builder.append(literal: "]}")
        var list = RenderedList(body: builder.chain, validity: validity)
        list.overdue = overdue
        return list
    }

    // MARK: - Whole instances

    /// The instances of a service, or of all services, that have a status, or of any.
    private mutating func append(_ service: Name?, _ status: InstanceStatus?, _ scratch: inout [UInt8]) throws(RenderStop) {
        if let service { return try append(service, store.revision(of: service, in: namespace), status, &scratch) }
        // Not begun only to be left to others.
        if budget.isOfLoop, store.size(of: namespace).instances > budget.instancesLeft { throw .tooLong }
        let listing = try budget.services(in: namespace, at: instant.moment.lease, from: store)
        overdue &+= listing.overdue
        for service in listing.services { try append(service.name, service.revision, status, &scratch) }
    }

    private mutating func append(
        _ service: Name, _ revision: Revision, _ status: InstanceStatus?, _ scratch: inout [UInt8]
    ) throws(RenderStop) {
        let found = try rendering(of: service, revision, &scratch)
        overdue &+= found.overdue
        guard let rendering = found.made else { return }
        validity.formIntersection(rendering.validity)
        let (fragment, isNew) = rendering.fragment(status)
        if isNew { services.keep(rendering) }
        guard let fragment else { return }
        // What was just rendered is counted.
        if !found.isNew { try budget.make(fragment.count) }
        if !isEmpty { builder.append(literal: ",") }
        builder.append(fragment)
        isEmpty = false
    }

    /// What a service is as JSON, rendered anew when it has changed or is too old, and the hashes of what it leaves out as overdue; no rendering when
    /// nobody is in it.
    private mutating func rendering(
        of service: Name, _ revision: Revision, _ scratch: inout [UInt8]
    ) throws(RenderStop) -> (made: ServiceRendering?, overdue: UInt64, isNew: Bool) {
        if let kept = services.rendering(of: service, in: namespace, revision, at: instant) { return (kept, kept.overdue, false) }
        let listing = try budget.listing(of: service, in: namespace, at: instant.moment.lease, from: store)
        let validity = Validity(readAt: instant.monotonic, liveUntil: listing.liveUntil)
        guard let made = try ServiceRendering(listing, of: service, in: namespace, validity, &budget, scratch: &scratch) else {
            return (nil, listing.overdue, true)
        }
        services.keep(made)
        return (made, made.overdue, true)
    }

    // MARK: - Others

    private mutating func names() throws(RenderStop) -> RenderedList {
        let found = try budget.services(in: namespace, at: instant.moment.lease, from: store)
        var body: [UInt8] = []
        body.append(literal: "{\"services\":[")
        for (index, service) in found.services.enumerated() {
            let before = body.count
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body.appendJSON(string: service.name.text)
            try budget.make(body.count - before)
        }
        body.append(literal: "]}")
        var list = RenderedList(bytes: body, validity: Validity(readAt: instant.monotonic, liveUntil: found.liveUntil))
        list.overdue = found.overdue
        return list
    }

    /// Instances picked one by one, or shown by some fields.
    private mutating func selected(_ query: ListQuery) throws(RenderStop) -> RenderedList {
        let selected = try query.select(from: store, in: namespace, at: instant.moment.lease, &budget)
        // Not rendered only to be refused.
        guard border.hasRoom(forBytes: selected.instances.count * Self.leastInstance) else { throw .refused(.noRoom) }
        var rendering = InstanceRendering(fields: query.fields, links: request.links)
        var body: [UInt8] = []
        body.append(literal: "{\"instances\":[")
        for (index, leased) in selected.instances.enumerated() {
            let before = body.count
            if index > 0 { body.append(UInt8(ascii: ",")) }
            rendering.append(leased, to: &body)
            try budget.make(body.count - before)
        }
        body.append(literal: "]}")
        var list = RenderedList(bytes: body, validity: Validity(readAt: instant.monotonic, liveUntil: selected.liveUntil))
        list.isCommon = request.isCommon
        // One instance is rendered as quickly as it is found, and there are many to ask for.
        list.isKept = query.id == nil
        list.overdue = selected.overdue
        return list
    }
}

extension RenderBudget {
    /// A service's instances, if so many may be looked at.
    mutating func listing(
        of service: Name, in namespace: Namespace, at now: LeaseTime, from store: Store
    ) throws(RenderStop) -> ServiceListing {
        try look(at: 0)
        guard isOfLoop else { return store.listing(of: service, in: namespace, at: now) }
        guard let listing = store.listing(of: service, in: namespace, at: now, atMost: instancesLeft) else { throw .tooLong }
        try look(at: listing.instances.count)
        return listing
    }

    /// The services of a namespace, if all that is in it may be looked at.
    mutating func services(in namespace: Namespace, at now: LeaseTime, from store: Store) throws(RenderStop) -> NamespaceListing {
        try look(at: 0)
        guard isOfLoop else { return store.services(in: namespace, at: now) }
        guard let listing = store.services(in: namespace, at: now, atMost: instancesLeft) else { throw .tooLong }
        return listing
    }
}
