// An operator's word on the status of a whole service, and its drain (docs/rest-api.md, R297–R299, R880).

import Catalog
import HTTP
import JSON
import RegistryCore
import Replication
import Serving
import Telemetry

enum ServiceStatusHandlers {
    /// Sub-second digits of a time.
    private static let timeDigits = 9

    static func set(_ call: borrowing Call) throws(Refused) -> Reply {
        try carryOut(call, try StatusQuery(call.request).order(at: call.moment))
    }

    static func remove(_ call: borrowing Call) throws(Refused) -> Reply { try carryOut(call, .remove) }

    static func drain(_ call: borrowing Call) throws(Refused) -> Reply {
        try carryOut(call, try StatusQuery.drain(call.request))
    }

    static func endDrain(_ call: borrowing Call) throws(Refused) -> Reply { try carryOut(call, .endDrain) }

    /// The query string does not count.
    static func get(_ call: borrowing Call) throws(Refused) -> Response {
        let service = ListHandlers.serviceName(call)
        let standing = call.registry.store.standing(of: service, in: try call.tenant())
        guard standing.override != nil || standing.instances > 0 else { throw .noSuchService }
        return response(standing, of: service)
    }

    private static func carryOut(_ call: borrowing Call, _ order: OverrideOrder) throws(Refused) -> Reply {
        let service = ListHandlers.serviceName(call)
        switch call.registry.override(
            service: service, in: try call.tenant(), order, at: call.moment, by: call.actor)
        {
        case .unknown: throw call.registry.cluster.hasCopy ? .noSuchService : .noCopyYet
        case .full: throw .tooManyOverrides
        case .done(let standing): return call.acknowledged(response(standing, of: service))
        }
    }

    private static func response(_ standing: ServiceStanding, of service: Name) -> Response {
        var body: [UInt8] = []
        body.append(literal: "{\"service_name\":")
        body.appendJSON(string: service.text)
        if let override = standing.override, let status = override.status {
            var timestamps = TimestampFormatter()
            func add(_ key: StaticString, _ nanoseconds: Int64?) {
                guard let nanoseconds else { return }
                body.append(literal: key)
                timestamps.append(nanoseconds: nanoseconds, digits: timeDigits, to: &body)
                body.append(UInt8(ascii: "\""))
            }
            body.append(literal: ",\"status\":")
            body.appendJSON(string: status.token)
            add(
                ",\"since\":\"",
                override.version.time.milliseconds.multipliedReportingOverflow(by: 1_000_000).partialValue)
            add(",\"until\":\"", override.until)
            add(",\"drain_until\":\"", override.drain?.end)
            if let who = override.who {
                body.append(literal: ",\"by\":")
                body.appendJSON(string: who)
            }
        }
        body.append(literal: ",\"instances\":")
        body.appendJSON(UInt64(standing.instances))
        body.append(UInt8(ascii: "}"))
        return Response(.ok, contentType: .json, body: body)
    }
}
