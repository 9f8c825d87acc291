// Which requests were refused lately, and why (docs/rest-api.md, R646–R649).

import Catalog
import HTTP
import JSON
import RegistryCore
import Serving
import Telemetry
import Text

enum RefusalHandlers {
    /// About what an entry takes, for sizing a buffer once.
    private static let typicalBytes = 320

    static func list(_ call: borrowing Call) throws(Refused) -> Response {
        let query = try EventQuery(call.request.head.query)
        guard query.since == nil, !query.isOfAll else {
            throw .invalid("the query parameters are limit and namespace, each at most once")
        }
        let tenant = try call.tenant()
        let isForAll = call.seesAllNamespaces && !query.namesNamespace
        let entries = call.context.refusals.latest(query.limit, of: isForAll ? nil : tenant)
        return Response(.ok, contentType: .json, body: body(entries, namesNamespaces: call.isByOperator))
    }

    static func body(_ entries: [RefusalEntry], namesNamespaces: Bool) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(32 + entries.count * typicalBytes)
        body.append(literal: "{\"refusals\":[")
        var timestamps = TimestampFormatter()
        for (number, entry) in entries.enumerated() {
            if number > 0 { body.append(UInt8(ascii: ",")) }
            append(entry, namesNamespaces, &timestamps, to: &body)
        }
        body.append(literal: "]}")
        return body
    }

    private static func append(
        _ entry: RefusalEntry, _ namesNamespaces: Bool, _ timestamps: inout TimestampFormatter, to body: inout [UInt8]
    ) {
        body.append(literal: "{\"status\":")
        body.appendJSON(UInt64(entry.status.rawValue))
        body.append(literal: ",\"error\":")
        body.appendJSON(string: entry.sentence)
        body.append(literal: ",\"count\":")
        body.appendJSON(entry.count)
        body.append(literal: ",\"first\":\"")
        timestamps.append(nanoseconds: entry.first, digits: 3, to: &body)
        body.append(literal: "\",\"last\":\"")
        timestamps.append(nanoseconds: entry.last, digits: 3, to: &body)
        body.append(literal: "\"")
        if let client = entry.client {
            body.append(literal: ",\"client\":")
            body.appendJSON(string: client)
        }
        if namesNamespaces, let namespace = entry.namespace {
            body.append(literal: ",\"namespace\":")
            body.appendJSON(string: namespace.name)
        }
        body.append(literal: ",\"operation\":")
        body.appendJSON(string: entry.operation)
        if !entry.method.isEmpty {
            body.append(literal: ",\"method\":")
            body.appendJSON(string: entry.method)
            body.append(literal: ",\"path\":")
            body.appendJSON(string: String(decoding: entry.path, as: UTF8.self))
        }
        body.append(literal: ",\"request_id\":")
        body.appendJSON(string: entry.requestID)
        body.append(literal: "}")
    }
}
