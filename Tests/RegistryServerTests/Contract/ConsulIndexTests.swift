// By what Consul's clients learn that something has changed: the index of an answer (docs/consul.md, C401–C405).

import Catalog
import TestRandom
import TestSupport
import Testing

@testable import Consul
@testable import RegistryCore
@testable import RegistryServer

struct ConsulIndexTests {
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `the index of an answer changes exactly when the answer does`(seed: UInt64) throws {
        // C402 The index of the lists of a service changes with each change of an instance of that service and with no
        // other; that of health/state with each change of the namespace; a heartbeat is none. C403 The index of
        // catalog/services changes when the set of names or the tags of one of them do, and with nothing else.
        var generator = SplitMix64(seed: seed)
        let registry = try Registry(.router)
        let services = ["a", "b", "c"]
        let paths =
            services.flatMap { ["/catalog/service/\($0)", "/health/service/\($0)", "/health/checks/\($0)"] } + [
                "/catalog/services", "/health/state/any", "/health/service/never",
            ]
        var last = try paths.map { try registry.consul($0) }
        var ids: [String] = []
        for step in 1...300 {
            registry.clock.advance(milliseconds: .random(in: 1...9, using: &generator))
            var what = ""
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...3:
                let tags = ["[]", #"["x"]"#, #"["y","x"]"#].randomElement(using: &generator) ?? ""
                let status = ["UP", "UP", "STARTING"].randomElement(using: &generator) ?? ""
                let body = Body(
                    services.randomElement(using: &generator) ?? "",
                    "10.0.0.1:\(Int.random(in: 1...3, using: &generator))",
                    ["tags": tags, "status": "\"\(status)\"", "ttl": "30"])
                what = body.text
                ids.append(try registry.register(body))
            case 4...5:
                guard let id = ids.randomElement(using: &generator) else { continue }
                what = "remove \(id)"
                _ = try registry.send(.remove(id))
                ids.removeAll { $0 == id }
            case 6:
                guard let id = ids.randomElement(using: &generator) else { continue }
                let method = Bool.random(using: &generator) ? "PUT" : "DELETE"
                what = "\(method) status of \(id)"
                let query = method == "PUT" ? "?value=OUT" : ""
                _ = try registry.send(TestRequest(method, "/api/v1/instances/\(id)/status\(query)"))
            case 7:
                // Long enough for all whose lease is not renewed.
                let all = ids
                let kept = Set(all.filter { _ in Bool.random(using: &generator) })
                registry.clock.advance(milliseconds: 20_000)
                for id in kept { _ = try registry.send(.renew(id)) }
                registry.clock.advance(milliseconds: 20_000)
                registry.sweep()
                ids = ids.filter(kept.contains)
                what = "all but \(kept.count) expire"
            default:
                for id in ids { _ = try registry.send(.renew(id)) }
                what = "heartbeats"
            }
            let now = try paths.map { try registry.consul($0) }
            for (path, (before, after)) in zip(paths, zip(last, now)) {
                let (old, new) = (try #require(before.consulIndex), try #require(after.consulIndex))
                let isSame = before.body == after.body
                if (old == new) != isSame {
                    Issue.record(
                        "seed \(seed), step \(step), \(what): \(path) went from \(old) \(before.text) to \(new) \(after.text)"
                    )
                    return
                }
                #expect(new >= 1 && new < 1 << 53)
                if path != "/health/service/never", !isSame {
                    #expect(new > old, "seed \(seed), step \(step): \(path)")
                }
            }
            #expect(now.last?.consulIndex == 1)
            let answered = try registry.consul("/catalog/services").object() as? [String: [String]]
            #expect(try answered == Self.services(registry), "seed \(seed), step \(step), \(what)")
            last = now
        }
    }

    /// The names of the services, and the tags of each, as the REST API has them.
    private static func services(_ registry: Registry) throws -> [String: [String]] {
        var tags: [String: Set<String>] = [:]
        for instance in try registry.send(.list()).instances() {
            tags[instance["service_name"] as? String ?? "", default: []].formUnion(instance["tags"] as? [String] ?? [])
        }
        return tags.mapValues { $0.sorted() }
    }

    @Test func `a service that has gone keeps the index by which it went`() throws {
        // C405 What is gone has the index of the change by which it went, as long as that is remembered.
        let registry = try Registry(.router)
        // Once more after it was seen empty.
        #expect(try registry.consul("/health/service/web").consulIndex == 1)
        let id = try registry.register(Body("web"))
        registry.clock.advance(milliseconds: 5)
        _ = try registry.send(.remove(id))
        let gone = try #require(try registry.consul("/health/service/web").consulIndex)
        #expect(gone == UInt64(TestClock.start / 1_000) + 5_000)
        #expect(try registry.consul("/health/state/any").consulIndex == gone)
        #expect(try registry.consul("/catalog/services").consulIndex == gone)
        registry.clock.advance(milliseconds: 5)
        try registry.register(Body("other"))
        #expect(try registry.consul("/health/service/web").consulIndex == gone)
        #expect(try registry.consul("/health/state/any").consulIndex == gone + 5_000)
        // 1,024 services in each of the catalog's parts.
        for number in 0..<1_024 {
            registry.clock.advance(milliseconds: 1)
            let id = try registry.register(Body("s\(number)"))
            _ = try registry.send(.remove(id))
        }
        #expect(try registry.consul("/health/service/web").consulIndex == 1)
        #expect(try registry.consul("/health/service/s0").consulIndex ?? 0 > gone)
    }
}

extension ConsulIndexTests {
    @Test func `what a source has moves the same indexes, and so does that it goes`() throws {
        // C402, C403, C405 also of what is read from elsewhere.
        let registry = try Registry(.router) { $0.fsCatalog = "/nowhere" }
        let publisher = try #require(registry.context.registry.sources?.publisher(of: .filesystem))
        func publish(_ values: [String], milliseconds: Int64) throws {
            let instances = values.map { value in
                LeasedInstance(
                    instance: Instance(
                        id: .text(Name(value)), serviceName: Name("web"), endpoint: Endpoint(kind: .http, value: value),
                        status: .up, ttl: 0, tags: ["t"], metadata: nil, registered: 0), lastHeartbeat: 0)
            }
            try publisher.replace(
                with: values.isEmpty ? [:] : [Namespace("default"): [Name("web"): instances]],
                at: SourceTime(monotonic: SourceTime.now().monotonic, wall: TestClock.start + milliseconds * 1_000_000))
        }
        func indexes() throws -> [UInt64?] {
            try ["/health/service/web", "/health/state/any", "/catalog/services"].map {
                try registry.consul($0).consulIndex
            }
        }
        let start = UInt64(TestClock.start / 1_000)
        #expect(try indexes() == [1, 1, 1])
        try publish(["10.0.0.1:1"], milliseconds: 0)
        #expect(try indexes() == [start, start, start])
        #expect(try registry.consul("/catalog/services").text == #"{"web":["t"]}"#)
        try publish(["10.0.0.1:1", "10.0.0.2:1"], milliseconds: 1)
        // Each of its instances is a change.
        let two = try indexes()
        #expect(two == [start + 1_000, start + 1_000, start])
        try publish(["10.0.0.1:1", "10.0.0.2:1"], milliseconds: 2)
        #expect(try indexes() == two)
        try publish([], milliseconds: 3)
        let gone = try indexes()
        #expect(gone[0] == gone[1] && gone[1] == gone[2] && gone[0] ?? 0 >= start + 3_000)
        registry.clock.advance(milliseconds: 9)
        try registry.register(Body("own"))
        #expect(try registry.consul("/health/service/web").consulIndex == gone[0])
    }
}

/// The numbers of the formats of all protocols.
enum ConsulNumbers {
    static var all: [UInt8] {
        let lists = ConsulLists(datacenter: "dc1")
        return [lists.catalog.number, lists.health.number, lists.checks.number, 0, 1, 2, 3]
    }
}
