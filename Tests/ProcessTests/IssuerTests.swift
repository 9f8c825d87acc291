// An issuer on the loopback that the real binary asks for its keys: one that is late, changes its keys, fails and comes
// back. `make test.jwt` has one with TLS, asked by the libraries that clients use.

import Foundation
import Glibc
import Synchronization
import Testing

import class TestSupport.RawServer
import struct TestSupport.SigningKey

@Suite struct IssuerTests {
    /// What the issuer answers now; nil is 503.
    private final class Page: Sendable {
        let text: Mutex<String?>
        let asked = Atomic<Int>(0)

        init(_ text: String?) { self.text = Mutex(text) }

        func serve() throws -> RawServer {
            try RawServer { [self] peer, _ in
                while try peer.request() != nil {
                    asked.add(1, ordering: .relaxed)
                    let text = text.withLock { $0 }
                    let body = text ?? "later"
                    peer.send(
                        "HTTP/1.1 \(text == nil ? "503 Later" : "200 OK")\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    )
                }
            }
        }
    }

    private static func token(_ signer: SigningKey, _ id: String) -> String {
        signer.token(header: #"{"alg":"ES256","kid":"\#(id)"}"#)
    }

    private static let first = SigningKey.set(SigningKey.p256.jwk(#""kid":"1""#))
    private static let both = SigningKey.set(
        SigningKey.p256.jwk(#""kid":"1""#), SigningKey.otherP256.jwk(#""kid":"2""#))

    private func services(_ client: Client, _ token: String) throws -> Int {
        try client.ask("GET", "/api/v1/services", headers: ["Authorization: Bearer \(token)"]).status
    }

    private func metric(_ client: Client, _ name: String) throws -> Double? {
        let lines = try client.ask("GET", "/metrics").text.split(separator: "\n")
        return lines.first { $0.hasPrefix("\(name) ") }.flatMap { Double($0.dropFirst(name.utf8.count + 1)) }
    }

    @Test func `until keys were had tokens are answered 503 and the member is not ready, and then it is`() throws {
        // J306 Until keys were had once … 503 … R650 `keys`
        let page = Page(nil)
        let issuer = try page.serve()
        let registry = try RunningRegistry([
            "--auth_mode=jwt", "--jwt_jwks_url=http://127.0.0.1:\(issuer.port)/keys", "--log_level=info",
        ])
        let client = try registry.connect()
        _ = try registry.log(whenALine: "that there are no keys") { $0.contains("the issuer's keys cannot be had") }
        let refused = try client.ask(
            "GET", "/api/v1/services", headers: ["Authorization: Bearer \(Self.token(.p256, "1"))"])
        #expect(refused.status == 503)
        #expect(refused.header("Retry-After") == "1")
        #expect(try services(client, "eyJhbGciOiJub25lIn0.e30.") == 401)
        // J308 … absent until it has
        #expect(try metric(client, "a8registry_issuer_keys_age_seconds") == nil)
        #expect(try #require(try metric(client, "a8registry_issuer_failures_total")) >= 1)
        let ready = try client.ask("GET", "/readyz")
        #expect(ready.status == 503 && ready.text.contains(#""reason":"keys""#), "\(ready.text)")

        page.text.withLock { $0 = Self.first }
        try Patience.wait("the keys") { try client.ask("GET", "/readyz").status == 200 }
        try Patience.wait("a token that is good") { try services(client, Self.token(.p256, "1")) == 200 }
        #expect(try services(client, Self.token(.otherP256, "2")) == 401)
        #expect(registry.logged.contains("keys fetched"))
        // J308 … how long ago it last answered with keys
        let age = try #require(try metric(client, "a8registry_issuer_keys_age_seconds"))
        #expect(age >= 0 && age < 60)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
    }

    @Test func `a member that waits for keys in vain is ready after SYNC_TIMEOUT all the same`() throws {
        // J306 … for SYNC_TIMEOUT at most
        let issuer = try Page("<html></html>").serve()
        let registry = try RunningRegistry([
            "--auth_mode=jwt", "--jwt_jwks_url=http://127.0.0.1:\(issuer.port)/keys", "--log_level=info",
            "--sync_timeout=1s",
        ])
        let client = try registry.connect()
        try Patience.wait("readiness without keys") { try client.ask("GET", "/readyz").status == 200 }
        #expect(try services(client, Self.token(.p256, "1")) == 503)
        let lines = try registry.log(whenALine: "what is wrong") { $0.contains("the issuer's keys cannot be had") }
        #expect(lines.contains { $0.contains("it is neither PEM nor a JSON Web Key Set") }, "\(lines)")
    }

    @Test func `a key that is not known is asked for, but not again and again`() throws {
        // J304 A token whose key is not known waits …
        let page = Page(Self.first)
        let issuer = try page.serve()
        let registry = try RunningRegistry([
            "--auth_mode=jwt", "--jwt_jwks_url=http://127.0.0.1:\(issuer.port)/keys", "--log_level=info", "--loops=2",
        ])
        let client = try registry.connect()
        try Patience.wait("the keys") { try services(client, Self.token(.p256, "1")) == 200 }
        page.text.withLock { $0 = Self.both }
        // The issuer was asked less than 30 s ago.
        for _ in 0..<5 { #expect(try services(client, Self.token(.otherP256, "2")) == 401) }
        #expect(page.asked.load(ordering: .relaxed) == 1)
    }

    @Test func `an address that must not be asked stops the start`() throws {
        // J302 https only
        for (setting, value) in [("jwt_jwks_url", "http://id.example/keys"), ("jwt_issuer", "http://id.example")] {
            for check in [[], ["--check_config"]] {
                let outcome = try RunningRegistry.outcome(
                    ["--api_port=0", "--listen_address=127.0.0.1", "--auth_mode=jwt", "--\(setting)=\(value)"] + check)
                #expect(outcome.status == 64)
                #expect(
                    outcome.errors.contains(setting) && outcome.errors.contains("it must begin with https://"),
                    "\(outcome.errors)")
            }
        }
    }
}
