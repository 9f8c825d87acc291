// The lists of this API, as they are asked for and as they are made: lists of whole instances are put together of what
// services have rendered, others are written for the occasion.

import Catalog
import JSON
import Serving

/// A requested list.
struct AmalgamList: ListRequest {
    enum Content: Sendable {
        case instances(ListQuery)
        /// All instances of one service.
        case service(Name)
        /// The names of the services.
        case services
        /// Instances as Prometheus reads them.
        case targets(ListQuery)
        /// Instances as events show them.
        case watched(ListQuery)
    }

    /// Fewer bytes than any instance takes, which has its id and its endpoint at least.
    private static let leastInstance = 48

    let namespace: Namespace
    let content: Content
    /// Made of what the client calls us; present where links are asked for.
    var links: InstanceLinks?

    var level: ListLevel {
        switch content {
        case .instances(let query): query.serviceName.map { .service($0) } ?? .namespace
        case .service(let name): .serviceAlone(name)
        case .services, .targets, .watched: .namespace
        }
    }

    var variant: String? { links.map { String(decoding: $0.prefix, as: UTF8.self) } }

    func make(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        switch content {
        case .instances(let query):
            guard query.isPlain else {
                return try selected(query, &rendering, InstanceRendering(fields: query.fields, links: links))
            }
            rendering.append(literal: "{\"instances\":[")
            try append(query, &rendering)
        case .watched(let query):
            guard query.isPlain else { return try selected(query, &rendering, WatchedWriter()) }
            rendering.append(literal: "{\"instances\":[")
            try append(query, &rendering)
        case .targets(let query):
            guard query.isPlain else { return try selectedTargets(query, &rendering) }
            rendering.append(literal: "[")
            try append(query, &rendering)
            rendering.append(literal: "]")
            return rendering.finished()
        case .service(let name):
            var prefix: [UInt8] = []
            prefix.append(literal: "{\"service_name\":")
            prefix.appendJSON(string: name.text)
            prefix.append(literal: ",\"instances\":[")
            rendering.append(prefix)
            try rendering.append(instancesOf: name, nil)
            guard !rendering.isEmpty else { throw .refused(.noSuchService) }
        case .services: return try names(&rendering)
        }
        rendering.append(literal: "]}")
        return rendering.finished()
    }

    private func append(_ query: ListQuery, _ rendering: inout ListRendering) throws(RenderStop) {
        switch query.status {
        case .none: break
        case .all: try append(query.serviceName, nil, &rendering)
        case .only(let status): try append(query.serviceName, status, &rendering)
        }
    }

    private func append(_ service: Name?, _ status: InstanceStatus?, _ rendering: inout ListRendering)
        throws(RenderStop)
    {
        if let service {
            try rendering.append(instancesOf: service, status)
        } else {
            try rendering.appendInstances(status)
        }
    }

    private func names(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        let found = try rendering.services()
        var body: [UInt8] = []
        body.append(literal: "{\"services\":[")
        for (index, service) in found.services.enumerated() {
            let before = body.count
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body.appendJSON(string: service.name.text)
            try rendering.budget.make(body.count - before)
        }
        body.append(literal: "]}")
        return rendering.finished(body, liveUntil: found.liveUntil, overdue: found.overdue)
    }

    /// Instances picked one by one, or shown by some fields.
    private func selected(
        _ query: ListQuery, _ rendering: inout ListRendering, _ writer: some InstanceWriter
    ) throws(RenderStop) -> RenderedList {
        let selected = try query.select(&rendering)
        try rendering.needRoom(forBytes: selected.instances.count * Self.leastInstance)
        var writer = writer
        var body: [UInt8] = []
        body.append(literal: "{\"instances\":[")
        for (index, leased) in selected.instances.enumerated() {
            let before = body.count
            if index > 0 { body.append(UInt8(ascii: ",")) }
            writer.append(leased, to: &body)
            try rendering.budget.make(body.count - before)
        }
        body.append(literal: "]}")
        // One instance is rendered as quickly as it is found, and there are many to ask for.
        return rendering.finished(
            body, liveUntil: selected.liveUntil, overdue: selected.overdue, isCommon: links == nil,
            isKept: query.id == nil)
    }

    /// Instances picked one by one, as Prometheus reads them.
    private func selectedTargets(_ query: ListQuery, _ rendering: inout ListRendering) throws(RenderStop)
        -> RenderedList
    {
        let selected = try query.select(&rendering)
        var writer = TargetWriter(of: namespace)
        var body: [UInt8] = []
        for leased in selected.instances {
            let end = body.count
            body.append(UInt8(ascii: ","))
            writer.append(leased, to: &body)
            if body.count == end + 1 { body.removeLast() }
            try rendering.budget.make(body.count - end)
        }
        // The first comma is where the array begins.
        if body.isEmpty { body = [UInt8(ascii: "[")] } else { body[0] = UInt8(ascii: "[") }
        body.append(UInt8(ascii: "]"))
        return rendering.finished(body, liveUntil: selected.liveUntil, overdue: selected.overdue)
    }
}
