// Every combination of filters and fields against a filter too simple to be wrong.

import Foundation
import TestRandom
import TestSupport
import Testing

@testable import Serving

/// An instance as the model knows it.
private struct Known {
    let id, service, value, status: String
    let tags: [String]
}

/// What a listing is asked for; nil leaves a parameter out.
private struct Query {
    var status, service, id: String?
    var tags: [String]?
    var fields: [String]?

    /// R302–R309, word by word.
    func matches(_ instance: Known) -> Bool {
        if let status {
            if status.isEmpty || (status.uppercased() != "ALL" && status.uppercased() != instance.status) {
                return false
            }
        } else if service == nil, id == nil, tags == nil, instance.status != "UP" {
            return false
        }
        if let service, service.isEmpty || service != instance.service { return false }
        if let id, id.isEmpty || id != instance.id { return false }
        if let tags, tags.isEmpty || tags.contains(where: { $0.isEmpty || !instance.tags.contains($0) }) {
            return false
        }
        return true
    }

    /// R312, R313, R315, R216.
    func keys(_ instance: Known) -> Set<String> {
        var keys: Set<String> = ["id", "endpoint"]
        keys.formUnion(fields ?? ["service_name", "ttl", "status", "last_heartbeat", "tags"])
        if instance.tags.isEmpty { keys.remove("tags") }
        keys.remove("metadata")  // No instance of this test has any.
        return keys
    }

    func text(_ generator: inout SplitMix64) -> String {
        let parameters = [
            status.map { "status=" + $0 }, service.map { "service_name=" + $0 }, id.map { "id=" + $0 },
            tags.map { "tags=" + $0.joined(separator: Bool.random(using: &generator) ? "," : "%2C") },
            fields.map { "fields=" + $0.joined(separator: ",") },
        ]
        return parameters.compactMap(\.self).shuffled(using: &generator).joined(separator: "&")
    }
}

struct ListingPropertyTests {
    private static let services = ["web", "db", "cache"]
    private static let statuses = ["UP", "STARTING", "OUT_OF_SERVICE"]
    private static let tags = ["a", "b", "c"]
    private static let fields = [
        "id", "service_name", "endpoint", "ttl", "status", "metadata", "last_heartbeat", "links", "tags",
    ]

    @Test(arguments: Transport.allCases, [11, 12, 13] as [UInt64])
    func `every listing is what a naive filter gives`(_ transport: Transport, _ seed: UInt64) throws {
        // R309 Several filters are and-ed. (And R302–R308, R312–R317 in all their combinations.)
        let registry = try Registry(transport)
        var generator = SplitMix64(seed: seed)
        var known: [Known] = []
        for number in 0..<40 {
            let service = Self.services.randomElement(using: &generator) ?? ""
            let status = Self.statuses.randomElement(using: &generator) ?? ""
            let tags = Self.tags.filter { _ in Bool.random(using: &generator) }.shuffled(using: &generator)
            let body = Body(
                service, "\(number)",
                ["status": Body.quoted(status), "tags": "[\(tags.map(Body.quoted).joined(separator: ","))]"])
            known.append(
                Known(id: try registry.register(body), service: service, value: "\(number)", status: status, tags: tags)
            )
        }
        known.sort { ($0.service, $0.id) < ($1.service, $1.id) }

        for round in 0..<200 {
            let query = Self.query(known, &generator)
            let text = query.text(&generator)
            let answer = try registry.send(.list(text))
            let circumstances: Comment = "seed \(seed), round \(round): \(text)"
            try #require(answer.status == 200, circumstances)
            let expected = known.filter(query.matches)
            let listed = try answer.instances()
            #expect(listed.map { $0["id"] as? String } == expected.map(\.id), circumstances)
            for (instance, shown) in zip(expected, listed) {
                #expect(Set(shown.keys) == query.keys(instance), circumstances)
                #expect(
                    shown["endpoint"] as? [String: String] == ["type": "http", "value": instance.value], circumstances)
                if let status = shown["status"] as? String { #expect(status == instance.status, circumstances) }
                if let tags = shown["tags"] as? [String] { #expect(tags == instance.tags, circumstances) }
            }
        }
    }

    private static func query(_ known: [Known], _ generator: inout SplitMix64) -> Query {
        var query = Query()
        func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &generator) == 0 }
        if oneIn(2) {
            query.status = (statuses + ["ALL", "all", "up", "Starting", "DOWN", ""]).randomElement(using: &generator)
        }
        if oneIn(2) { query.service = (services + ["none", ""]).randomElement(using: &generator) }
        if oneIn(5) { query.id = oneIn(5) ? "" : known.randomElement(using: &generator)?.id }
        if oneIn(2) {
            query.tags =
                tags.filter { _ in oneIn(3) }.shuffled(using: &generator) + (oneIn(10) ? ["none"] : [])
                + (oneIn(10) ? [""] : [])
        }
        if oneIn(2) { query.fields = fields.filter { _ in oneIn(3) }.shuffled(using: &generator) }
        return query
    }
}
