// Calls whose credentials take longer than most: they wait for a turn of their own, or for the issuer, and are then what
// any other call is.

import Catalog
import HTTP
import Libevent
import Synchronization
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import Authorization
@testable import Configuration
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

struct KeptAdmissionTests {
    private static func settings() -> Settings {
        var settings = Settings.defaults
        settings.authMode = [.jwt]
        settings.jwtJWKSURL = "http://127.0.0.1:1/keys"
        return settings
    }

    private static func keys(_ signers: (SigningKey, String)...) throws -> KeySet {
        let keys = signers.map { $0.jwk(#""kid":"\#($1)""#) }
        return try KeySet(Array((#"{"keys":["# + keys.joined(separator: ",") + "]}").utf8))
    }

    private static func token(_ signer: SigningKey, _ id: String) -> String {
        signer.token(header: #"{"alg":"ES256","kid":"\#(id)"}"#)
    }

    private static func request(_ token: String) -> [UInt8] {
        Array("GET /api/v1/services HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)\r\n\r\n".utf8)
    }

    private static func context(_ issuer: IssuerKeys?, _ settings: Settings = settings()) -> ServerContext {
        ServerContext(
            RegistryState(settings: settings, loops: 1, monotonic: MonotonicClock.now(), issuerKeys: issuer),
            operations: Protocols.routes.operations, loops: 1)
    }

    /// An issuer that had these keys, and was asked long enough ago.
    private static func issuer(
        patience: Duration = KeySchedule.patience, wake: @escaping @Sendable () -> Void = {}
    ) -> IssuerKeys {
        let before = MonotonicClock.now() - .seconds(60)
        let issuer = IssuerKeys(at: before, patience: patience, wake: wake)
        _ = issuer.begin(at: before)
        issuer.end(withKeys: true, at: before)
        return issuer
    }

    @Test func `a token is verified in a turn of its own, once`() throws {
        // J109 … its signature is checked once on each loop
        let context = Self.context(nil)
        let server = try WaitingServer.start(context, keys: try Self.keys((.p256, "1")))
        let client = try ClientConnection(port: server.port)
        for _ in 0..<3 {
            try client.send(Self.request(Self.token(.p256, "1")))
            #expect(try client.answer(to: "a good token").status == 200)
        }
        try client.send(Self.request(Self.token(.otherP256, "1")))
        let answer = try client.answer(to: "a bad signature")
        #expect(answer.status == 401 && answer["WWW-Authenticate"] == "Bearer")
    }

    @Test func `a token whose key is not known waits for the issuer's answer`() throws {
        // J304 … waits up to 1 s
        let woken = try WakeSignal()
        let context = Self.context(Self.issuer(patience: .seconds(60)) { woken.raise() })
        let answering = Mutex<(@Sendable (KeySet) -> Void)?>(nil)
        let server = try WaitingServer.start(context, keys: try Self.keys((.p256, "1"))) { answer in
            answering.withLock { $0 = answer }
        }
        let clients = try (0..<3).map { _ in try ClientConnection(port: server.port) }
        for (client, id) in zip(clients, ["2", "2", "3"]) { try client.send(Self.request(Self.token(.otherP256, id))) }
        #expect(woken.wait(until: MonotonicClock.now() + .seconds(30)), "the issuer is asked")
        let deadline = Deadline()
        while context.loopMetrics[0].waitingReplies != 3 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "three calls to wait") }
        }
        answering.withLock { $0 }?(try Self.keys((.p256, "1"), (.otherP256, "2")))
        #expect(try clients.map { try $0.answer(to: "the new keys").status } == [200, 200, 401])
    }

    @Test func `in vain it waits for a second`() throws {
        let context = Self.context(Self.issuer())
        let server = try WaitingServer.start(context, keys: try Self.keys((.p256, "1")))
        let client = try ClientConnection(port: server.port)
        let start = MonotonicClock.now()
        try client.send(Self.request(Self.token(.otherP256, "2")))
        #expect(try client.answer(to: "a time").status == 401)
        #expect(MonotonicClock.now() - start >= KeySchedule.patience)
    }

    @Test func `what may not wait is answered 503 or 401`() throws {
        // J307 … more are answered 503
        let context = Self.context(Self.issuer())
        let server = try WaitingServer.start(context, capacity: 0, keys: try Self.keys((.p256, "1")))
        let client = try ClientConnection(port: server.port)
        try client.send(Self.request(Self.token(.p256, "1")))
        let answer = try client.answer(to: "a token that is not verified")
        #expect(answer.status == 503 && answer["Retry-After"] == "1")
        try client.send(Self.request(Self.token(.otherP256, "2")))
        #expect(try client.answer(to: "a key that is not known").status == 401)
    }

    @Test
    func `an open page waits until it is known whether an operator asks, and where it may not wait it is anybody's`()
        throws
    {
        // J405 … On pages that are open to everybody a token that cannot be verified in time is nobody's, and the page is
        // answered all the same.
        var settings = Self.settings()
        settings.jwtOperatorClaim = "ops"
        let namespace = Namespace("shop")
        for capacity in [KeptReplies.capacity, 0] {
            let context = Self.context(Self.issuer(), settings)
            context.registry.quotas.change(try Quotas(Array(#"{"default":{"watches":1}}"#.utf8)))
            context.registry.quotas.publish([NearQuota(namespace: namespace, kind: .watches, share: 1)])
            let server = try WaitingServer.start(context, capacity: capacity, keys: try Self.keys((.p256, "1")))
            let client = try ClientConnection(port: server.port)
            func page(_ signer: SigningKey, _ id: String, _ claims: String) throws -> Bool {
                let token = signer.token(header: #"{"alg":"ES256","kid":"\#(id)"}"#, claims: claims)
                try client.send(
                    Array("GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)\r\n\r\n".utf8))
                let answer = try client.answer(to: "the metrics")
                #expect(answer.status == 200)
                return answer.text.contains("a8registry_quota_used_ratio{namespace=\"shop\"")
            }
            for _ in 0..<2 { #expect(try page(.p256, "1", #"{"ops":true}"#) == (capacity > 0)) }
            #expect(try !page(.p256, "1", #"{"namespace":"shop"}"#))
            #expect(try !page(.otherP256, "1", #"{"ops":true}"#))
            #expect(try !page(.otherP256, "2", #"{"ops":true}"#), "a key that the issuer does not have")
        }
    }

    @Test func `without the issuer's keys a token is answered 503 at once`() throws {
        // J306 … such tokens are answered 503
        let context = Self.context(IssuerKeys(at: MonotonicClock.now()) {})
        let server = try WaitingServer.start(context, keys: nil)
        let client = try ClientConnection(port: server.port)
        try client.send(Self.request(Self.token(.p256, "1")))
        let answer = try client.answer(to: "no keys")
        #expect(answer.status == 503 && answer["Retry-After"] == "1" && answer["WWW-Authenticate"] == nil)
        try client.send(Self.request(Forge.token()))
        #expect(try client.answer(to: "a token of HS256").status == 401)
    }
}
