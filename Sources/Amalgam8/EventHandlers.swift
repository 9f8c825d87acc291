// What happened lately to a tenant's instances (docs/rest-api.md, R640–R645): pages of the change log, rendered outside
// of its lock.

import Catalog
import HTTP
import JSON
import RegistryCore
import Serving
import Telemetry
import Text

/// What `GET /api/v1/events` is asked for.
struct EventQuery {
    /// The most events of one answer, and the number without `limit` (R642).
    static let maximumLimit = 1_000
    static let standardLimit = 100
    /// An index is below this (R641).
    private static let indexBound: UInt64 = 1 << 53

    /// Nil asks for the newest.
    private(set) var since: UInt64?
    private(set) var limit = standardLimit
    /// Whether a namespace was asked for by its name.
    private(set) var namesNamespace = false
    /// Whether the events of all namespaces are wanted.
    private(set) var isOfAll = false

    /// Reads the query. Throws for an unknown parameter, a bad escape, a parameter given twice, and a number out of its
    /// range.
    init(_ query: ArraySlice<UInt8>?) throws(Refused) {
        let parameters: [QueryParameter]
        do throws(Refusal) {
            parameters = try QueryParameter.parse(query)
        } catch {
            throw .malformed(error)
        }
        for parameter in parameters {
            switch parameter.name {
            case "since":
                guard let index = Self.number(parameter.value), index < Self.indexBound else {
                    throw .invalid("since must be the index of an event, a whole number below 2^53")
                }
                since = index
            case "limit":
                guard let limit = Self.number(parameter.value), (1...UInt64(Self.maximumLimit)).contains(limit) else {
                    throw .invalid("limit must be a whole number from 1 to \(Self.maximumLimit)")
                }
                self.limit = Int(limit)
            case "all":
                guard parameter.value == "true" else { throw .invalid("all must be true, or left out") }
                isOfAll = true
            case "namespace": namesNamespace = true  // It was judged with the credential.
            default: throw .invalid("the query parameters are since, limit, namespace and all, each at most once")
            }
        }
    }

    /// Digits alone: `UInt64` would take a sign, too.
    private static func number(_ text: String) -> UInt64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
    }
}

enum EventHandlers {
    static func list(_ call: borrowing Call) throws(Refused) -> Reply {
        let query = try EventQuery(call.request.head.query)
        guard !query.isOfAll else { return try AllEvents.answer(query, call) }
        let page = call.registry.lookup.changes(in: try call.tenant(), after: query.since, limit: query.limit)
        return .now(
            Response(.ok, contentType: .json, body: body(page, namesMember: call.registry.lookup.hasSeveralMembers)))
    }

    /// Sub-second digits of a time: that of a version has no more.
    private static let timeDigits = 6
    /// About what an event takes, for sizing a buffer once.
    private static let typicalBytes = 320

    /// - Parameter namesMember: whether there are several members, so that it matters which one took a change.
    static func body(_ page: ChangePage, namesMember: Bool) -> [UInt8] {
        body(
            page.changes.map { (nil, $0) }, next: page.next, isMissing: page.isMissing, namesMember: namesMember)
    }

    /// - Parameter changes: each with its namespace, where that is to be told.
    static func body(
        _ changes: [(namespace: Namespace?, change: Change)], next: UInt64, isMissing: Bool, namesMember: Bool
    ) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(64 + changes.count * typicalBytes)
        body.append(literal: "{\"next\":")
        body.appendJSON(next)
        body.append(literal: ",\"missed\":")
        body.appendJSON(isMissing)
        body.append(literal: ",\"events\":[")
        var timestamps = TimestampFormatter()
        for (number, (namespace, change)) in changes.enumerated() {
            if number > 0 { body.append(UInt8(ascii: ",")) }
            append(change, of: namespace, namesMember, &timestamps, to: &body)
        }
        body.append(literal: "]}")
        return body
    }

    private static func append(
        _ change: Change, of namespace: Namespace?, _ namesMember: Bool, _ timestamps: inout TimestampFormatter,
        to body: inout [UInt8]
    ) {
        body.append(literal: "{\"index\":")
        body.appendJSON(change.index)
        body.append(literal: ",\"time\":\"")
        timestamps.append(nanoseconds: change.nanoseconds, digits: timeDigits, to: &body)
        body.append(literal: "\",\"kind\":\"")
        body.append(literal: change.kind.literal)
        body.append(literal: "\",\"id\":")
        body.appendJSON(string: change.id.utf8)
        body.append(literal: ",\"service_name\":")
        body.appendJSON(string: change.serviceName.text)
        body.append(literal: ",\"endpoint\":{\"type\":")
        body.appendJSON(string: change.endpoint.kind.rawValue)
        body.append(literal: ",\"value\":")
        body.appendJSON(string: change.endpoint.value)
        body.append(literal: "}")
        func add(_ key: StaticString, _ value: String?) {
            guard let value else { return }
            body.append(literal: key)
            body.appendJSON(string: value)
        }
        add(",\"previous_status\":", change.before?.token)
        add(",\"status\":", change.after?.token)
        add(",\"member\":", namesMember ? change.member.description : nil)
        add(",\"client\":", change.actor?.address)
        add(",\"principal\":", change.actor?.principal)
        add(",\"source\":", change.actor?.source)
        add(",\"namespace\":", namespace?.name)
        body.append(literal: "}")
    }
}
