// Whose word is taken for who the client is and what it asked for (docs/rest-api.md, R127–R129).

import Foundation
import HTTP
import TestSupport
import Testing

@testable import Configuration
@testable import Serving

struct ForwardingTests {
    /// The tests' connections come from 127.0.0.1.
    private static let trusted = AddressRanges("127.0.0.1,10.0.0.0/8,2001:db8::/32")
    private static let strangers = AddressRanges("10.0.0.0/8")

    private func forwarding(_ family: ForwardedFamily, _ proxies: AddressRanges? = trusted) -> Forwarding {
        var settings = Settings.defaults
        settings.trustedProxies = proxies
        settings.forwarded = family
        return Forwarding(settings)
    }

    private func request(_ lines: [String], from peer: String? = "127.0.0.1") throws -> Request {
        var gate = RequestParser(limits: RequestLimits())
        let bytes = Array("GET / HTTP/1.1\r\nHost: own:1\r\n\(lines.map { $0 + "\r\n" }.joined())\r\n".utf8)
        gate.feed(bytes.span)
        let head = gate.takeRequest()
        return Request(head: try #require(head), body: [], isSecure: false, clientAddress: peer)
    }

    @Test(arguments: [
        (["X-Forwarded-For: 203.0.113.9"], "203.0.113.9"),
        (["X-Forwarded-For: 203.0.113.9:4711"], "203.0.113.9"),
        (["X-Forwarded-For: [2001:db9::1]:4711"], "2001:db9::1"),
        (["X-Forwarded-For: 2001:db9::1"], "2001:db9::1"), (["X-Forwarded-For: [2001:db9::1]"], "2001:db9::1"),
        // What a client has sent stands before what the first trusted proxy added.
        (["X-Forwarded-For: 192.0.2.1, 203.0.113.9, 10.0.0.1"], "203.0.113.9"),
        (["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.0.0.1"], "203.0.113.9"),
        (["X-Forwarded-For: nonsense, 203.0.113.9, 2001:db8::7,10.0.0.1"], "203.0.113.9"),
        // All of the chain is trusted: the leftmost.
        (["X-Forwarded-For: 10.9.9.9, 10.0.0.1"], "10.9.9.9"), (["X-Forwarded-For: , 10.9.9.9 ,"], "10.9.9.9"),
        // An element that is no address: the peer's own.
        (["X-Forwarded-For: 203.0.113.9, unknown, 10.0.0.1"], "127.0.0.1"),
        (["X-Forwarded-For: localhost"], "127.0.0.1"),
        (["X-Forwarded-For: 203.0.113.9, _hidden"], "127.0.0.1"), (["X-Forwarded-For: 1.2.3"], "127.0.0.1"),
        (["X-Forwarded-For: [203.0.113.9]"], "127.0.0.1"), (["X-Forwarded-For: [::1"], "127.0.0.1"),
        (["X-Forwarded-For: [::1]x"], "127.0.0.1"), (["X-Forwarded-For: 203.0.113.9%eth0"], "127.0.0.1"),
        (["X-Forwarded-For:"], "127.0.0.1"), ([], "127.0.0.1"), (["Forwarded: for=203.0.113.9"], "127.0.0.1"),
        // A chain without an end.
        (["X-Forwarded-For: \([String](repeating: "10.0.0.1", count: 40).joined(separator: ","))"], "127.0.0.1"),
        (["X-Forwarded-For: \([String](repeating: "10.0.0.1", count: 32).joined(separator: ","))"], "10.0.0.1"),
    ])
    func `the client is the last address of the chain that is no proxy's`(lines: [String], client: String) throws {
        // R128 The client's address is the last one in X-Forwarded-For, or in the for of Forwarded, that is not in
        // TRUSTED_PROXIES; if all are, the first; and the connection's own where an element is no address.
        let request = try request(lines)
        #expect(forwarding(.xForwarded).client(of: request, isFromProxy: true) == client)
        #expect(forwarding(.xForwarded).client(of: request, isFromProxy: false) == "127.0.0.1")
    }

    @Test(arguments: [
        (["Forwarded: for=203.0.113.9;proto=https;host=h:8"], "203.0.113.9", "https://h:8"),
        (["Forwarded: For=\"[2001:db9::1]:4711\" ; Proto=HTTPS"], "2001:db9::1", "https://own:1"),
        (
            ["forwarded: for=192.0.2.1;host=evil;proto=https, for=203.0.113.9;host=h, for=10.0.0.1;host=inner"],
            "203.0.113.9", "http://h"
        ),
        (
            [
                "Forwarded: for=192.0.2.1;host=evil", "Forwarded: for=203.0.113.9;host=\"h\\:9\"",
                "Forwarded: for=10.0.0.1",
            ], "203.0.113.9",
            "http://h:9"
        ),
        (["Forwarded: for=10.9.9.9;host=h, for=10.0.0.1;host=inner"], "10.9.9.9", "http://h"),
        (["Forwarded: for=unknown;proto=https;host=h"], "127.0.0.1", "https://h"),
        (["Forwarded: proto=https"], "127.0.0.1", "https://own:1"),
        (["Forwarded: for=203.0.113.9;host=\"a/b\""], "203.0.113.9", "http://own:1"),
        (["Forwarded: for=203.0.113.9;by=_x;ext=\"a,b;c\""], "203.0.113.9", "http://own:1"),
        (["Forwarded: ,, for=203.0.113.9 ,"], "203.0.113.9", "http://own:1"),
        // Not well-formed: nothing of it is believed.
        (["Forwarded: for=203.0.113.9;for=203.0.113.8;proto=https"], "127.0.0.1", "http://own:1"),
        (["Forwarded: for=\"203.0.113.9;proto=https"], "127.0.0.1", "http://own:1"),
        (["Forwarded: for"], "127.0.0.1", "http://own:1"),
        (["Forwarded: for=203.0.113.9 proto=https"], "127.0.0.1", "http://own:1"),
        (["Forwarded: =x"], "127.0.0.1", "http://own:1"),
        (["Forwarded: for="], "127.0.0.1", "http://own:1"), (["Forwarded:"], "127.0.0.1", "http://own:1"),
        (
            [
                "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: h",
                "X-Forwarded-Port: 9",
                "X-Forwarded-Prefix: /p", "$WSSC: https",
            ], "127.0.0.1", "http://own:1"
        ),
    ])
    func `with rfc7239 the word of the proxy before the client is taken`(lines: [String], client: String, base: String)
        throws
    {
        // R128; R129 one family of fields is read.
        let request = try request(lines)
        let forwarding = forwarding(.rfc7239)
        #expect(forwarding.client(of: request, isFromProxy: true) == client)
        #expect(forwarding.base(of: request, isFromProxy: true) == base)
        #expect(forwarding.client(of: request, isFromProxy: false) == "127.0.0.1")
        #expect(forwarding.base(of: request, isFromProxy: false) == "http://own:1")
    }

    @Test(arguments: [
        ([], "http://own:1"), (["X-Forwarded-Host: h"], "http://h"), (["X-Forwarded-Host: h:8, other"], "http://h:8"),
        (["X-Forwarded-Host: h", "X-Forwarded-Port: 8080"], "http://h:8080"),
        (["X-Forwarded-Host: h", "X-Forwarded-Port: 80"], "http://h"),
        (["X-Forwarded-Host: h", "X-Forwarded-Port: 443", "X-Forwarded-Proto: https"], "https://h"),
        (["X-Forwarded-Host: h", "X-Forwarded-Port: 80", "X-Forwarded-Proto: https"], "https://h:80"),
        (["X-Forwarded-Host: h:8", "X-Forwarded-Port: 9"], "http://h:8"),
        (["X-Forwarded-Host: [::1]", "X-Forwarded-Port: 9, 7"], "http://[::1]:9"),
        (["X-Forwarded-Host: [::1]:8", "X-Forwarded-Port: 9"], "http://[::1]:8"),
        (["X-Forwarded-Port: 9"], "http://own:1"),
        (["X-Forwarded-Host: h", "X-Forwarded-Port: 0"], "http://h"),
        (["X-Forwarded-Host: h", "X-Forwarded-Port: 65536"], "http://h"),
        (["X-Forwarded-Host: h", "X-Forwarded-Port: +9"], "http://h"),
        (["X-Forwarded-Host: h", "X-Forwarded-Port: x"], "http://h"),
        (["X-Forwarded-Host: a/b"], "http://own:1"), (["X-Forwarded-Host: a b"], "http://own:1"),
        (["X-Forwarded-Host: \"<x>"], "http://own:1"), (["X-Forwarded-Host: ]"], "http://own:1"),
        (["X-Forwarded-Host: :80"], "http://own:1"),
        (["X-Forwarded-Host: [::1"], "http://own:1"), (["X-Forwarded-Host: h:8:8"], "http://own:1"),
        (["X-Forwarded-Host:"], "http://own:1"),
        (["X-Forwarded-Prefix: /registry"], "http://own:1/registry"),
        (["X-Forwarded-Prefix: /a/b/"], "http://own:1/a/b"),
        (["X-Forwarded-Prefix: /outer", "X-Forwarded-Prefix: /inner"], "http://own:1/outer/inner"),
        (["X-Forwarded-Prefix: /"], "http://own:1"),
        (["X-Forwarded-Prefix: registry"], "http://own:1"), (["X-Forwarded-Prefix: //evil"], "http://own:1"),
        (["X-Forwarded-Prefix: /a//b"], "http://own:1"), (["X-Forwarded-Prefix: /../x"], "http://own:1"),
        (["X-Forwarded-Prefix: /%2e%2E/x"], "http://own:1"), (["X-Forwarded-Prefix: /.%2e"], "http://own:1"),
        (["X-Forwarded-Prefix: /%2"], "http://own:1"), (["X-Forwarded-Prefix: /a%zz"], "http://own:1"),
        (["X-Forwarded-Prefix: /a%0a"], "http://own:1"), (["X-Forwarded-Prefix: /a%2Fb"], "http://own:1/a%2Fb"),
        (["X-Forwarded-Prefix: /..."], "http://own:1/..."), (["X-Forwarded-Prefix: /.a"], "http://own:1/.a"),
        (["X-Forwarded-Prefix: /a?b"], "http://own:1"),
        (["X-Forwarded-Prefix: /a b"], "http://own:1"), (["X-Forwarded-Prefix: /a\"b"], "http://own:1"),
        (["X-Forwarded-Prefix: /\(String(repeating: "x", count: 300))"], "http://own:1"),
        (["Forwarded: host=h;proto=https"], "http://own:1"),
    ])
    func `URLs are the client's own by a trusted proxy's word`(lines: [String], base: String) throws {
        // R129 Location and links have the host, port and path prefix that such a proxy says.
        let request = try request(lines)
        #expect(forwarding(.xForwarded).base(of: request, isFromProxy: true) == base)
        let plain = lines.contains("X-Forwarded-Proto: https") ? "http://own:1" : "http://own:1"
        #expect(forwarding(.xForwarded).base(of: request, isFromProxy: false) == plain)
    }

    @Test func `where nobody is named only the scheme is believed`() throws {
        // R127 … Where it names no proxy only the scheme is believed (R112).
        let all = try request([
            "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: h", "X-Forwarded-Prefix: /p",
        ])
        let open = forwarding(.xForwarded, nil)
        #expect(!open.namesProxies && !open.isProxy("127.0.0.1"))
        #expect(open.base(of: all, isFromProxy: false) == "https://own:1")
        #expect(open.client(of: all, isFromProxy: false) == "127.0.0.1")
        for (peer, isProxy) in [
            ("127.0.0.1", true), ("10.1.2.3", true), ("127.0.0.2", false), ("2001:db8::1", true),
            ("::ffff:10.0.0.1", true),
        ] {
            #expect(forwarding(.xForwarded).isProxy(peer) == isProxy, "\(peer)")
        }
        #expect(!forwarding(.xForwarded).isProxy(nil))
    }

    @Test(arguments: Transport.allCases)
    func `answers, redirects and limits go by the client behind a trusted proxy`(_ transport: Transport) throws {
        // R127 What a proxy in TRUSTED_PROXIES says of its client counts: in Location and links (R129), in redirects to
        // https, in the limits on requests (R824) and in the access log.
        let id = instanceID("web", "http", "10.0.0.1:80")
        let request = TestRequest.register(Body()).with("X-Forwarded-Host", "public.example").with(
            "X-Forwarded-Prefix", "/registry"
        )
        .with("X-Forwarded-Proto", "https")
        let behind = try Registry(transport) { $0.trustedProxies = Self.trusted }
        let url = "https://public.example/registry/api/v1/instances/\(id)"
        let answer = try behind.send(request)
        #expect(answer["Location"] == url)
        #expect(try answer.object()["links"] as? [String: String] == ["self": url, "heartbeat": url + "/heartbeat"])
        #expect(
            try behind.send(.list("fields=links").with("X-Forwarded-Host", "h")).text.contains(
                "http://h/api/v1/instances/\(id)"))
        let stranger = try Registry(transport) { $0.trustedProxies = Self.strangers }
        #expect(try stranger.send(request)["Location"] == "http://registry.test:8080/api/v1/instances/\(id)")

        let secure = try Registry(transport) {
            $0.trustedProxies = Self.trusted
            $0.requireHTTPS = true
        }
        let redirect = TestRequest.list("a=b").with("X-Forwarded-Host", "public.example").with(
            "X-Forwarded-Prefix", "/registry"
        )
        .with("X-Forwarded-Port", "80")
        #expect(try secure.send(redirect)["Location"] == "https://public.example/registry/api/v1/instances?a=b")
        #expect(
            try secure.send(redirect.with("X-Forwarded-Proto", "https")).status == 400,
            "the unknown parameter, over https")

        let limited = try Registry(transport) {
            $0.trustedProxies = Self.trusted
            $0.rateLimitClient = 1
            $0.rateLimitClientHeartbeats = 1
        }
        for address in ["203.0.113.1", "203.0.113.2", "2001:db9::1"] {
            let statuses = try (0..<3).map { _ in try limited.send(.list().with("X-Forwarded-For", address)).status }
            #expect(statuses == [200, 200, 429], "\(address)")
        }
        #expect(try limited.send(.list().with("X-Forwarded-For", "2001:db9::2")).status == 429, "the same network")
        // R265 A batch takes one of the heartbeats' allowance for each id: of its own client's.
        let batch = TestRequest(
            "PUT", "/api/v1/heartbeats", [("Content-Type", "application/json")], body: #"{"ids":["a","b","c","d"]}"#)
        #expect(try limited.send(batch.with("X-Forwarded-For", "203.0.113.1")).status == 200)
        #expect(try limited.send(TestRequest.renew("a").with("X-Forwarded-For", "203.0.113.1")).status == 429)
        #expect(try limited.send(TestRequest.renew("a").with("X-Forwarded-For", "203.0.113.2")).status == 410)
    }

    @Test(arguments: Transport.allCases)
    func `a URL of https is not served over a connection that is not`(_ transport: Transport) throws {
        // R126 … A URL of https over a connection that is not (R112) is answered 421.
        let registry = try Registry(transport)
        for method in ["GET", "HEAD", "OPTIONS", "DELETE"] {
            for path in ["", "/", "/livez", "/nowhere", "/api/v1/instances?x"] {
                let request = TestRequest(method, "https://registry.test\(path)")
                #expect(try registry.send(request).status == 421, "\(request)")
                #expect(try registry.send(request.with("X-Forwarded-Proto", "https")).status != 421, "\(request)")
            }
        }
        let body = TestRequest(
            "POST", "https://public.example/api/v1/instances", [("Content-Type", "application/json")], body: Body().text
        )
        #expect(try registry.send(body).status == 421)
        #expect(try registry.everything() == #"{"instances":[]}"#)
        let id = instanceID("web", "http", "10.0.0.1:80")
        let answer = try registry.send(body.with("X-Forwarded-Proto", "https"))
        #expect(
            answer["Location"] == "https://public.example/api/v1/instances/\(id)",
            "the authority takes the place of Host")
    }

    @Test func `a family that nobody may write stops the start`() {
        struct NoFile: Error {}
        func error(_ flags: [String: [String]]) -> SettingError? {
            do throws(SettingError) {
                _ = try Settings.resolve(flags: flags, environment: [:]) { _ in throw NoFile() }
                return nil
            } catch {
                return error
            }
        }
        #expect(error(["forwarded": ["rfc7239"]])?.description.contains("trusted_proxies") == true)
        #expect(error(["forwarded": ["rfc7239"], "trusted_proxies": ["10.0.0.1"]]) == nil)
        #expect(error(["forwarded": ["x-forwarded"]]) == nil)
    }
}

extension Forwarding {
    /// The start of URLs as text.
    fileprivate func base(of request: Request, isFromProxy: Bool) -> String {
        var url: [UInt8] = []
        appendBase(of: request, isFromProxy: isFromProxy, to: &url)
        return String(decoding: url, as: UTF8.self)
    }
}
