// The lists of this API as they are made. What shows whole services is put together of what those have rendered, and
// shared; what picks instances by tag or state is written for the occasion. Each says in its head of which state it is.

import Catalog
import HTTP
import JSON
import RegistryCore
import Serving

/// A requested list.
struct ConsulList: ListRequest {
    enum Content: Sendable {
        /// The names and the tags of each.
        case services
        /// The instances of a service.
        case service(Name)
        /// The checks of all services.
        case everything
    }

    /// Which instances are shown.
    enum Pick: Sendable {
        case all, passing, critical
        case none
    }

    let namespace: Namespace
    let content: Content
    let pick: Pick
    /// All of which an instance must have. Each once.
    let tags: [[UInt8]]
    let format: Format
    let serviceTags: ServiceTags

    var variant: String? { nil }

    func make(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        var list = try made(&rendering)
        // An empty namespace has always the same revision, and another index each time that it has become empty.
        if rendering.lookup.revision(of: namespace) == .none { list.isKept = false }
        return list
    }

    private func made(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        // Read before the content, so that what is shown is never older than its index says.
        switch content {
        case .services: return try services(&rendering)
        case .service(let name):
            let index = rendering.lookup.index(of: name, in: namespace)
            return try list(&rendering, index, of: name)
        case .everything:
            let index = rendering.lookup.index(of: nil, in: namespace)
            return try list(&rendering, index, of: nil)
        }
    }

    // MARK: - Instances

    private func list(_ rendering: inout ListRendering, _ index: UInt64, of service: Name?) throws(RenderStop)
        -> RenderedList
    {
        let status: InstanceStatus?
        switch pick {
        case .none: return marked(rendering.finished([0x5B, 0x5D], liveUntil: .distantFuture, overdue: 0), index)
        case .critical: return marked(try picked(&rendering, of: service), index)
        case .passing: status = .up
        case .all: status = nil
        }
        guard tags.isEmpty else { return marked(try picked(&rendering, of: service), index) }
        rendering.append(literal: "[")
        if let service {
            try rendering.append(instancesOf: service, status)
        } else {
            try rendering.appendInstances(status)
        }
        rendering.append(literal: "]")
        return marked(rendering.finished(), index)
    }

    /// Instances picked one by one.
    private func picked(_ rendering: inout ListRendering, of service: Name?) throws(RenderStop) -> RenderedList {
        var body = [UInt8(ascii: "[")]
        var (liveUntil, overdue) = (LeaseTime.distantFuture, UInt64(0))
        var writer = format.writer(of: namespace)
        func add(_ name: Name, _ rendering: inout ListRendering) throws(RenderStop) {
            let listing = try rendering.listing(of: name)
            liveUntil = min(liveUntil, listing.liveUntil)
            overdue &+= listing.overdue
            for leased in listing.instances {
                try rendering.budget.scan(leased.instance.packedSize)
                guard isWanted(leased.instance) else { continue }
                let end = body.count
                if end > 1 { body.append(UInt8(ascii: ",")) }
                let start = body.count
                writer.append(leased, to: &body)
                if body.count == start { body.removeLast(start - end) }
                try rendering.budget.make(body.count - end)
            }
        }
        if let service {
            try add(service, &rendering)
        } else {
            let services = try rendering.allServices()
            overdue = services.overdue
            for service in services.services { try add(service.name, &rendering) }
        }
        body.append(UInt8(ascii: "]"))
        return rendering.finished(body, liveUntil: liveUntil, overdue: overdue)
    }

    private func isWanted(_ instance: Instance) -> Bool {
        switch pick {
        case .all: break
        case .passing: if !instance.isPassing { return false }
        case .critical: if instance.isPassing { return false }
        case .none: return false
        }
        return tags.allSatisfy { tag in instance.containsTag { $0.elementsEqual(tag) } }
    }

    private func marked(_ list: RenderedList, _ index: UInt64) -> RenderedList {
        var list = list
        list.fields = .consul(index)
        return list
    }

    // MARK: - Services

    private func services(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        let found = try tagged(&rendering)
        var body = [UInt8(ascii: "{")]
        if case .none = pick {
        } else {
            for service in found.list.services where service.isListed {
                let start = body.count
                if start > 1 { body.append(UInt8(ascii: ",")) }
                body.appendJSON(string: service.name.text)
                body.append(literal: ":[")
                for (number, tag) in service.tags.enumerated() {
                    if number > 0 { body.append(UInt8(ascii: ",")) }
                    body.appendJSON(string: tag)
                }
                body.append(UInt8(ascii: "]"))
                try rendering.budget.make(body.count - start)
            }
        }
        body.append(UInt8(ascii: "}"))
        return marked(
            rendering.finished(body, liveUntil: found.liveUntil, overdue: found.overdue), found.list.index)
    }

    /// The services with their tags: of those that have not changed, as they were.
    private func tagged(_ rendering: inout ListRendering) throws(RenderStop) -> (
        list: TaggedServices, liveUntil: LeaseTime, overdue: UInt64
    ) {
        let known = serviceTags.last(of: namespace)
        let revision = rendering.lookup.revision(of: namespace)
        let listing = try rendering.services()
        var (liveUntil, overdue) = (listing.liveUntil, listing.overdue)
        var services: [TaggedService] = []
        services.reserveCapacity(listing.services.count)
        var old = (known?.services ?? [])[...]
        for service in listing.services {
            old = old.drop { $0.name < service.name }
            if let same = old.first, same.name == service.name, same.revision == service.revision {
                services.append(same)
                continue
            }
            let instances = try rendering.listing(of: service.name)
            liveUntil = min(liveUntil, instances.liveUntil)
            overdue &+= instances.overdue
            var tags: Set<ArraySlice<UInt8>> = []
            var isListed = false
            for leased in instances.instances where InstanceAddress(leased.instance) != nil {
                isListed = true
                leased.instance.forEachTag { tag in
                    // A copy, so that no instance is kept with it.
                    if !tags.contains(tag) { tags.insert(Array(tag)[...]) }
                }
            }
            services.append(
                TaggedService(
                    service.name, revision: instances.revision, isListed: isListed,
                    tags: tags.map { Array($0) }.sorted { $0.lexicographicallyPrecedes($1) }))
        }
        return (serviceTags.note(services, of: namespace, revision: revision, rendering.lookup), liveUntil, overdue)
    }
}

extension ResponseFields {
    /// What every answer about what there is has in its head.
    static func consul(_ index: UInt64) -> ResponseFields {
        var fields = ResponseFields()
        fields.append(.consulIndex, Int(truncatingIfNeeded: index))
        fields.append(.consulLeader, "true")
        fields.append(.consulContact, 0)
        return fields
    }
}
