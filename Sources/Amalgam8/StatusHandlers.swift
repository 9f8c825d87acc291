// An operator's word on the status of an instance (docs/rest-api.md, R290–R294): it counts in place of what the instance
// says, until it is removed. And the drain by which an instance leaves (R295, R296).

import Catalog
import HTTP
import JSON
import RegistryCore
import Replication
import Serving

enum StatusHandlers {
    static func set(_ call: borrowing Call) throws(Refused) -> Reply {
        try carryOut(call, try StatusQuery(call.request).order(at: call.moment))
    }

    static func remove(_ call: borrowing Call) throws(Refused) -> Reply { try carryOut(call, .remove) }

    static func drain(_ call: borrowing Call) throws(Refused) -> Reply {
        try carryOut(call, try StatusQuery.drain(call.request))
    }

    static func endDrain(_ call: borrowing Call) throws(Refused) -> Reply { try carryOut(call, .endDrain) }

    private static func carryOut(_ call: borrowing Call, _ order: OverrideOrder) throws(Refused) -> Reply {
        guard let id = call.instanceID else { throw .instanceGone }
        if let reply = try carryOut(order, id, call) { return reply }
        guard call.registry.cluster.hasCopy else { throw .noCopyYet }
        return try call.askOthers([id]) { call, isSure throws(Refused) in
            if let reply = try carryOut(order, id, call) { return reply }
            throw isSure ? .instanceGone : .notSure
        }
    }

    /// Nil where there is no such instance.
    private static func carryOut(_ order: OverrideOrder, _ id: InstanceID, _ call: borrowing Call) throws(Refused)
        -> Reply?
    {
        switch call.registry.override(id, in: try call.tenant(), order, at: call.moment, by: call.actor) {
        case .unknown: return nil
        case .full: throw .tooManyOverrides
        case .done(let leased):
            var body: [UInt8] = []
            var rendering = InstanceRendering(fields: .all, links: nil)
            rendering.append(leased, to: &body)
            return call.acknowledged(Response(.ok, contentType: .json, body: body))
        }
    }
}
