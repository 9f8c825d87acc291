// Registering, renewing, reading and removing instances (docs/rest-api.md, R2xx and R3xx). A handler reads the call,
// asks the catalog, and renders; what may be said is decided elsewhere.

import Catalog
import HTTP
import JSON
import RegistryCore
import Replication
import Serving
import TLS
import Text

enum InstanceHandlers {
    /// What the answer to a registration takes besides its links, in bytes, and some more.
    private static let registeredRoom = 80

    static func register(_ call: borrowing Call) throws(Refused) -> Reply {
        try MediaType.requireJSON(call.request.head)
        let registration = try Registration(json: call.request.body, tagLimits: call.registry.tagRule.limits)
        let instance = registration.instance(policy: call.registry.leasePolicy, at: call.moment)
        guard call.registry.register(instance, in: try call.tenant(), at: call.moment, by: call.actor) else {
            throw .namespaceFull(call.registry.fullness(of: try call.tenant()))
        }
        let (id, ttl) = (instance.id, InstanceRendering.seconds(instance.ttl))
        let location = InstanceLinks.location(of: id, call)
        let body = [UInt8](room: 2 * location.count + InstanceLinks.frameLength + registeredRoom) { output in
            output.append(literal: "{\"id\":")
            output.append(id)
            output.append(literal: ",\"ttl\":")
            output.appendJSON(natural: ttl)
            output.append(literal: ",")
            InstanceLinks.append(location, to: &output)
            output.append(literal: "}")
        }
        var response = Response(.created, contentType: .json, body: body)
        response.fields.append(.location, location)
        return call.acknowledged(response, registering: id)
    }

    static func renew(_ call: borrowing Call) throws(Refused) -> Reply {
        guard let id = call.instanceID else { throw .instanceGone }
        let namespace = try call.tenant()
        if try call.renew(id, in: namespace) { return .now(Response(.ok)) }
        guard call.registry.cluster.hasCopy else { throw .noCopyYet }
        // Once more: the copy that makes an id known may have been completed between the two.
        if try call.renew(id, in: namespace) { return .now(Response(.ok)) }
        return try call.askOthers([id]) { call, isSure throws(Refused) in
            guard try call.renew(id, in: namespace) else {
                throw isSure ? call.unknown(id, in: namespace, .instanceGone) : .notSure
            }
            return .now(Response(.ok))
        }
    }

    static func deregister(_ call: borrowing Call) throws(Refused) -> Reply {
        guard let id = call.instanceID else { throw .alreadyGone }
        let namespace = try call.tenant()
        let hasCopy = call.registry.cluster.hasCopy
        // An instance that is not here may be at another member, which gets the change; but only the answer to another
        // try can say that it is gone, since the time of what is there is not known yet.
        if call.registry.deregister(id, in: namespace, hasCopy: hasCopy, at: call.moment, by: call.actor) {
            return call.acknowledged(Response(.ok))
        }
        guard hasCopy else { throw .noCopyYet }
        return try call.askOthers([id]) { call, isSure throws(Refused) in
            guard call.registry.deregister(id, in: namespace, at: call.moment, by: call.actor) else {
                throw isSure ? call.unknown(id, in: namespace, .alreadyGone) : .notSure
            }
            return call.acknowledged(Response(.ok))
        }
    }

    static func get(_ call: borrowing Call) throws(Refused) -> Response {
        guard let id = call.instanceID,
            let found = call.registry.lookup.instance(id, in: try call.tenant(), at: call.moment.lease)
        else { throw .noSuchInstance }
        var body: [UInt8] = []
        var rendering = InstanceRendering(fields: .all, links: nil)
        rendering.append(found, to: &body)
        return Response(.ok, contentType: .json, body: body)
    }
}

extension Call {
    /// How the change of an instance is refused that the namespace does not have: it may be one of a source, which only
    /// look-ups find.
    fileprivate borrowing func unknown(_ id: InstanceID, in namespace: Namespace, _ refused: Refused) -> Refused {
        registry.lookup.source(of: id, in: namespace).map { .ofSource($0) } ?? refused
    }
}
