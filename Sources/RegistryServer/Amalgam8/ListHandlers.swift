// Who is there: the lists of instances and of services (docs/rest-api.md, R3xx and R4xx). What is here runs when an answer is not kept: lists of
// whole instances are put together of what services have rendered, others are rendered for the occasion.

import Catalog
import HTTP
import JSON

enum ListHandlers {
    static func instances(_ call: borrowing Call) throws(Refused) -> Response {
        try call.answers.answer(
            call, .instances, key: call.request.head.query ?? [],
            find: { (call) throws(Refused) in !(try ListQuery(call.request.head.query)).fields.contains(.links) }, render: instances)
    }

    /// The query string does not count (R405).
    static func service(_ call: borrowing Call) throws(Refused) -> Response {
        try call.answers.answer(call, .service, key: call.request.head.path, find: findService, render: service)
    }

    static func services(_ call: borrowing Call) throws(Refused) -> Response {
        try call.answers.answer(call, .services, key: [], find: { (_) throws(Refused) in true }, render: services)
    }

    private static func findService(_ call: borrowing Call) throws(Refused) -> Bool {
        guard call.context.store.hasService(serviceName(call), in: try call.tenant(), at: call.moment.lease) else { throw .noSuchService }
        return true
    }

    /// The service in the path. A decoded segment is UTF-8, so nothing is repaired here.
    private static func serviceName(_ call: borrowing Call) -> Name {
        Name(String(decoding: call.path[Call.parameterIndex], as: UTF8.self))
    }

    // MARK: - Rendering

    private static func instances(_ call: borrowing Call, _ answers: RenderedAnswers) throws(Refused) -> RenderedList {
        let query = try ListQuery(call.request.head.query)
        guard query.isPlain else { return try selected(query, call) }
        var list = PlainList(call, answers)
        list.builder.append(literal: "{\"instances\":[")
        switch query.status {
        case .none: break
        case .all: try list.append(query.serviceName, nil, call)
        case .only(let status): try list.append(query.serviceName, status, call)
        }
        list.builder.append(literal: "]}")
        return list.rendered
    }

    private static func service(_ call: borrowing Call, _ answers: RenderedAnswers) throws(Refused) -> RenderedList {
        let name = serviceName(call)
        var prefix: [UInt8] = []
        prefix.append(literal: "{\"service_name\":")
        prefix.appendJSON(string: name.text)
        prefix.append(literal: ",\"instances\":[")
        var list = PlainList(call, answers)
        list.builder.append(prefix)
        try list.append(name, nil, call)
        guard !list.isEmpty else { throw .noSuchService }
        list.builder.append(literal: "]}")
        return list.rendered
    }

    private static func services(_ call: borrowing Call, _ answers: RenderedAnswers) throws(Refused) -> RenderedList {
        let found = call.context.store.services(in: try call.tenant(), at: call.moment.lease)
        var body: [UInt8] = []
        body.append(literal: "{\"services\":[")
        for (index, service) in found.services.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body.appendJSON(string: service.name.text)
        }
        body.append(literal: "]}")
        var list = RenderedList(bytes: body, validity: Validity(readAt: call.monotonic, liveUntil: found.liveUntil))
        list.overdue = found.overdue
        return list
    }

    /// Fewer bytes than any instance takes, which has its id and its endpoint at least.
    private static let leastInstance = 48

    /// Instances picked one by one, or shown by some fields.
    private static func selected(_ query: ListQuery, _ call: borrowing Call) throws(Refused) -> RenderedList {
        let selected = query.select(from: call.context.store, in: try call.tenant(), at: call.moment.lease)
        // Not rendered only to be refused.
        guard call.context.border.hasRoom(forBytes: selected.instances.count * leastInstance) else { throw .noRoom }
        let hasLinks = query.fields.contains(.links)
        var rendering = InstanceRendering(fields: query.fields, links: hasLinks ? InstanceLinks(call) : nil)
        var body: [UInt8] = []
        body.append(literal: "{\"instances\":")
        rendering.append(selected.instances, to: &body)
        body.append(literal: "}")
        var list = RenderedList(bytes: body, validity: Validity(readAt: call.monotonic, liveUntil: selected.liveUntil))
        // Links are made of what this client calls us. One instance is rendered as quickly as it is found, and there are many to ask for.
        list.isCommon = !hasLinks
        list.isKept = query.id == nil
        list.overdue = selected.overdue
        return list
    }
}

/// A list of whole instances, service by service.
private struct PlainList {
    private let answers: RenderedAnswers
    var builder = ListBuilder()
    private var validity: Validity
    private var overdue: UInt64 = 0
    private(set) var isEmpty = true

    init(_ call: borrowing Call, _ answers: RenderedAnswers) {
        self.answers = answers
        validity = Validity(readAt: call.monotonic, liveUntil: .distantFuture)
    }

    /// The instances of a service, or of all services, that have a status, or of any.
    mutating func append(_ service: Name?, _ status: InstanceStatus?, _ call: borrowing Call) throws(Refused) {
        let namespace = try call.tenant()
        if let service {
            let revision = call.context.store.revision(of: service, in: namespace)
            append(answers.rendering(of: service, in: namespace, revision: revision, for: call), status)
        } else {
            let listing = call.context.store.services(in: namespace, at: call.moment.lease)
            overdue &+= listing.overdue
            for service in listing.services {
                append(answers.rendering(of: service.name, in: namespace, revision: service.revision, for: call), status)
            }
        }
    }

    private mutating func append(_ found: (made: ServiceRendering?, overdue: UInt64), _ status: InstanceStatus?) {
        overdue &+= found.overdue
        guard let rendering = found.made else { return }
        validity.formIntersection(rendering.validity)
        guard let fragment = answers.fragment(status, of: rendering) else { return }
        if !isEmpty { builder.append(literal: ",") }
        builder.append(fragment)
        isEmpty = false
    }

    var rendered: RenderedList {
        var list = RenderedList(body: builder.chain, validity: validity)
        list.overdue = overdue
        return list
    }
}
