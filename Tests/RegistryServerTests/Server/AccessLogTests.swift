// What an access line says of a request, and what it must never say.

import Foundation
import HTTP
import Telemetry
import TestSupport
import TestTime
import Testing
import Time

@testable import Authorization
@testable import Configuration
@testable import RegistryServer
@testable import Serving

struct AccessLogTests {
    /// The lines that these requests leave, in order.
    private static func lines(
        of requests: [String], _ schemes: [AuthorizationConfiguration.Scheme] = [], _ mode: AccessLogMode = .all,
        probes: Bool = true,
        behind proxies: AddressRanges? = nil
    ) throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appending(path: "access-\(UUID().uuidString)")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forWritingTo: file)
        let pipe = try LogPipe(descriptor: handle.fileDescriptor) { _ in [] }
        let context = try Registry(.router) { $0.trustedProxies = proxies }.context
        let responder = Responder(
            context, Protocols.routes, authorizer: try Authorizer(AuthorizationConfiguration(schemes: schemes)),
            metrics: context.loopMetrics[0],
            accessLog: AccessLog(pipe, format: .text, rule: AccessLogRule(mode, probes: probes)))
        let path = RouterPath(
            LoopHandler(
                respond: { request in
                    responder.respond(to: request, at: TestClock().moment, finished: { 0 }).atOnce
                },
                refused: { refusal, cause, client in
                    responder.respond(to: refusal, cause, from: client, isSecure: false, at: 0)
                }))
        for request in requests { _ = path.exchange(Array(request.utf8), request) }
        #expect(pipe.close(within: 10_000))
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test func `the bytes of a line are those of the body that was sent`() throws {
        let lines = try Self.lines(of: [
            "GET /api/v1/services HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /api/v1/services HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /livez HTTP/9.9\r\nHost: a\r\n\r\n",
        ])
        let bytes = lines.map { $0.firstMatch(of: /\ bytes=(\d+)/).flatMap { Int($0.1) } }
        #expect(bytes.prefix(3) == [#"{"services":[]}"#.utf8.count, 0, 0], "\(lines)")
        // What could not be read was answered with a sentence.
        #expect(lines.count == 4 && (bytes.last ?? nil) ?? 0 > #"{"Error":""}"#.utf8.count, "\(lines)")
    }

    @Test func `a line names the client behind a trusted proxy, and the proxy where nobody trusts it`() throws {
        // R127 What a proxy in TRUSTED_PROXIES says of its client counts: … and in the access log.
        let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
        for (proxies, client) in [(nil, "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.9")]
            as [(String?, String)]
        {
            let lines = try Self.lines(of: [request], behind: proxies.flatMap { AddressRanges($0) })
            #expect(
                lines.count == 1 && lines[0].contains(client)
                    && (client == "203.0.113.9") != lines[0].contains("127.0.0.1"), "\(lines)")
        }
    }

    /// One of each kind: served, a probe that succeeds and one that does not, refused, unreadable.
    private static let kinds = [
        "GET /api/v1/services HTTP/1.1\r\nHost: a\r\n\r\n", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /api/v1/instances/none HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET nowhere\r\n",
    ]

    // R670 ACCESS_LOG says which requests write a line, whatever LOG_LEVEL is … probes only with ACCESS_LOG_PROBES.
    @Test(arguments: [
        (AccessLogMode.all, true, [200, 200, 503, 404, 400]), (.all, false, [200, 503, 404, 400]),
        (.errors, true, [503, 404, 400]),
        (.errors, false, [503, 404, 400]), (.off, true, []),
    ])
    func `the choice of requests is kept`(mode: AccessLogMode, probes: Bool, statuses: [Int]) throws {
        // Before the registry is ready, /readyz is an error.
        let lines = try Self.lines(of: Self.kinds, [], mode, probes: probes)
        #expect(lines.map { $0.firstMatch(of: /\ status=(\d+)/).flatMap { Int($0.1) } } == statuses, "\(lines)")
    }

    @Test func `a choice that changes holds for the next request`() {
        let rule = AccessLogRule(.all, probes: false)
        #expect(rule.admits(.ok, isProbe: false) && !rule.admits(.ok, isProbe: true))
        rule.change(to: .errors, probes: true)
        #expect(!rule.admits(.ok, isProbe: true) && rule.admits(.gone, isProbe: false))
        rule.change(to: .off, probes: false)
        #expect(!rule.admits(.internalServerError, isProbe: false))
    }

    @Test func `a refusal stands with the sentence that the client got, a request that is served without one`() throws {
        // R671 A line of a refused request has its sentence as `error`.
        let lines = try Self.lines(of: Self.kinds)
        #expect(!lines[0].contains(" error="))
        #expect(lines[3].contains(#" error="there is no such instance in this namespace""#), "\(lines[3])")
        #expect(
            lines[4].contains(#" error="the request line is not 'METHOD /path HTTP/1.1'" received="GET nowhere""#),
            "\(lines[4])")
    }

    @Test func `a credential in a path gets into no line`() throws {
        // R671 … credentials in paths are `***`.
        let paths = [
            "/api/eureka/s3cret/v2/apps", "/api/%65ureka/s3cret/v2", "//api/eureka//s3cret", "/eureka/s3cret?x=s3cret",
        ]
        let requests = paths.flatMap { path in
            [
                "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n", "GET \(path) HTTP/9.9\r\nHost: a\r\n\r\n",
                "GET \(path)\u{1}\r\n",
            ]
        }
        let lines = try Self.lines(of: requests)
        #expect(lines.count >= requests.count)
        for line in lines { #expect(line.contains("***") && !line.contains("s3cret"), "\(line)") }
    }

    @Test func `a signed token gets into no line, however it is misspelled, where trusted names are taken too`() throws
    {
        // R517 With jwt among the modes, a token that is meant as a JSON Web Token is for jwt alone … and never a
        // namespace of trusted.
        let good = Forge.token()
        var misspelled = [good + "=", "\"\(good)\"", String(good.prefix { $0 != "." })]
        for words in [
            "jwt.jwt.", "Bearer ", "token ", "Authorization: Bearer ", "jwt:", ",", "\u{A0}", "\u{FEFF}", "jwt_",
        ] {
            misspelled.append(words + good)
        }
        let jwt = AuthorizationConfiguration.Scheme.jwt(
            TokenTrust(secret: Secret(bytes: Array(Forge.secret.utf8))))
        for schemes in [[jwt, .trusted], [.trusted, jwt]] {
            let requests = misspelled.map {
                "GET /api/v1/services HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \($0)\r\n\r\n"
            }
            let lines = try Self.lines(of: requests, schemes)
            #expect(lines.count == misspelled.count)
            for line in lines { #expect(line.contains(" status=401 ") && !line.contains("eyJ"), "\(line)") }
        }
    }
}
