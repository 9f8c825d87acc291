// What Eureka's clients read (docs/eureka.md, E4xx). A request is read here only when its answer is not kept;
// `EurekaList` makes what it asks for.

import Catalog
import HTTP
import RegistryCore
import Serving

enum EurekaReadHandlers {
    static func applications(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let form = EurekaForm.wanted(by: call.request.head)
        return try list(call, .applications(form), form, key: [], .all)
    }

    static func delta(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let form = EurekaForm.wanted(by: call.request.head)
        return try list(call, .delta(form), form, key: [], .delta)
    }

    static func application(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let form = EurekaForm.wanted(by: call.request.head)
        let name = call.parameter(first).uppercased
        return try list(call, .application(form), form, key: name, .application(name))
    }

    static func vip(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let form = EurekaForm.wanted(by: call.request.head)
        let name = call.parameter(first).uppercased
        return try list(call, .vip(form), form, key: name, .vip(name, isSecure: false))
    }

    static func secureVIP(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let form = EurekaForm.wanted(by: call.request.head)
        let name = call.parameter(first).uppercased
        return try list(call, .secureVIP(form), form, key: name, .vip(name, isSecure: true))
    }

    /// By the id as it is here, or by the id within whatever application it is.
    static func anywhere(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let form = EurekaForm.wanted(by: call.request.head)
        let local = call.parameter(first)
        if let id = InstanceID(local),
            let found = call.registry.lookup.instance(id, in: try call.tenant(), at: call.moment.lease)
        {
            return .now(response(found, form))
        }
        return try list(call, .anywhere(form), form, key: local, .anywhere(local))
    }

    static func instance(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let form = EurekaForm.wanted(by: call.request.head)
        let id = try call.eurekaID(first)
        guard let found = call.registry.lookup.instance(id, in: try call.tenant(), at: call.moment.lease) else {
            throw .noSuchInstance
        }
        return .now(response(found, form))
    }

    private static func response(_ leased: LeasedInstance, _ form: EurekaForm) -> Response {
        var response = Response(
            .ok, contentType: form.format.contentType, body: form.body(of: EurekaInstance(leased)))
        if let vary = form.format.vary { response.fields.append(.vary, vary) }
        return response
    }

    /// The query does not count: regions, which some clients name, are not known here.
    private static func list(
        _ call: borrowing Call, _ resource: ListedResource, _ form: EurekaForm, key: Bytes,
        _ content: EurekaList.Content
    ) throws(Refused) -> Reply {
        try call.answers.answer(
            call, resource, key: key, find: { (call) throws(Refused) in try find(call, content) },
            read: { (call) throws(Refused) in
                EurekaList(namespace: try call.tenant(), form: form, content: content)
            })
    }

    /// Whether there is such a list, for `If-None-Match: *`.
    private static func find(_ call: borrowing Call, _ content: EurekaList.Content) throws(Refused) -> Bool {
        switch content {
        case .all, .delta, .vip: return true
        case .application(let name):
            let services = call.registry.lookup.services(in: try call.tenant(), at: call.moment.lease).services
            guard services.contains(where: { Array($0.name.text.utf8)[...].equalsFolded(name) }) else {
                throw .noSuchService
            }
            return true
        case .anywhere: return false
        }
    }
}
