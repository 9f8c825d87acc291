// Many heartbeats in one request, for agents that speak for many instances: what a heartbeat costs is mostly the
// request around it (docs/rest-api.md, R261–R265).

import Catalog
import HTTP
import JSON
import RegistryCore
import Replication
import Serving

/// The body of `PUT /api/v1/heartbeats`: `{"ids":["…",…]}`.
struct HeartbeatBatch {
    /// How many ids one request may name (R262).
    static let maximumCount = Store.renewalLimit

    /// In the order sent; one may come twice, and is renewed twice.
    private(set) var ids: [InstanceID] = []

    /// Reads a body. Throws `Refused.invalid` saying what is wrong with it.
    init(json body: [UInt8]) throws(Refused) {
        var reader = JSONReader(body)
        var isComplete = false
        // One more than are shown, to know that there are more.
        var unknown: [String] = []
        do throws(JSONError) {
            guard try reader.peekType() == .object else { throw JSONError(.expected(.object), at: 0) }
            try reader.enterObject()
            while let key = try reader.nextKey() {
                guard key == "ids" || key.equalsIgnoringCase("ids") else {
                    if unknown.count <= Refused.shownKeys { unknown.append(Refused.shortened(key.string)) }
                    try reader.skipValue()
                    continue
                }
                guard !isComplete else { throw JSONError(.duplicateKey, at: key.offset) }
                isComplete = true
                try readIDs(&reader)
            }
            try reader.finish()
        } catch {
            throw .invalid(Self.sentence(error))
        }
        guard isComplete else {
            throw .invalid("ids is required: an array of the ids to renew" + Refused.unknownKeys(unknown, in: "body"))
        }
        guard (1...Self.maximumCount).contains(ids.count) else {
            throw .invalid("ids must name 1 to \(Self.maximumCount) instances")
        }
    }

    private mutating func readIDs(_ reader: inout JSONReader) throws(JSONError) {
        try reader.enterArray()
        while try reader.nextElement() {
            let text = try reader.readText()
            // One more than the most is remembered, to be refused for.
            if ids.count <= Self.maximumCount, let id = InstanceID(text.bytes) { ids.append(id) }
        }
    }

    private static func sentence(_ error: JSONError) -> String {
        switch error.kind {
        case .expected(.object): "the body must be a JSON object"
        case .expected: "ids must be an array of strings"
        case .duplicateKey: "ids is given twice"
        default: error.sentence
        }
    }
}

enum BatchHandlers {
    /// Renews each id as its own heartbeat would, and answers with the status of each (R261).
    static func renew(_ call: borrowing Call) throws(Refused) -> Reply {
        try MediaType.requireJSON(call.request.head)
        let batch = try HeartbeatBatch(json: call.request.body)
        let namespace = try call.tenant()
        // The request itself has been charged for one.
        call.registry.rateLimits.overdraw(
            batch.ids.count - 1, client: call.client, namespace: call.isByOperator ? nil : namespace, at: call.monotonic
        )
        // Asked before: an id that a copy brings meanwhile must not be called gone.
        let hasCopy = call.registry.cluster.hasCopy
        let wasCatchingUp = call.registry.standing.isCatchingUp
        let renewed = call.registry.renew(batch.ids, in: namespace, at: call.moment)
        // What was renewed may have been removed elsewhere, and what is missing may be there (R621).
        guard !wasCatchingUp, !call.registry.standing.isCatchingUp else {
            return .now(response(renewed.map { _ in false }, missing: "503"))
        }
        let missing = renewed.indices.filter { !renewed[$0] }
        guard hasCopy, !missing.isEmpty else { return .now(response(renewed, missing: hasCopy ? "410" : "503")) }
        let ids = missing.map { batch.ids[$0] }
        return try call.askOthers(Array(Set(ids))) { call, isSure throws(Refused) in
            var results = renewed
            let again = call.registry.renew(ids, in: namespace, at: call.moment)
            for (index, isRenewed) in zip(missing, again) { results[index] = isRenewed }
            return .now(response(results, missing: isSure ? "410" : "503"))
        }
    }

    private static func response(_ renewed: [Bool], missing: StaticString) -> Response {
        var body: [UInt8] = []
        body.reserveCapacity(40 + renewed.count * 4)
        body.append(literal: "{\"renewed\":")
        body.appendJSON(renewed.count { $0 })
        body.append(literal: ",\"results\":[")
        for (index, isRenewed) in renewed.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body.append(literal: isRenewed ? "200" : missing)
        }
        body.append(literal: "]}")
        return Response(.ok, contentType: .json, body: body)
    }
}
