// What a path may be asked, and what browsers are told (docs/rest-api.md, R121–R125).

import Foundation
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration

struct OptionsTests {
    private static let every = "DELETE, GET, HEAD, OPTIONS, POST, PUT"

    @Test(arguments: Transport.allCases)
    func `every path says what it may be asked, to whoever asks`(_ transport: Transport) throws {
        // R121 OPTIONS on a known path is answered 204 with Allow, and so is OPTIONS *, which names every method that
        // some path has. Neither needs a credential.
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        for (path, allow) in ShapeTests.paths + [("*", Self.every)] {
            for version in ["HTTP/1.1", "HTTP/1.0"] {
                for body in ["", "abc"] {
                    var request = TestRequest("OPTIONS", path, body: body)
                    request.version = version
                    if version == "HTTP/1.0" { request.host = nil }
                    let answer = try registry.send(request)
                    #expect(answer.status == 204 && answer["Allow"] == allow, "\(path) \(version): \(answer)")
                    #expect(
                        answer.body.isEmpty && answer["Content-Length"] == nil && answer["Content-Type"] == nil,
                        "\(answer)")
                    #expect(
                        !answer.headers.contains { $0.name.hasPrefix("Access-Control") }
                            && answer["Vary"] == "Accept-Encoding")
                }
            }
        }
        #expect(try registry.send(TestRequest("OPTIONS", "/api/v1/instances?a=%")).status == 204)
        #expect(try registry.send(TestRequest("OPTIONS", "/x")).status == 404)
        #expect(try registry.send(TestRequest("OPTIONS", "/api//v1")).status == 400)
    }

    @Test(arguments: Transport.allCases)
    func `questions count in the client's allowance, but for the pages of probes`(_ transport: Transport) throws {
        // R121 … both count in the client's allowance (R824), but for the pages that need none (R825).
        let registry = try Registry(transport) {
            $0.rateLimitClient = 1
            $0.rateLimitClientHeartbeats = 100
        }
        for _ in 0..<10 { #expect(try registry.send(TestRequest("OPTIONS", "/")).status == 204) }
        let two = try ["/api/v1/instances", "*"].map { try registry.send(TestRequest("OPTIONS", $0)).status }
        #expect(two == [204, 204], "the burst is two seconds")
        #expect(try registry.send(TestRequest("OPTIONS", "*")).status == 429)
        #expect(try registry.send(TestRequest("OPTIONS", "/api/v1/instances/a/heartbeat")).status == 429)
        #expect(try registry.send(TestRequest("OPTIONS", "/livez")).status == 204)
    }

    @Test(arguments: Transport.allCases)
    func `where https is required a question is sent there too`(_ transport: Transport) throws {
        // R610 With REQUIRE_HTTPS, a plain request is answered 301 (GET and HEAD) or 308 (every other method).
        let registry = try Registry(transport) { $0.requireHTTPS = true }
        #expect(try registry.send(TestRequest("OPTIONS", "/api/v1/services")).status == 308)
        #expect(
            try registry.send(TestRequest("OPTIONS", "/api/v1/services").with("X-Forwarded-Proto", "https")).status
                == 204)
        #expect(try registry.send(TestRequest("OPTIONS", "/livez")).status == 204)
        #expect(try registry.send(TestRequest("OPTIONS", "*")).status == 204)
    }

    @Test(arguments: Transport.allCases)
    func `what a condition forbids is not done`(_ transport: Transport) throws {
        // R835 If-Match with anything but * is answered 412, since no resource here has a strong tag; so is
        // If-None-Match: * with another method than GET and HEAD on a path that can be read. Nothing is changed then.
        let registry = try Registry(transport)
        let id = try registry.register(Body())
        let tag = try #require(try registry.send(.list())["ETag"])
        for request in [
            TestRequest.remove(id), .renew(id), .register(Body("web", "b")), .list(), .instance(id),
            .get("/api/v1/services"),
        ] {
            for tags in [tag, "\"a\"", "\"a\", *", "nonsense"] {
                #expect(try registry.send(request.with("If-Match", tags)).status == 412, "\(request) \(tags)")
            }
        }
        for request in [TestRequest.remove(id), .register(Body("web", "b"))] {
            #expect(try registry.send(request.with("If-None-Match", "*")).status == 412, "\(request)")
        }
        #expect(try registry.ids("status=ALL") == [id])
        #expect(try registry.send(.list().with("If-Match", "*")).status == 200)
        #expect(try registry.send(.renew(id).with("If-None-Match", "*")).status == 200)
        #expect(try registry.send(.renew(id).with("If-Match", "*").with("If-None-Match", "\"a\"")).status == 200)
        #expect(try registry.send(.remove(id).with("If-Match", "*")).status == 200)
    }

    // MARK: - Browsers

    private static let console = "https://console.example"

    private func crossOrigin(_ answer: Answer) -> [String: String] {
        Dictionary(answer.headers.filter { $0.name.hasPrefix("Access-Control") }.map { ($0.name, $0.value) }) {
            "\($0) AND \($1)"
        }
    }

    @Test(arguments: Transport.allCases)
    func `a page of an allowed origin may read every answer`(_ transport: Transport) throws {
        // R122 With CORS_ORIGINS, an answer to a request whose Origin is among them carries Access-Control-Allow-Origin
        // with that origin, and Access-Control-Expose-Headers: ETag, Location, Retry-After, X-Request-Id,
        // X-Registry-Stale. R124 Where CORS_ORIGINS names origins, every answer carries Vary: Origin besides R116. R125
        // No answer carries Access-Control-Allow-Credentials …
        let registry = try Registry(transport) {
            $0.authMode = [.trusted]
            $0.corsOrigins = CORSOrigins("http://localhost:3000,\(Self.console)")
        }
        let requests: [TestRequest] = [
            .register(Body()).bearing("a"), .list().bearing("a"), .list(), .list("x=y").bearing("a"), .get("/x"),
            .get("/"),
            .get("/api//v1"), TestRequest("PATCH", "/"), TestRequest("OPTIONS", "/"),
        ]
        for request in requests {
            let answer = try registry.send(request.with("Origin", Self.console))
            #expect(
                crossOrigin(answer) == [
                    "Access-Control-Allow-Origin": Self.console,
                    "Access-Control-Expose-Headers": "ETag, Location, Retry-After, X-Request-Id, X-Registry-Stale",
                ], "\(request): \(answer)")
            #expect(answer.headers.filter { $0.name == "Vary" }.map(\.value) == ["Accept-Encoding", "Origin"])
            for origin in [
                nil, "", "https://console.example:8443", "http://console.example", "https://console.example.evil",
                "HTTPS://console.example", "null", "*",
            ] {
                let stranger = try registry.send(origin.map { request.with("Origin", $0) } ?? request)
                #expect(crossOrigin(stranger) == [:], "\(origin ?? "none")")
                #expect(stranger.headers.filter { $0.name == "Vary" }.map(\.value) == ["Accept-Encoding", "Origin"])
            }
            #expect(
                crossOrigin(try registry.send(request.with("Origin", Self.console).with("Origin", Self.console))) == [:]
            )
        }
    }

    @Test(arguments: Transport.allCases)
    func `a preflight is answered before any credential is asked for`(_ transport: Transport) throws {
        // R123 A preflight (OPTIONS with Access-Control-Request-Method) is answered as R121 says, before any credential
        // is asked for.
        for origins in [Self.console, "*"] {
            let registry = try Registry(transport) {
                $0.authMode = [.trusted]
                $0.corsOrigins = CORSOrigins(origins)
            }
            for (path, allow) in ShapeTests.paths {
                let preflight = TestRequest("OPTIONS", path).with("Origin", Self.console).with(
                    "Access-Control-Request-Method", "PUT"
                )
                .with("Access-Control-Request-Headers", "authorization")
                let answer = try registry.send(preflight)
                #expect(answer.status == 204 && answer["Allow"] == allow)
                #expect(
                    crossOrigin(answer) == [
                        "Access-Control-Allow-Origin": origins, "Access-Control-Allow-Methods": allow,
                        "Access-Control-Allow-Headers":
                            "Authorization, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id",
                        "Access-Control-Max-Age": "600",
                    ], "\(answer)")
            }
            let stranger = TestRequest("OPTIONS", "/").with("Origin", "https://evil.example").with(
                "Access-Control-Request-Method", "GET")
            #expect(crossOrigin(try registry.send(stranger)).isEmpty == (origins != "*"))
        }
    }

    @Test(arguments: Transport.allCases)
    func `where all origins are allowed every answer says so and varies by none`(_ transport: Transport) throws {
        // R122 … With CORS_ORIGINS=* every answer does, and names *.
        let registry = try Registry(transport) { $0.corsOrigins = .any }
        for request in [TestRequest.list(), TestRequest.list().with("Origin", Self.console), .get("/nowhere")] {
            let answer = try registry.send(request)
            #expect(answer["Access-Control-Allow-Origin"] == "*" && answer["Access-Control-Expose-Headers"] != nil)
            #expect(answer.headers.filter { $0.name == "Vary" }.count == 1)
        }
        let silent = try Registry(transport).send(TestRequest.list().with("Origin", Self.console))
        #expect(crossOrigin(silent) == [:], "R125 … without CORS_ORIGINS none carries anything of CORS")
    }
}
