// When a client may resume: across contexts that share keys, as loops and reloads do; not beyond two rotations, nor where other clients are trusted.

import CTLS
import Testing

@testable import TLS

struct SessionTicketTests {
    private static let versions = [TestClient.Options.tls12, .tls13]

    /// Whether a client that has met `first` resumes with `second`, in each version.
    private func resumes(
        _ fixture: Fixture, _ first: TLSContext, _ second: TLSContext, identity: IssuedCertificate? = nil, between: () -> Void = {}
    ) throws -> [Bool] {
        let sessions = try Self.versions.map { options in
            var options = options
            options.identity = identity
            let client = try TestClient(options, trusting: fixture.authority.issued.certificate)
            return (client, try HandshakeOutcome(client, first))
        }
        between()
        return try sessions.map { client, outcome in
            defer { SSL_SESSION_free(outcome.session) }
            try #require(outcome.isWell && !outcome.isResumed)
            let again = try HandshakeOutcome(client, second, resuming: outcome.session)
            defer { SSL_SESSION_free(again.session) }
            try #require(again.isWell)
            if again.isResumed { #expect(again.clientCertificate == outcome.clientCertificate) }
            return again.isResumed
        }
    }

    @Test func `a session resumes on another context of the same keys, also with a new certificate`() throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let first = try fixture.context(keys: keys)
        #expect(try resumes(fixture, first, first) == [true, true])
        try fixture.install(fixture.server(name: "renewed"))
        #expect(try resumes(fixture, first, fixture.context(keys: keys)) == [true, true])
    }

    @Test func `a session does not resume under other keys`() throws {
        let fixture = try Fixture()
        #expect(try resumes(fixture, fixture.context(), fixture.context()) == [false, false])
    }

    @Test func `keys rotate when it is time; a session survives one rotation and not two`() throws {
        let fixture = try Fixture()
        let period = TicketKeys.rotationPeriod
        for (times, expected) in [
            ([period - 1], true), ([period], true), ([period, 2 * period - 1], true), ([period, 2 * period], false),
        ] {
            let keys = TicketKeys(now: 0)
            let context = try fixture.context(keys: keys)
            let resumed = try resumes(fixture, context, context) { for time in times { keys.rotate(now: time) } }
            #expect(resumed == [expected, expected], "\(times)")
        }
    }

    @Test func `a client's certificate resumes with its session while the same clients are trusted`() throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let client = try fixture.client(unit: "tenant")
        try fixture.directory.write("revoked.pem", fixture.authority.revocationList(of: [], validity: Fixture.validity))
        let context = try fixture.context(.require, revocations: true, keys: keys)
        #expect(try resumes(fixture, context, fixture.context(.require, revocations: true, keys: keys), identity: client) == [true, true])
        // Another policy is another trust.
        #expect(
            try resumes(fixture, context, fixture.context(.optional, revocations: true, keys: keys), identity: client) == [false, false])
    }

    @Test func `a revoked client does not slip in by resuming`() throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let identity = try fixture.client()
        try fixture.directory.write("revoked.pem", fixture.authority.revocationList(of: [], validity: Fixture.validity))
        let before = try fixture.context(.require, revocations: true, keys: keys)
        try fixture.directory.write("revoked.pem", fixture.authority.revocationList(of: [identity], validity: Fixture.validity))
        let after = try fixture.context(.require, revocations: true, keys: keys)
        for var options in Self.versions {
            options.identity = identity
            let client = try TestClient(options, trusting: fixture.authority.issued.certificate)
            let outcome = try HandshakeOutcome(client, before)
            defer { SSL_SESSION_free(outcome.session) }
            try #require(outcome.isWell)
            let again = try HandshakeOutcome(client, after, resuming: outcome.session)
            defer { SSL_SESSION_free(again.session) }
            #expect(again.serverError == "certificate verify failed")
        }
    }
}
