// Many heartbeats in one request (docs/rest-api.md, R261–R265).

import Foundation
import TestSupport
import Testing

@testable import Configuration

extension TestRequest {
    fileprivate static func renew(all ids: [String]) -> TestRequest {
        batch(#"{"ids":[\#(ids.map { "\"\($0)\"" }.joined(separator: ","))]}"#)
    }

    fileprivate static func batch(_ text: String) -> TestRequest {
        TestRequest("PUT", "/api/v1/heartbeats", [("Content-Type", "application/json")], body: text)
    }
}

struct BatchTests {
    private static let stranger = "0123456789abcdef"

    @Test(arguments: Transport.allCases)
    func `each id is renewed as its own heartbeat would`(_ transport: Transport) throws {
        // R261 Each id is renewed as its own heartbeat would, and the answer is 200 {"renewed":N,"results":[…]}: for
        // each id, in the order sent, the status that its own heartbeat would have been answered, 200 or 410, and how
        // many were 200. R262 … one that is named twice is answered twice.
        let registry = try Registry(transport)
        let first = try registry.register(Body("web", "a", ["ttl": "10"]))
        let second = try registry.register(Body("db", "b", ["ttl": "20"]))
        let lost = try registry.register(Body("db", "c", ["ttl": "10"]))
        registry.clock.advance(milliseconds: 9_999)
        let answer = try registry.send(.renew(all: [second, Self.stranger, first, second, "", "é", "\\u0000"]))
        #expect(answer.status == 200 && answer["Content-Type"] == "application/json")
        #expect(answer.text == #"{"renewed":3,"results":[200,410,200,200,410,410,410]}"#)
        registry.clock.advance(milliseconds: 9_999)
        registry.sweep()
        #expect(try registry.send(.instance(first)).status == 200)
        #expect(try registry.send(.instance(lost)).status == 404)
        #expect(try registry.send(.renew(all: [lost, first])).text == #"{"renewed":1,"results":[410,200]}"#)
        #expect(try registry.send(.renew(all: [lost])).text == #"{"renewed":0,"results":[410]}"#)
        #expect(try registry.send(.get("/metrics")).text.contains("a8registry_renewals_total 4\n"))
    }

    @Test(arguments: Transport.allCases)
    func `a thousand fit, and an id however it is written`(_ transport: Transport) throws {
        let registry = try Registry(transport)
        let ids = try (0..<1_000).map { try registry.register(Body("web", "\($0)", ["ttl": "10"])) }
        registry.clock.advance(milliseconds: 9_000)
        let answer = try registry.send(.renew(all: ids))
        #expect(
            answer.text
                == #"{"renewed":1000,"results":[\#([String](repeating: "200", count: 1_000).joined(separator: ","))]}"#)
        registry.clock.advance(milliseconds: 9_000)
        registry.sweep()
        #expect(try registry.ids("").count == 1_000)
        let escaped = ids[0].utf8.map { String(format: "\\u%04x", $0) }.joined()
        #expect(
            try registry.send(.batch(#" { "x" : [{}], "ids" : [ "\#(escaped)" ] , "ttl":0 } "#)).text
                == #"{"renewed":1,"results":[200]}"#)
    }

    @Test(arguments: Transport.allCases)
    func `a batch of another tenant renews nothing`(_ transport: Transport) throws {
        // R514 A namespace sees only its own instances: another namespace's id is answered exactly as an unknown one.
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        let id = try registry.register(Body("web", "a", ["ttl": "10"]), token: "a")
        #expect(try registry.send(.renew(all: [id]).bearing("b")).text == #"{"renewed":0,"results":[410]}"#)
        #expect(try registry.send(.renew(all: [id])).status == 401)
        #expect(try registry.send(.renew(all: [id]).bearing("a")).text == #"{"renewed":1,"results":[200]}"#)
    }

    @Test(arguments: Transport.allCases)
    func `ids is known in any letter case`(_ transport: Transport) throws {
        // R221 Known keys are taken in any ASCII letter case.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        #expect(try registry.send(.batch(#"{"IDs":["\#(id)"]}"#)).text == #"{"renewed":1,"results":[200]}"#)
    }

    @Test func `whoever misspells the ids of a batch learns what it sent`() throws {
        let registry = try Registry(.router)
        let sentence = "ids is required: an array of the ids to renew"
        #expect(try registry.send(.batch("{}")).error == sentence)
        #expect(try registry.send(.batch(#"{"id":["a"]}"#)).error == sentence + "; unknown fields in the body: id")
        #expect(
            try registry.send(.batch(#"{"a":1,"b":1,"c":1,"d":1,"e":1}"#)).error == sentence
                + "; unknown fields in the body: a, b, c, …")
    }

    @Test(arguments: Transport.allCases)
    func `a body that cannot be used renews nothing`(_ transport: Transport) throws {
        // R263 A body that is not application/json (R206) is answered 415. R264 A body that is not one JSON object, and
        // ids that is missing, null, no array of strings, empty, longer than 1,000 or given twice, are answered 400,
        // and nothing is renewed.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        registry.clock.advance(milliseconds: 5_000)
        let bodies = [
            "", "[]", "null", "\"\(id)\"", "[\"\(id)\"]", "{}", #"{"ids":null}"#, #"{"ids":"\#(id)"}"#, #"{"ids":[]}"#,
            #"{"ids":{}}"#,
            #"{"ids":["\#(id)",1]}"#, #"{"ids":["\#(id)",null]}"#, #"{"ids":["\#(id)"],"ids":["\#(id)"]}"#,
            #"{"ids":["\#(id)"]}}"#,
            #"{"ids":["\#(id)"#, #"{"ids":["\#(id)",]}"#, #"{"id":["\#(id)"]}"#,
            #"{"ids":["\#(id)"],"IDs":["\#(id)"]}"#,
            #"{"ids":["\#(id)"],"x":01}"#,
            #"{"ids":[\#([String](repeating: "\"\(id)\"", count: 1_001).joined(separator: ","))]}"#,
        ]
        for body in bodies {
            let answer = try registry.send(.batch(body))
            #expect(answer.status == 400 && answer.error?.isEmpty == false, "\(body.prefix(80)): \(answer)")
        }
        #expect(try registry.send(TestRequest.renew(all: [id]).with("Content-Encoding", "gzip")).status == 415)
        for type in [nil, "text/plain", "application/jsonx"] {
            var request = TestRequest.renew(all: [id])
            request.headers = type.map { [("Content-Type", $0)] } ?? []
            #expect(try registry.send(request).status == 415)
        }
        // R801 A request body over 65,536 bytes … is answered 413 and the connection is closed.
        #expect(try registry.send(.batch(String(repeating: " ", count: 65_537))).status == 413)
        registry.clock.advance(milliseconds: 5_001)
        registry.sweep()
        #expect(try registry.send(.instance(id)).status == 404)
    }

    @Test(arguments: Transport.allCases)
    func `a batch uses up the heartbeats' allowance id by id`(_ transport: Transport) throws {
        // R265 A batch takes one of the heartbeats' allowance (R825) for each id. It is let through when there is one,
        // and what it takes beyond is waited for by the heartbeats after it.
        let limits: [WritableKeyPath<Settings, Int?>] = [\.rateLimitNamespaceHeartbeats, \.rateLimitClientHeartbeats]
        for limit in limits {
            let registry = try Registry(transport) { $0[keyPath: limit] = 10 }
            let id = try registry.register(Body())
            // The burst is of 2 seconds: 20.
            let batch = TestRequest.renew(all: [String](repeating: id, count: 100))
            #expect(try registry.send(batch).status == 200)
            let refused = try registry.send(batch)
            #expect(
                refused.status == 429 && refused["Retry-After"] == nil || refused["Retry-After"] == "9", "\(refused)")
            #expect(try registry.send(.renew(id)).status == 429)
            #expect(try registry.send(.list("")).status == 200)
            // 100 were taken of 20: the next is there when 81 have come back, at 10 a second.
            registry.clock.advance(milliseconds: 8_099)
            #expect(try registry.send(.renew(id)).status == 429)
            registry.clock.advance(milliseconds: 1)
            #expect(try registry.send(.renew(id)).status == 200)
            #expect(try registry.send(.renew(id)).status == 429)
        }
    }
}
