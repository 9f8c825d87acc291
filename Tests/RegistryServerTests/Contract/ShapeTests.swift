// What holds for every path and every answer (docs/rest-api.md, R101–R110, R114–R118).

import Foundation
import TestSupport
import Testing

@testable import RegistryCore
@testable import Serving

struct ShapeTests {
    static let id = "a514120dc1beb9aa"

    /// Every path, with what `Allow` says of it (R104).
    static let paths: [(path: String, allow: String)] = [
        ("/api/v1/instances", "GET, HEAD, OPTIONS, POST"), ("/api/v1/instances/\(id)", "DELETE, GET, HEAD, OPTIONS"),
        ("/api/v1/instances/\(id)/heartbeat", "OPTIONS, PUT"), ("/api/v1/heartbeats", "OPTIONS, PUT"),
        ("/api/v1/services", "GET, HEAD, OPTIONS"),
        ("/api/v1/services/web", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"), ("/uptime", "GET, HEAD, OPTIONS"), ("/livez", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
        ("/metrics", "GET, HEAD, OPTIONS"),
        ("/swagger.json", "GET, HEAD, OPTIONS"),
    ]

    private static let methods = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get",
    ]

    @Test(arguments: Transport.allCases)
    func `a known path with another method is answered 405 and says which it has`(_ transport: Transport) throws {
        // R103 A known path with another method is answered 405, and Allow lists the methods that the path has.
        // R104 Allow is GET, HEAD, OPTIONS, POST for /api/v1/instances, … and GET, HEAD, OPTIONS for every other path.
        let registry = try Registry(transport)
        try registry.register(Body())
        let before = try registry.everything()
        for (path, allow) in Self.paths {
            for method in Self.methods where !allow.split(separator: ", ").contains(Substring(method)) {
                let answer = try registry.send(TestRequest(method, path))
                #expect(answer.status == 405, "\(method) \(path): \(answer)")
                #expect(answer["Allow"] == allow, "\(method) \(path)")
                #expect(method == "HEAD" || answer.error != nil, "\(method) \(path)")
            }
        }
        #expect(try registry.everything() == before)
    }

    @Test(arguments: Transport.allCases)
    func `an unknown path is answered 404`(_ transport: Transport) throws {
        // R105 An unknown path is answered 404, whatever the method.
        // R106 Paths are compared byte for byte after decoding; a path with a slash added at its end is another path.
        let registry = try Registry(transport)
        let strangers = [
            "/x", "/api", "/api/v1", "/api/v2/instances", "/api/v1/instances/a/b", "/api/v1/instances/a/heartbeat/b",
            "/Uptime",
            "/api/v1/Instances", "/api/v1/instance", "/index.html", "/api/v1/services/a/b", "/api%2Fv1%2Finstances",
            "/%6Civez%20",
            "/a/b/c/d/e/f/g/h/i/j/k/l/m/n",
        ]
        for path in strangers + Self.paths.filter({ $0.path != "/" }).map({ $0.path + "/" }) {
            for method in Self.methods {
                let answer = try registry.send(TestRequest(method, path))
                #expect(answer.status == 404, "\(method) \(path): \(answer)")
                #expect(answer["Allow"] == nil, "\(method) \(path)")
                #expect(method == "HEAD" || answer.error != nil, "\(method) \(path)")
            }
        }
        #expect(try registry.send(.get("/%75ptime")).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `HEAD has the head that GET has`(_ transport: Transport) throws {
        // R102 HEAD is served wherever GET is, with the status and the headers that GET would have and no body.
        let registry = try Registry(transport)
        registry.context.registry.lifecycle.advance(to: .ready)
        for number in 0..<20 { try registry.register(Body("web", "\(number)")) }
        let id = try registry.register(Body())
        for target in Self.paths.filter({ $0.allow.contains("GET") }).map(\.path) + [
            "/api/v1/instances?status=ALL", "/api/v1/instances?x=y", "/x", "/api/v1/instances/\(id)x",
            "/api/v1/services/none",
        ] {
            for encoding in ["identity", "gzip"] {
                let headers = [("Accept-Encoding", encoding), ("X-Request-Id", "same")]
                let get = try registry.send(TestRequest("GET", target, headers))
                let head = try registry.send(TestRequest("HEAD", target, headers))
                #expect(head.status == get.status, "\(target)")
                #expect(head.body.isEmpty, "\(target)")
                // The metrics have changed by having been read, and the date goes on.
                func comparable(_ answer: Answer) -> [String] {
                    answer.headers.filter { $0.name != "Date" && (target != "/metrics" || $0.name != "Content-Length") }
                        .map { "\($0.name): \($0.value)" }.sorted()
                }
                #expect(comparable(head) == comparable(get), "\(target)")
                if target != "/metrics" { #expect(get["Content-Length"] == "\(get.body.count)", "\(target)") }
            }
        }
    }

    @Test(arguments: Transport.allCases)
    func `answers say what they are and whose`(_ transport: Transport) throws {
        // R110 JSON answers have Content-Type: application/json; an empty answer has no Content-Type and
        // Content-Length: 0. R114 Every response carries X-Request-Id and Request_id, both with the same value. R116
        // Every response carries Vary: Accept-Encoding.
        let registry = try Registry(transport)
        let id = try registry.register(Body())
        var ids: Set<String> = []
        let requests: [TestRequest] = [
            .register(Body()), .list(), .list("x=y"), .instance(id), .renew(id), .remove(id), .remove(id),
            .get("/api/v1/services"),
            .get("/"),
            .get("/uptime"), .get("/livez"), .get("/readyz"), .get("/metrics"), .get("/swagger.json"), .get("/x"),
            .get("/%zz"),
            TestRequest("PUT", "/"), .list().bearing("x"), .register(text: "{"),
            TestRequest("POST", "/api/v1/instances"),
        ]
        let answers =
            try requests.map { ("\($0)", try registry.send($0)) }
            + [
                "GET /\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/3.0\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n",
            ].map { ($0, try registry.send(raw: Array($0.utf8))) }
        for (request, answer) in answers {
            #expect(answer["Vary"] == "Accept-Encoding", "\(request)")
            let requestID = try #require(answer["X-Request-Id"], "\(request): \(answer)")
            #expect(answer["Request_id"] == requestID, "\(request)")
            #expect(!requestID.isEmpty && requestID.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "\(request)")
            #expect(ids.insert(requestID).inserted, "\(request)")
            #expect(answer["Content-Length"] == "\(answer.body.count)", "\(request)")
            if answer.body.isEmpty {
                #expect(answer["Content-Type"] == nil, "\(request)")
            } else if request != "GET /metrics" {
                #expect(answer["Content-Type"] == "application/json", "\(request)")
                #expect(throws: Never.self) { try answer.json() }
            }
            // R701 Every error has a JSON body with the key Error, {"Error":"…"}. R702 The wording of the sentences is
            // not part of the contract; the status is. So there is a sentence, whatever it says.
            if answer.status >= 400, request != "GET /readyz" {
                #expect(answer.error?.isEmpty == false, "\(request): \(answer)")
            }
        }
    }

    @Test(arguments: Transport.allCases)
    func `a harmless request id is handed back, any other replaced`(_ transport: Transport) throws {
        // R115 An incoming X-Request-Id of 1 to 64 visible ASCII characters (! to ~) is handed back; any other, or
        // none, is replaced by a new id.
        let registry = try Registry(transport)
        for id in [
            "a", "!", "~", "f47ac10b-58cc-4372-a567-0e02b2c3d479", String(repeating: "x", count: 64),
            "\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}",
        ] {
            for target in ["/", "/x", "/api/v1/instances?x=y"] {
                let answer = try registry.send(.get(target).with("x-request-id", id))
                #expect(answer["X-Request-Id"] == id && answer["Request_id"] == id, "\(id)")
            }
        }
        for id in ["", "a b", String(repeating: "x", count: 65), "é", "a\tb"] {
            let answer = try registry.send(.get("/").with("X-Request-Id", id))
            #expect(answer["X-Request-Id"]?.isEmpty == false && answer["X-Request-Id"] != id, "\(id)")
        }
        // The older spelling is told, not asked.
        #expect(try registry.send(.get("/").with("Request_id", "mine"))["X-Request-Id"] != "mine")
    }

    @Test(arguments: Transport.allCases)
    func `a large answer is compressed for those who take it`(_ transport: Transport) throws {
        // R117 A body of at least 1,024 bytes is sent with gzip when the client offers it; a shorter one never is.
        // R118 gzip;q=0 in Accept-Encoding is no offer.
        let registry = try Registry(transport)
        func get(_ encoding: String?) throws -> Answer {
            let request = TestRequest.get("/api/v1/instances?fields=metadata")
            return try registry.send(encoding.map { request.with("Accept-Encoding", $0) } ?? request)
        }
        // One instance, whose metadata fills the answer to the byte.
        func fill(to size: Int) throws -> [UInt8] {
            try registry.register(Body("web", "a", ["metadata": "\"\""]))
            let missing = size - (try get(nil).body.count)
            try registry.register(Body("web", "a", ["metadata": "\"" + String(repeating: "m", count: missing) + "\""]))
            return try get(nil).body
        }
        #expect(try fill(to: 1_023).count == 1_023)
        #expect(try get("gzip")["Content-Encoding"] == nil)
        let plain = try fill(to: 1_024)
        #expect(plain.count == 1_024)
        for encoding in [
            "gzip", "GZIP", "deflate, gzip", "gzip;q=0.5", "gzip ; q=1, br", "*", "br,*;q=0.1", "x-gzip",
            "gzip;q=0.001",
        ] {
            let answer = try get(encoding)
            #expect(answer["Content-Encoding"] == "gzip", "\(encoding)")
            #expect(answer["Content-Type"] == "application/json", "\(encoding)")
            #expect(answer.body.count < plain.count, "\(encoding)")
            #expect(gunzip(answer.body) == plain, "\(encoding)")
        }
        for encoding in [
            nil, "", "identity", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "gzipped", "deflate",
        ] {
            let answer = try get(encoding)
            #expect(answer["Content-Encoding"] == nil, "\(encoding ?? "none")")
            #expect(answer.body == plain, "\(encoding ?? "none")")
        }
    }
}
