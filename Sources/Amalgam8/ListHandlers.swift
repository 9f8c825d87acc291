// The lists of instances and of services (docs/rest-api.md, R3xx and R4xx). A request is read here only when its answer
// is not kept; `AmalgamList` makes what it asks for.

import Catalog
import HTTP
import RegistryCore
import Serving

enum ListHandlers {
    static func instances(_ call: borrowing Call) throws(Refused) -> Reply {
        guard let poll = try LongPoll(call.request.head.query) else {
            return try instances(call, call.request.head.query ?? [])
        }
        let query = try ListQuery(poll.query)
        return try poll.answer(call, of: query.serviceName) { (call) throws(Refused) in
            try instances(call, poll.query)
        }
    }

    private static func instances(_ call: borrowing Call, _ query: ArraySlice<UInt8>) throws(Refused) -> Reply {
        try call.answers.answer(
            call, .instances, key: query,
            level: { (_) throws(Refused) in try ListQuery(query).serviceName.map { .service($0) } ?? .namespace },
            find: { (_) throws(Refused) in !(try ListQuery(query)).fields.contains(.links) },
            read: { (call) throws(Refused) in try readInstances(call, query) })
    }

    /// The query string does not count, but for `wait` (R405).
    static func service(_ call: borrowing Call) throws(Refused) -> Reply {
        guard let poll = try LongPoll(call.request.head.query) else { return try answerService(call) }
        return try poll.answer(call, of: serviceName(call), answerService)
    }

    private static func answerService(_ call: borrowing Call) throws(Refused) -> Reply {
        try call.answers.answer(
            call, .service, key: call.request.head.path,
            level: { (call) throws(Refused) in .serviceAlone(serviceName(call)) }, find: findService, read: readService)
    }

    static func services(_ call: borrowing Call) throws(Refused) -> Reply {
        guard let poll = try LongPoll(call.request.head.query) else { return try answerServices(call) }
        return try poll.answer(call, of: nil, answerServices)
    }

    private static func answerServices(_ call: borrowing Call) throws(Refused) -> Reply {
        try call.answers.answer(
            call, .services, key: [], find: { (_) throws(Refused) in true }, read: readServices)
    }

    /// docs/prometheus.md.
    static func targets(_ call: borrowing Call) throws(Refused) -> Reply {
        try call.answers.answer(
            call, .targets, key: call.request.head.query ?? [],
            find: { (call) throws(Refused) in
                _ = try ListQuery(call.request.head.query, of: .targets)
                return true
            }, read: readTargets)
    }

    private static func findService(_ call: borrowing Call) throws(Refused) -> Bool {
        guard call.registry.lookup.hasService(serviceName(call), in: try call.tenant(), at: call.moment.lease) else {
            throw .noSuchService
        }
        return true
    }

    /// The service in the path. A decoded segment is UTF-8, so nothing is repaired here.
    static func serviceName(_ call: borrowing Call) -> Name {
        Name(String(decoding: call.parameter(), as: UTF8.self))
    }

    // MARK: - Requests

    private static func readInstances(_ call: borrowing Call, _ query: ArraySlice<UInt8>) throws(Refused)
        -> any ListRequest
    {
        let query = try ListQuery(query)
        let links = query.fields.contains(.links) ? InstanceLinks(call) : nil
        return AmalgamList(namespace: try call.tenant(), content: .instances(query), links: links)
    }

    private static func readTargets(_ call: borrowing Call) throws(Refused) -> any ListRequest {
        AmalgamList(
            namespace: try call.tenant(), content: .targets(try ListQuery(call.request.head.query, of: .targets)))
    }

    private static func readService(_ call: borrowing Call) throws(Refused) -> any ListRequest {
        AmalgamList(namespace: try call.tenant(), content: .service(serviceName(call)))
    }

    private static func readServices(_ call: borrowing Call) throws(Refused) -> any ListRequest {
        AmalgamList(namespace: try call.tenant(), content: .services)
    }
}
