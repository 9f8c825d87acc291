// Which requests were refused lately, and why (docs/rest-api.md, R646–R654).

import Catalog
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Serving

struct RefusalListTests {
    private static let path = "/api/v1/refusals"

    private func entries(_ registry: Registry, _ target: String = path, token: String? = nil) throws -> [[String: Any]]
    {
        var request = TestRequest.get(target)
        if let token { request = request.with("Authorization", "Bearer \(token)") }
        let answer = try registry.send(request)
        try #require(answer.status == 200, "\(answer)")
        #expect(answer["Content-Type"] == "application/json")
        return try #require(try answer.object()["refusals"] as? [[String: Any]])
    }

    @Test(arguments: Transport.allCases)
    func `a refusal is told with its sentence, client and request id`(_ transport: Transport) throws {
        // R646 GET /api/v1/refusals answers {"refusals":[…]}, the latest first. R647 An entry has status, error …
        let registry = try Registry(transport)
        #expect(try entries(registry).isEmpty)
        let refused = try registry.send(.get("/api/v1/services/nothing?secret=1").with("X-Request-Id", "mine"))
        #expect(refused.status == 404)
        registry.clock.advance(milliseconds: 1_000)
        #expect(try registry.send(.remove("0123456789abcdef")).status == 410)
        let told = try entries(registry)
        #expect(told.map { $0["status"] as? Int } == [410, 404])
        let entry = try #require(told.last)
        #expect(entry["error"] as? String == (try refused.object()["Error"] as? String))
        #expect(entry["count"] as? Int == 1)
        #expect(
            entry["first"] as? String == "2026-01-01T00:00:00.123Z"
                && entry["last"] as? String == entry["first"] as? String)
        #expect(entry["client"] as? String == "127.0.0.1")
        #expect(entry["operation"] as? String == "getService")
        #expect(entry["method"] as? String == "GET")
        #expect(entry["path"] as? String == "/api/v1/services/nothing", "no query")
        #expect(entry["request_id"] as? String == "mine")
        #expect(entry["namespace"] == nil)
    }

    @Test(arguments: Transport.allCases)
    func `refusals that are alike are one entry`(_ transport: Transport) throws {
        // R646 … Refusals of one client that are alike, in operation, status and sentence, are one entry with a count …
        let registry = try Registry(transport)
        for second in 0..<3 {
            #expect(try registry.send(.renew("0123456789abcde\(second)")).status == 410)
            #expect(try registry.send(.get("/nowhere")).status == 404)
            registry.clock.advance(milliseconds: 1_000)
        }
        let told = try entries(registry)
        #expect(told.map { $0["status"] as? Int } == [404, 410])
        #expect(told.map { $0["count"] as? Int } == [3, 3])
        #expect(told.map { $0["first"] as? String } == ["2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.123Z"])
        #expect(told.map { $0["last"] as? String } == ["2026-01-01T00:00:02.123Z", "2026-01-01T00:00:02.123Z"])
        #expect((told.last?["path"] as? String)?.contains("0123456789abcde2") == true, "that of the last")
    }

    @Test(arguments: Transport.allCases)
    func `a credential in a path is not told`(_ transport: Transport) throws {
        // R647 … *** for a credential in the path.
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        #expect(try registry.send(.get("/api/eureka/my-secret/v2/apps/nothing")).status == 404)
        let told = try entries(registry, token: "my-secret")
        #expect(told.map { $0["path"] as? String } == ["/api/eureka/***/v2/apps/nothing"])
    }

    @Test(arguments: Transport.allCases)
    func `a tenant is shown its own refusals alone`(_ transport: Transport) throws {
        // R649 A tenant is shown what was refused in its namespace …
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        for token in ["one", "two"] {
            let request = TestRequest.get("/api/v1/services/of-\(token)").with("Authorization", "Bearer \(token)")
            #expect(try registry.send(request).status == 404)
        }
        #expect(try registry.send(.get("/api/v1/services")).status == 401)
        #expect(try entries(registry, token: "one").map { $0["path"] as? String } == ["/api/v1/services/of-one"])
        #expect(try entries(registry, token: "two").map { $0["path"] as? String } == ["/api/v1/services/of-two"])
        #expect(try entries(registry, token: "three").isEmpty)
        #expect(try registry.send(.get(Self.path)).status == 401)
    }

    @Test(arguments: Transport.allCases)
    func `the query has a limit and nothing else`(_ transport: Transport) throws {
        // R648 limit=N is as R642 has it. Another parameter is answered 400.
        let registry = try Registry(transport)
        for name in ["a", "b", "c"] { #expect(try registry.send(.get("/\(name)")).status == 404) }
        #expect(try registry.send(.get("/api/v1/events?limit=0")).status == 400)
        #expect(try entries(registry, Self.path + "?limit=1").map { $0["operation"] as? String } == ["listEvents"])
        for query in ["limit=0", "limit=1001", "limit=x", "since=1", "limit=1&limit=2", "status=401"] {
            #expect(try registry.send(.get("\(Self.path)?\(query)")).status == 400, "\(query)")
        }
    }

    @Test func `entries are bounded, and so is what is noted in a second`() {
        // R654 The last 256 entries are kept, and 200 refusals a second are noted …
        let refusals = RecentRefusals()
        func note(_ number: Int, at second: Int64) {
            refusals.note(at: second * 1_000_000_000) {
                RefusalEntry(
                    at: second * 1_000_000_000, requestID: "\(number)", client: "client-\(number)", namespace: nil,
                    operation: "unmatched", status: .notFound, sentence: "no", method: "GET", path: [])
            }
        }
        for number in 0..<150 { note(number, at: 1) }
        for number in 150..<300 { note(number, at: 2) }
        #expect(refusals.leftOut == 0)
        let kept = refusals.latest(1_000, of: nil)
        #expect(kept.map(\.requestID) == (44..<300).reversed().map(String.init))
        for number in 300..<600 { note(number, at: 3) }
        #expect(refusals.leftOut == 100)
        #expect(refusals.latest(1, of: nil).map(\.requestID) == ["499"])
        note(44, at: 4)
        #expect(refusals.latest(1, of: nil).map(\.count) == [1], "its entry had to give way")
    }
}
