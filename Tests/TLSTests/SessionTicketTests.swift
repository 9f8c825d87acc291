// When a client may resume: across contexts that share keys, as loops and reloads do; not beyond two rotations, nor
// where other clients are trusted.

import CTLS
import Testing

@testable import TLS

struct SessionTicketTests {
    private static let versions = [TestClient.Options.tls12, .tls13]

    /// Whether a client that has met `first` resumes with `second`, in each version.
    private func resumes(
        _ fixture: Fixture, _ first: TLSContext, _ second: TLSContext, identity: IssuedCertificate? = nil,
        between: () -> Void = {}
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

    @Test func `without keys no session resumes, and no ticket is given`() throws {
        let fixture = try Fixture()
        let context = try fixture.context(keys: nil)
        #expect(try resumes(fixture, context, context) == [false, false])
        for options in Self.versions {
            let client = try TestClient(options, trusting: fixture.authority.issued.certificate)
            let outcome = try HandshakeOutcome(client, context)
            defer { SSL_SESSION_free(outcome.session) }
            #expect(outcome.isWell && ticket(of: outcome.session).isEmpty)
        }
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

    /// The ticket that a session was given last.
    private func ticket(of session: OpaquePointer?) -> [UInt8] {
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        SSL_SESSION_get0_ticket(session, &bytes, &count)
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }

    @Test(arguments: zip([TestClient.Options.tls12, .tls13], [false, true]))
    func `TLS 1_3 renews a ticket with each use; TLS 1_2 when its key is outdated`(
        options: TestClient.Options, renewsAlways: Bool
    ) throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let context = try fixture.context(keys: keys)
        let client = try TestClient(options, trusting: fixture.authority.issued.certificate)
        var newest = try HandshakeOutcome(client, context).session
        defer { SSL_SESSION_free(newest) }
        #expect(SSL_SESSION_get_ticket_lifetime_hint(newest) == TicketKeys.rotationPeriod)
        for round in 0..<4 {
            let isOutdated = round == 2
            if isOutdated { keys.rotate(now: TicketKeys.rotationPeriod) }
            let again = try HandshakeOutcome(client, context, resuming: newest)
            #expect(again.isWell && again.isResumed, "round \(round)")
            #expect((ticket(of: again.session) != ticket(of: newest)) == (renewsAlways || isOutdated), "round \(round)")
            SSL_SESSION_free(newest)
            newest = again.session
        }
    }

    @Test func `who comes back in time resumes through any number of rotations, and its first ticket does not`() throws
    {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        var context = try fixture.context(keys: keys)
        for options in Self.versions {
            let client = try TestClient(options, trusting: fixture.authority.issued.certificate)
            let first = try HandshakeOutcome(client, context).session
            defer { SSL_SESSION_free(first) }
            SSL_SESSION_up_ref(first)
            var newest = first
            defer { SSL_SESSION_free(newest) }
            // The clock of the keys goes on from one version to the next.
            let start: Int64 = options.minimum == TLS1_2_VERSION ? 0 : 6
            for rotation in start + 1...start + 6 {
                keys.rotate(now: rotation * TicketKeys.rotationPeriod)
                // A reload, with a new certificate.
                if rotation % 2 == 0 {
                    try fixture.install(fixture.server(name: "renewed \(rotation)"))
                    context = try fixture.context(keys: keys)
                }
                let again = try HandshakeOutcome(client, context, resuming: newest)
                #expect(again.isWell && again.isResumed, "\(options.minimum), rotation \(rotation)")
                SSL_SESSION_free(newest)
                newest = again.session
            }
            let late = try HandshakeOutcome(client, context, resuming: first)
            defer { SSL_SESSION_free(late.session) }
            #expect(late.isWell && !late.isResumed)
            #expect(ticket(of: late.session) != ticket(of: first))
        }
    }

    @Test func `a ticket can be used twice, and each use renews it`() throws {
        let fixture = try Fixture()
        let context = try fixture.context()
        let client = try TestClient(.tls13, trusting: fixture.authority.issued.certificate)
        let first = try HandshakeOutcome(client, context).session
        defer { SSL_SESSION_free(first) }
        var tickets: Set<[UInt8]> = [ticket(of: first)]
        for _ in 0..<2 {
            let again = try HandshakeOutcome(client, context, resuming: first)
            defer { SSL_SESSION_free(again.session) }
            #expect(again.isResumed)
            #expect(tickets.insert(ticket(of: again.session)).inserted)
        }
    }

    @Test func `who a client is survives any number of renewals`() throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let context = try fixture.context(.require, keys: keys)
        for var options in Self.versions {
            options.identity = try fixture.client(unit: "tenant")
            let client = try TestClient(options, trusting: fixture.authority.issued.certificate)
            let met = try HandshakeOutcome(client, context)
            var newest = met.session
            defer { SSL_SESSION_free(newest) }
            for _ in 0..<4 {
                let again = try HandshakeOutcome(client, context, resuming: newest)
                #expect(again.isResumed)
                #expect(
                    again.clientCertificate == met.clientCertificate
                        && met.clientCertificate?.organizationalUnits == ["tenant"])
                SSL_SESSION_free(newest)
                newest = again.session
            }
        }
    }

    @Test func `a client's certificate resumes with its session while the same clients are trusted`() throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let client = try fixture.client(unit: "tenant")
        try fixture.directory.write("revoked.pem", fixture.authority.revocationList(of: [], validity: Fixture.validity))
        let context = try fixture.context(.require, revocations: true, keys: keys)
        #expect(
            try resumes(fixture, context, fixture.context(.require, revocations: true, keys: keys), identity: client)
                == [true, true])
        // Another policy is another trust.
        #expect(
            try resumes(fixture, context, fixture.context(.optional, revocations: true, keys: keys), identity: client)
                == [false, false])
    }

    @Test func `a revoked client does not slip in by resuming`() throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let identity = try fixture.client()
        try fixture.directory.write("revoked.pem", fixture.authority.revocationList(of: [], validity: Fixture.validity))
        let before = try fixture.context(.require, revocations: true, keys: keys)
        try fixture.directory.write(
            "revoked.pem", fixture.authority.revocationList(of: [identity], validity: Fixture.validity))
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
