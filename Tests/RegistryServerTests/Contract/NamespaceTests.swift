// Who may see what (docs/rest-api.md, R501–R514).

import Foundation
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration
@testable import RegistryCore

struct NamespaceTests {
    private static let paths: [TestRequest] = [
        .register(Body()), .list(""), .instance("a514120dc1beb9aa"), .renew("a514120dc1beb9aa"),
        .remove("a514120dc1beb9aa"),
        .get("/api/v1/services"), .get("/api/v1/services/web"),
    ]

    private static func isRefused(_ answer: Answer) -> Bool {
        // R505 A 401 carries WWW-Authenticate: Bearer.
        answer.status == 401 && answer["WWW-Authenticate"] == "Bearer" && answer.error != nil
    }

    @Test(arguments: Transport.allCases)
    func `without a mode the only namespace is default`(_ transport: Transport) throws {
        // R506 Without AUTH_MODE the only namespace is default: a request with no Authorization, or with the token
        // default, is served; any other token is answered 401.
        let registry = try Registry(transport)
        let id = try registry.register(Body())
        #expect(try registry.send(.instance(id).bearing("default")).status == 200)
        let before = try registry.everything()
        for request in Self.paths {
            for credential in [
                "Bearer other", "Bearer Default", "Bearer default x", "Bearer  default", "Bearer", "Bearer ",
                "BEARER default",
                "Basic default", "default", "beareR default", "Bearerdefault", "Bearer\tdefault",
                "Bearer " + Forge.token(),
            ] {
                let answer = try registry.send(request.with("Authorization", credential))
                #expect(Self.isRefused(answer), "\(request) \(credential): \(answer)")
            }
        }
        #expect(try registry.everything() == before)
        #expect(try registry.send(.list("").with("Authorization", "bearer default")).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `a trusted token is the namespace`(_ transport: Transport) throws {
        // R507 With trusted, the token itself is the namespace.
        // R502 Everything after the first space is the token, so a token may contain spaces.
        // R514 A namespace sees only its own instances: another namespace's id is answered exactly as an unknown one.
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        let tokens = [
            "a", "A", "a b", "a  b", " a", "default", "é", "e\u{301}", "www.example.com",
            String(repeating: "n", count: 256),
        ]
        for (number, token) in tokens.enumerated() { try registry.register(Body("web", "\(number)"), token: token) }
        for (number, token) in tokens.enumerated() {
            let id = instanceID("web", "http", "\(number)")
            let answer = try registry.send(.list().bearing(token))
            #expect(try answer.instances().map { $0["id"] as? String } == [id], "\(token)")
            let other = tokens[(number + 1) % tokens.count]
            for request in [TestRequest.instance(id), .renew(id), .remove(id)] {
                let unknown = TestRequest(request.method, request.target.replacing(id, with: "0000000000000000"))
                let answer = try registry.send(request.bearing(other))
                let expected = try registry.send(unknown.bearing(other))
                #expect(answer.status == (request.method == "GET" ? 404 : 410), "\(request)")
                #expect(answer.status == expected.status && answer.body == expected.body, "\(request)")
            }
            #expect(try registry.send(.list("id=\(id)").bearing(other)).instances().isEmpty)
        }
        #expect(try registry.send(.get("/api/v1/services/web").bearing("nobody")).status == 404)
        #expect(try registry.send(.get("/api/v1/services").bearing("nobody")).text == #"{"services":[]}"#)
        #expect(try registry.send(.list().with("authorization", "bearer a")).instances().count == 1)
    }

    @Test(arguments: Transport.allCases, [[.trusted], [.jwt], [.jwt, .trusted]] as [[Settings.AuthScheme]])
    func `where a credential is needed, none and a bad one are refused and change nothing`(
        _ transport: Transport, _ modes: [Settings.AuthScheme]
    ) throws {
        // R501 A credential is Authorization: Bearer TOKEN or Authorization: bearer TOKEN; no other spelling of the
        // scheme is taken. R503 Another scheme, an empty token, or no credential where one is needed is answered 401.
        let registry = try Registry(transport) {
            $0.authMode = modes
            $0.jwtSecret = Secret(bytes: Array(Forge.secret.utf8))
        }
        let good = Forge.token(claims: #"{"namespace":"web"}"#)
        try registry.register(Body(), token: good)
        let before = try registry.everything(token: good)
        for request in Self.paths {
            #expect(Self.isRefused(try registry.send(request)), "\(request)")
            for credential in [
                "", "Bearer", "Bearer ", "bearer", "BEARER \(good)", "Basic \(good)", good, "Token \(good)",
                "Bearer\t\(good)",
            ] {
                #expect(
                    Self.isRefused(try registry.send(request.with("Authorization", credential))),
                    "\(request) \(credential)")
            }
        }
        #expect(try registry.everything(token: good) == before)
    }

    @Test(arguments: Transport.allCases)
    func `a JSON Web Token names its namespace`(_ transport: Transport) throws {
        // R508 With jwt, the token is a JSON Web Token signed with HS256 under JWT_SECRET, and its claim namespace, a
        // non-empty string, is the namespace. R511 A JSON Web Token may carry the prefix jwt..
        let registry = try Registry(transport) {
            $0.authMode = [.jwt]
            $0.jwtSecret = Secret(bytes: Array(Forge.secret.utf8))
        }
        let one = Forge.token(claims: #"{"namespace":"one"}"#)
        let two = Forge.token(claims: #"{"namespace":"two","sub":"x"}"#)
        let id = try registry.register(Body(), token: one)
        #expect(try registry.send(.instance(id).bearing("jwt." + one)).status == 200)
        #expect(
            try registry.send(.instance(id).bearing(Forge.token(claims: #"{"x":1,"namespace":"one"}"#))).status == 200)
        #expect(try registry.send(.instance(id).bearing(two)).status == 404)
        #expect(try registry.send(.remove(id).bearing(two)).status == 410)
        let before = try registry.everything(token: one)
        // R509 A JSON Web Token with another alg, a wrong signature, or no usable namespace is answered 401.
        for token in [
            Forge.token(header: #"{"alg":"none"}"#), Forge.token(header: #"{"alg":"HS512"}"#),
            Forge.token(header: #"{"alg":"hs256"}"#),
            Forge.token(header: #"{"typ":"JWT"}"#), Forge.token(secret: "another secret, as long as the one"),
            String(one.dropLast()) + "A!",
            String(one[..<(one.lastIndex(of: ".") ?? one.endIndex)]) + ".", Forge.token(claims: "{}"),
            Forge.token(claims: #"{"namespace":""}"#), Forge.token(claims: #"{"namespace":1}"#),
            Forge.token(claims: #"{"namespace":null}"#),
            Forge.token(claims: #"{"namespace":["one"]}"#), Forge.token(claims: #""one""#), "one", "a.b.c", "jwt.",
            "jwt.jwt." + one,
        ] {
            for request in Self.paths {
                #expect(Self.isRefused(try registry.send(request.bearing(token))), "\(request) \(token)")
            }
        }
        #expect(try registry.everything(token: one) == before)
    }

    @Test(arguments: Transport.allCases)
    func `a JSON Web Token is good for as long as it says`(_ transport: Transport) throws {
        // R510 exp and nbf are honoured when present, each by 60 seconds more than it says, so much clocks may differ.
        let registry = try Registry(transport) {
            $0.authMode = [.jwt]
            $0.jwtSecret = Secret(bytes: Array(Forge.secret.utf8))
        }
        let now = TestClock.start / 1_000_000_000
        let token = Forge.token(claims: #"{"namespace":"n","nbf":\#(now + 3_600),"exp":\#(now + 7_200)}"#)
        #expect(Self.isRefused(try registry.send(.list().bearing(token))))
        registry.clock.advance(milliseconds: 3_600_000)
        #expect(try registry.send(.list().bearing(token)).status == 200)
        // Remembered or not, it ends, after the minute that clocks may differ.
        registry.clock.advance(milliseconds: 3_600_000 + 60_000)
        #expect(Self.isRefused(try registry.send(.list().bearing(token))))
        // R512 Any non-empty JWT_SECRET works.
        let short = try Registry(transport) {
            $0.authMode = [.jwt]
            $0.jwtSecret = Secret(bytes: [0x78])
        }
        #expect(try short.send(.list().bearing(Forge.token(secret: "x"))).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `modes are asked in turn, and a token refused by the one that knows it is refused`(_ transport: Transport)
        throws
    {
        // R513 With several modes each is asked in turn: one that does not recognise the token's form passes it on; one
        // that recognises it and refuses it ends the matter with 401.
        let registry = try Registry(transport) {
            $0.authMode = [.jwt, .trusted]
            $0.jwtSecret = Secret(bytes: Array(Forge.secret.utf8))
        }
        let id = try registry.register(Body(), token: Forge.token(claims: #"{"namespace":"shared"}"#))
        #expect(try registry.send(.instance(id).bearing("shared")).status == 200)
        #expect(try registry.send(.instance(id).bearing("www.example.com")).status == 404)
        #expect(Self.isRefused(try registry.send(.instance(id).bearing(Forge.token(secret: "wrong")))))
        #expect(Self.isRefused(try registry.send(.instance(id).bearing(Forge.token(header: #"{"alg":"none"}"#)))))
    }

    @Test(arguments: Transport.allCases)
    func `the open pages need no credential and ignore one`(_ transport: Transport) throws {
        // R504 /, /uptime, /livez, /readyz, /metrics, /swagger.json and /api/v1/cluster … need no credential and ignore one.
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        registry.context.registry.lifecycle.advance(to: .ready)
        for path in ["/", "/uptime", "/livez", "/readyz", "/metrics", "/swagger.json"] {
            for credential in [nil, "Bearer x", "Basic x", "nonsense", "Bearer"] {
                let request = credential.map { TestRequest.get(path).with("Authorization", $0) } ?? .get(path)
                #expect(try registry.send(request).status == 200, "\(path) \(credential ?? "")")
            }
        }
    }
}
