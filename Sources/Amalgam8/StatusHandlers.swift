// An operator's word on the status of an instance (docs/rest-api.md, R290–R294): it counts in place of what the instance
// says, until it is removed.

import Catalog
import HTTP
import JSON
import RegistryCore
import Replication
import Serving

enum StatusHandlers {
    static func set(_ call: borrowing Call) throws(Refused) -> Reply {
        let wish = try wish(of: call.request)
        return try override(call, wish.status, until: wish.end(at: call.moment))
    }

    static func remove(_ call: borrowing Call) throws(Refused) -> Reply { try override(call, nil, until: nil) }

    /// By the query, or by a body `{"status":"…"}`.
    private static func wish(of request: Request) throws(Refused) -> OverrideWish {
        var (status, duration): (String?, String?) = (nil, nil)
        do throws(Refusal) {
            for parameter in try QueryParameter.parse(request.head.query) {
                switch parameter.name {
                case "value": status = parameter.value
                case "for": duration = parameter.value
                case "namespace": break  // It was judged with the credential.
                default: throw Refusal(.badRequest, "the query parameters are value, for and namespace")
                }
            }
        } catch { throw .malformed(error) }
        if status == nil, !request.body.isEmpty {
            try MediaType.requireJSON(request.head)
            status = try self.status(in: request.body)
        }
        guard let status else { throw .invalid("value is required: the status that is to count") }
        guard let wish = OverrideWish(status: status, duration: duration) else {
            throw .invalid(
                "value must be 1 to \(StatusOverride.statusLimit) visible ASCII characters without a comma, and for a "
                    + "duration above zero, such as 30m")
        }
        return wish
    }

    private static func status(in body: [UInt8]) throws(Refused) -> String? {
        do throws(JSONError) {
            var reader = JSONReader(body)
            var status: String?
            try reader.enterObject()
            while let key = try reader.nextKey() {
                if key == "status" { status = try reader.readString() } else { try reader.skipValue() }
            }
            try reader.finish()
            return status
        } catch { throw .invalid(error.sentence) }
    }

    private static func override(_ call: borrowing Call, _ status: InstanceStatus?, until: Int64?) throws(Refused)
        -> Reply
    {
        guard let id = call.instanceID else { throw .instanceGone }
        if let reply = try override(id, status, until, call) { return reply }
        guard call.registry.cluster.hasCopy else { throw .noCopyYet }
        return try call.askOthers([id]) { call, isSure throws(Refused) in
            if let reply = try override(id, status, until, call) { return reply }
            throw isSure ? .instanceGone : .notSure
        }
    }

    /// Nil where there is no such instance.
    private static func override(
        _ id: InstanceID, _ status: InstanceStatus?, _ until: Int64?, _ call: borrowing Call
    ) throws(Refused) -> Reply? {
        switch call.registry.override(
            id, in: try call.tenant(), status: status, until: until, at: call.moment, by: call.actor)
        {
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
