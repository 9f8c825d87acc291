// The look-ups: what a request asks for, and the list that answers it. `ConsulList` makes what is not kept.

import Catalog
import HTTP
import RegistryCore
import Serving

/// The lists of a process, whose loops share what they render.
struct ConsulLists: Sendable {
    let datacenter: String
    let catalog: Format
    let health: Format
    let checks: Format

    init(datacenter: String) {
        self.datacenter = datacenter
        func format(_ number: UInt8, _ form: ConsulWriter.Form) -> Format {
            let writer = ConsulWriter(form, datacenter: datacenter)
            return Format(number: number, contentType: .json, isTagged: false, separator: ",") { writer }
        }
        catalog = format(13, .catalog)
        health = format(14, .health)
        checks = format(15, .check)
    }

    /// `/v1/catalog/services`.
    func services(_ call: borrowing Call) throws(Refused) -> Reply {
        let query = try ConsulQuery(call.request.head.query, datacenter: datacenter)
        return try answer(call, query, .services, query.wantsNodeMetadata ? .none : .all, catalog)
    }

    /// The lists of one service: all that follows in the path is its name.
    func service(_ call: borrowing Call, _ format: Format) throws(Refused) -> Reply {
        let query = try ConsulQuery(call.request.head.query, datacenter: datacenter)
        let name = Name(String(decoding: call.parameter(), as: UTF8.self))
        let pick: ConsulList.Pick = query.wantsNodeMetadata ? .none : query.isPassing ? .passing : .all
        return try answer(call, query, .service(name), pick, format)
    }

    /// `/v1/health/state/`.
    func state(_ call: borrowing Call) throws(Refused) -> Reply {
        let query = try ConsulQuery(call.request.head.query, datacenter: datacenter)
        let pick: ConsulList.Pick
        switch String(decoding: call.parameter(), as: UTF8.self) {
        case "any": pick = .all
        case "passing": pick = .passing
        case "critical": pick = .critical
        case "warning": pick = .none
        default: return .now(ConsulAgent.nothing)
        }
        return try answer(call, query, .everything, query.wantsNodeMetadata ? .none : pick, checks)
    }

    private func answer(
        _ call: borrowing Call, _ query: ConsulQuery, _ content: ConsulList.Content, _ pick: ConsulList.Pick,
        _ format: Format
    ) throws(Refused) -> Reply {
        let list = ConsulList(
            namespace: try call.tenant(), content: content, pick: pick, tags: query.tags, format: format,
            serviceTags: call.registry.serviceTags)
        guard let known = query.index else { return try list.answer(call) }
        return try ConsulHold(list: list, known: known, wait: query.wait).begin(call)
    }
}

extension ConsulList {
    /// Answers without waiting for a change.
    func answer(_ call: borrowing Call) throws(Refused) -> Reply {
        // An unknown service is an empty list, and clients drop what they had: that is not said on a guess.
        if let service, call.registry.isBehind(in: namespace, at: call.monotonic),
            !call.registry.lookup.hasService(service, in: namespace, at: call.moment.lease)
        {
            throw .notSure
        }
        return try call.answers.answer(
            call, resource, key: key, find: { (_) throws(Refused) in true }, read: { (_) throws(Refused) in self })
    }

    var resource: ListedResource {
        switch content {
        case .services: ListedResource(format, number: 0)
        case .service: ListedResource(format, number: 1)
        case .everything: ListedResource(format, number: 2)
        }
    }

    /// What the list depends on: the query has an index too, which is another with each request. No text has the byte
    /// that stands between.
    var key: ArraySlice<UInt8> {
        var key: [UInt8]
        switch pick {
        case .all: key = [0]
        case .passing: key = [1]
        case .critical: key = [2]
        case .none: key = [3]
        }
        if case .service(let name) = content { key += name.text.utf8 }
        for tag in tags {
            key.append(0xFF)
            key += tag
        }
        return key[...]
    }
}
