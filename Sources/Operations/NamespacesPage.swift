// The namespaces that there are, for operators (docs/rest-api.md, R630): in pages, by name. All are looked at for each
// page, in steps, since no list of their names is kept.

import Catalog
import HTTP
import JSON
import RegistryCore
import Serving

/// What `GET /api/v1/namespaces` is asked for.
struct NamespacesQuery {
    static let maximumLimit = 1_000
    static let standardLimit = 100

    /// Names up to this one are passed over; nil is none.
    private(set) var after: Name?
    private(set) var limit = standardLimit

    init(_ query: ArraySlice<UInt8>?) throws(Refused) {
        let parameters: [QueryParameter]
        do throws(Refusal) { parameters = try QueryParameter.parse(query) } catch { throw .malformed(error) }
        for parameter in parameters {
            switch parameter.name {
            case "after": after = Name(parameter.value)
            case "limit":
                guard parameter.value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let limit = Int(parameter.value),
                    (1...Self.maximumLimit).contains(limit)
                else { throw .invalid("limit must be a whole number from 1 to \(Self.maximumLimit)") }
                self.limit = limit
            case "namespace": break  // It was judged with the credential.
            default: throw .invalid("the query parameters are after and limit, each at most once")
            }
        }
    }
}

/// The first names behind one, of many that come in no order. A pure value.
struct FirstNamespaces {
    private let after: Name?
    private let limit: Int
    /// Invariant: at most twice as many as are wanted, and one more than that tells whether there are others.
    private var found: [Name: NamespaceSize] = [:]
    /// Nothing behind this is wanted.
    private var last: Name?

    init(after: Name?, limit: Int) {
        self.after = after
        self.limit = limit
    }

    mutating func add(_ namespace: Namespace, _ size: NamespaceSize) {
        let name = Name(namespace.name)
        if let after, !(after < name) { return }
        if let last, last < name { return }
        let known = found[name] ?? NamespaceSize()
        found[name] = NamespaceSize(
            services: known.services + size.services, instances: known.instances + size.instances)
        if found.count > 2 * (limit + 1) { shorten() }
    }

    private mutating func shorten() {
        let names = found.keys.sorted()
        for name in names.dropFirst(limit + 1) { found[name] = nil }
        last = names[limit]
    }

    /// In their order, and whether there are more.
    var page: (namespaces: [(name: Name, size: NamespaceSize)], hasMore: Bool) {
        let sorted = found.sorted { $0.key < $1.key }
        return (sorted.prefix(limit).map { ($0.key, $0.value) }, sorted.count > limit)
    }
}

enum NamespacesPage {
    /// Namespaces that are looked at in one go: some two milliseconds.
    private static let step = 8_192

    static func get(_ call: borrowing Call) throws(Refused) -> Reply {
        let query = try NamespacesQuery(call.request.head.query)
        return go(on: call, NamespaceCursor(), FirstNamespaces(after: query.after, limit: query.limit))
    }

    private static func go(on call: borrowing Call, _ place: NamespaceCursor, _ found: FirstNamespaces) -> Reply {
        var (place, found) = (place, found)
        let lookup = call.registry.lookup
        for (namespace, size) in lookup.namespaces(from: &place, atMost: step) { found.add(namespace, size) }
        guard place.isDone else {
            return .later(
                Waiting(for: .turn) { [place, found] (call, _) throws(Refused) in go(on: call, place, found) })
        }
        for (namespace, size) in lookup.namespacesOfSources { found.add(namespace, size) }
        return .now(Response(.ok, contentType: .json, body: body(found.page, call)))
    }

    private static func body(
        _ page: (namespaces: [(name: Name, size: NamespaceSize)], hasMore: Bool), _ call: borrowing Call
    ) -> [UInt8] {
        let (rates, now) = (call.registry.rates, call.monotonic)
        var json = JSONObject()
        json.add("next", page.hasMore ? page.namespaces.last?.name.text : nil)
        json.add(
            "namespaces",
            JSONObject.array(
                page.namespaces.map { name, size in
                    var json = JSONObject()
                    json.add("namespace", name.text)
                    json.add("services", size.services)
                    json.add("instances", size.instances)
                    let rate = rates.rate(of: Namespace(name.text), at: now)
                    json.add("requests_per_s", hundredths(rate.requests))
                    json.add("heartbeats_per_s", hundredths(rate.heartbeats))
                    return json.bytes
                }))
        return json.bytes
    }

    /// A number with two decimals.
    private static func hundredths(_ number: Double) -> [UInt8] {
        let rounded = Int((number * 100).rounded())
        let decimals = "\(100 + rounded % 100)".dropFirst()
        return Array("\(rounded / 100).\(decimals)".utf8)
    }
}
