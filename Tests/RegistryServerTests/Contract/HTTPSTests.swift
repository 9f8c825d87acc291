// Which scheme a client used, what links say of it, and who is sent to https (docs/rest-api.md, R111–R113, R610–R613).

import Foundation
import HTTP
import TestSupport
import Testing

@testable import Authorization
@testable import RegistryCore
@testable import Serving

struct HTTPSTests {
    /// Headers, and whether they say that the client used https.
    private static let table: [(headers: [(name: String, value: String)], isHTTPS: Bool)] = [
        ([], false), ([("X-Forwarded-Proto", "http")], false), ([("X-Forwarded-Proto", "")], false),
        ([("X-Forwarded-Proto", "httpss")], false), ([("X-Forwarded-Proto", "wss")], false),
        ([("$WSSC", "http")], false),
        ([("X-Forwarded-Protocol", "https")], false), ([("WSSC", "https")], false),
        ([("Forwarded", "proto=https")], false),
        ([("X-Forwarded-Proto", "https")], true), ([("x-forwarded-proto", "HTTPS")], true),
        ([("$WSSC", "https")], true),
        ([("$wssc", "Https")], true), ([("X-Forwarded-Proto", "http"), ("$WSSC", "https")], true),
        // R120 A field whose value is a list means the same on one line as on several; the first element decides.
        ([("X-Forwarded-Proto", "https, https")], true),
        ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "https")], true),
        ([("X-Forwarded-Proto", "https,http")], true),
        ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")], true),
        ([("X-Forwarded-Proto", "http, https")], false),
        ([("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https")], false),
        ([("X-Forwarded-Proto", " ,\t, https")], true),
        ([("X-Forwarded-Proto", ""), ("X-Forwarded-Proto", "https")], true),
        ([("$WSSC", "https , http")], true), ([("$WSSC", "http"), ("$wssc", "https")], false),
        ([("$WSSC", ","), ("$WSSC", ",")], false),
    ]

    @Test(arguments: Transport.allCases)
    func `links have the scheme that the client used and its Host`(_ transport: Transport) throws {
        // R111 Location and links are absolute URLs made of the scheme that the client used, Host exactly as it was
        // sent, and the path. R112 The scheme is https when the request came over TLS, or carries X-Forwarded-Proto:
        // https or $WSSC: https; else it is http.
        let registry = try Registry(transport)
        for host in ["registry.test:8080", "Registry.TEST", "10.0.0.1", "[::1]:8443", "a_b-c.d"] {
            for (headers, isHTTPS) in Self.table {
                var request = TestRequest.register(Body())
                request.headers += headers
                request.host = host
                let answer = try registry.send(request)
                let url = "\(isHTTPS ? "https" : "http")://\(host)/api/v1/instances/a514120dc1beb9aa"
                #expect(answer["Location"] == url, "\(headers)")
                #expect(
                    try answer.object()["links"] as? [String: String] == [
                        "self": url, "heartbeat": url + "/heartbeat",
                    ], "\(headers)")
                var list = TestRequest.list("fields=links")
                list.headers = headers
                list.host = host
                let links = try registry.send(list).instances().first?["links"] as? [String: String]
                #expect(links?["self"] == url, "\(headers)")
            }
        }
    }

    @Test(arguments: Transport.allCases)
    func `a request without Host gets links to where it arrived`(_ transport: Transport) throws {
        // R113 A request without Host, which only HTTP/1.0 may send, gets URLs with the address and port that it
        // reached.
        let registry = try Registry(transport)
        var request = TestRequest.register(Body())
        request.version = "HTTP/1.0"
        request.host = nil
        #expect(
            try registry.send(request)["Location"] == "http://\(registry.address)/api/v1/instances/a514120dc1beb9aa")
        request.version = "HTTP/1.1"
        #expect(try registry.send(request).status == 400)
    }

    @Test(arguments: Transport.allCases)
    func `where https is required a plain request is sent there and changes nothing`(_ transport: Transport) throws {
        // R610 With REQUIRE_HTTPS, a plain request is answered 301 (GET and HEAD) or 308 (every other method) to the
        // same path and query under https. R611 A request with X-Forwarded-Proto: https, or the older $WSSC: https, is
        // not plain: a proxy in front had TLS. R612 Without a certificate of our own, the redirect keeps Host
        // unchanged.
        let registry = try Registry(transport) { $0.requireHTTPS = true }
        let behindProxy = TestRequest.list().with("X-Forwarded-Proto", "https")
        // What is refused comes first, so that the registry is still empty.
        for (headers, isHTTPS) in Self.table.sorted(by: { !$0.isHTTPS && $1.isHTTPS }) {
            for var request in [
                TestRequest.register(Body()), .list("tags=a%20b&status=ALL"), .renew("0000000000000000"),
                .remove("0000000000000000"),
                .get("/api/v1/services/a%2Fb?x=%C3%A9"), .get("/swagger.json?"),
            ] {
                request.headers += headers
                let answer = try registry.send(request)
                if isHTTPS {
                    #expect(answer.status != 301 && answer.status != 308, "\(request) \(headers)")
                } else {
                    #expect(answer.status == (request.method == "GET" ? 301 : 308), "\(request) \(headers)")
                    #expect(answer["Location"] == "https://registry.test:8080\(request.target)")
                    // R701 … and a redirect has no body.
                    #expect(answer.body.isEmpty && answer["Content-Type"] == nil && answer["Content-Length"] == "0")
                }
            }
            let expected = isHTTPS ? #"{"instances":["# : #"{"instances":[]}"#
            #expect(try registry.send(behindProxy).text.hasPrefix(expected), "\(headers)")
        }
    }

    @Test(
        arguments: [
            ("registry", 443, "registry"), ("registry:8080", 443, "registry"), ("registry:8080", 8443, "registry:8443"),
            ("[::1]", 443, "[::1]"),
            ("[::1]:80", 8443, "[::1]:8443"), ("evil:99", nil, "evil:99"), (":80", 443, nil), ("a:b", 443, nil),
            ("[::1", 443, nil),
            ("", 443, nil),
        ] as [(String, UInt16?, String?)])
    func `the redirect names the port of our own, and without one leaves Host alone`(
        host: String, port: UInt16?, authority: String?
    ) throws {
        // R615 With a TLS port of our own, the redirect has the host's name as in Host and that port, which is left out
        // when it is 443; a Host that is no name with or without a port is answered 400.
        var gate = RequestParser(limits: RequestLimits())
        let request = Array("GET /a?b=%20 HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        gate.feed(request.span)
        let taken = gate.takeRequest()
        let head = try #require(taken)
        let url = try? SecureURL.url(head.target, host: host, port: port)
        #expect(url == authority.map { "https://\($0)/a?b=%20" })
    }

    @Test(arguments: Transport.allCases)
    func `probes and scrapers are served plain`(_ transport: Transport) throws {
        // R613 /, /uptime, /livez, /readyz and /metrics are served plain all the same.
        let registry = try Registry(transport) { $0.requireHTTPS = true }
        registry.context.registry.lifecycle.advance(to: .ready)
        for path in ["/", "/uptime", "/livez", "/readyz", "/metrics"] {
            for method in ["GET", "HEAD"] {
                #expect(try registry.send(TestRequest(method, path)).status == 200, "\(path)")
            }
        }
        #expect(try registry.send(TestRequest("HEAD", "/swagger.json")).status == 301)
    }

    @Test(arguments: Transport.allCases)
    func `the first refusal is the answer`(_ transport: Transport) throws {
        // R119 A request is judged in this order: its form and size, REQUIRE_HTTPS, path and method, authorization,
        // media type, contents, capacity. The first refusal is the answer.
        let registry = try Registry(transport) {
            $0.requireHTTPS = true
            $0.authMode = [.trusted]
            $0.namespaceCapacity = 0
        }
        let https = ("X-Forwarded-Proto", "https")
        let credential = ("Authorization", "Bearer t")
        let json = ("Content-Type", "application/json")
        let path = "/api/v1/instances"
        let everythingWrong = TestRequest("POST", "/api//v1/%zz", body: "{")
        #expect(try registry.send(everythingWrong).status == 400)
        #expect(try registry.send(TestRequest("POST", "/nowhere", body: "{")).status == 308)
        #expect(try registry.send(TestRequest("PATCH", path, body: "{")).status == 308)
        #expect(try registry.send(TestRequest("HEAD", "/nowhere")).status == 301)
        #expect(try registry.send(TestRequest("POST", "/nowhere", [https], body: "{")).status == 404)
        #expect(try registry.send(TestRequest("PATCH", path, [https], body: "{")).status == 405)
        #expect(try registry.send(TestRequest("POST", path, [https], body: "{")).status == 401)
        #expect(try registry.send(TestRequest("POST", path, [https, credential], body: "{")).status == 415)
        #expect(try registry.send(TestRequest("POST", path, [https, credential, json], body: "{")).status == 400)
        #expect(
            try registry.send(TestRequest("POST", path, [https, credential, json], body: Body().text)).status == 403)
    }
}
