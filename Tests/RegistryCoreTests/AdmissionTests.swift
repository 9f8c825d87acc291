// Who is let in, whatever the protocol: each refusal, and which comes first.

import Catalog
import HTTP
import Replication
import TestTime
import Testing
import Time

@testable import Authorization
@testable import Configuration
@testable import RegistryCore

private let second: Int64 = 1_000_000_000

struct AdmissionTests {
    /// A member that has not copied what the others have.
    private struct WaitingForCopy: Cluster {
        let hasCopy = false
        let isLargeEnough = true
        let clockCorrection: Int64 = 0
        let components: [ComponentHealth] = []
        let report: ClusterReport? = nil
    }

    private static let moment = Moment(monotonic: .zero, lease: .zero, wall: 0)
    private static let client = "192.0.2.1"

    private func registry(_ cluster: any Cluster = StandaloneCluster(), _ change: (inout Settings) -> Void)
        -> RegistryState
    {
        var settings = Settings.defaults
        change(&settings)
        return RegistryState(settings: settings, cluster: cluster, loops: 1, monotonic: 0)
    }

    private func admission(to registry: RegistryState) throws -> Admission {
        Admission(to: registry, try Authorizer(AuthorizationConfiguration(registry.settings)))
    }

    /// Both steps, as a protocol takes them.
    private func admit(
        _ admission: Admission, _ token: String? = nil, for purpose: Purpose, isSecure: Bool = false
    ) throws(AdmissionRefusal) -> Principal? {
        try admission.enter(Self.client, for: purpose, isSecure: isSecure, at: Self.moment.monotonic)
        guard purpose.isOfTenant else { return nil }
        return try admission.admit(token.map { Array("Bearer \($0)".utf8)[...] }, nil, for: purpose, at: Self.moment)
    }

    @Test(arguments: Purpose.allCases)
    func `a probe is always answered, and everybody else has an allowance`(purpose: Purpose) throws {
        let registry = registry {
            $0.rateLimitClient = 1
            $0.rateLimitClientHeartbeats = 1
            $0.requireHTTPS = true
        }
        let admission = try admission(to: registry)
        for _ in 0..<2 { _ = try admit(admission, for: purpose, isSecure: purpose != .probe) }
        let limit = purpose == .heartbeat ? RateLimits.Limit.clientHeartbeats : .client
        if purpose == .probe {
            #expect(try admit(admission, for: purpose) == nil)
        } else {
            #expect(throws: AdmissionRefusal.overAllowance(limit, retryAfter: 1)) {
                try admit(admission, for: purpose, isSecure: true)
            }
        }
    }

    @Test func `what comes plain where TLS is required is charged before it is refused`() throws {
        let registry = registry {
            $0.rateLimitClient = 1
            $0.requireHTTPS = true
        }
        let admission = try admission(to: registry)
        for _ in 0..<2 { #expect(throws: AdmissionRefusal.insecure) { try admit(admission, for: .page) } }
        #expect(throws: AdmissionRefusal.overAllowance(.client, retryAfter: 1)) { try admit(admission, for: .page) }
    }

    @Test func `a namespace's allowance is charged to the principal whose it is`() throws {
        let registry = registry {
            $0.rateLimitNamespace = 1
            $0.authMode = [.trusted]
        }
        let admission = try admission(to: registry)
        for _ in 0..<2 { #expect(try admit(admission, "a", for: .lookUp) == Principal(Namespace("a"), by: .trusted)) }
        #expect(throws: AdmissionRefusal.overAllowance(.namespace, retryAfter: 1)) {
            try admit(admission, "a", for: .change)
        }
        #expect(try admit(admission, "b", for: .change)?.namespace == Namespace("b"))
        // Without a credential nobody is charged, and whoever is known without one as anybody else.
        #expect(throws: AdmissionRefusal.unauthorized(.missing)) { try admit(admission, for: .change) }
        #expect(throws: AdmissionRefusal.overAllowance(.namespace, retryAfter: 1)) {
            try admission.admit(Principal(Namespace("a"), by: nil), for: .lookUp, at: 0)
        }
    }

    @Test(arguments: Purpose.allCases)
    func `look-ups wait for the copy, and a member that leaves refuses tenants alone`(purpose: Purpose) throws {
        let registry = registry(WaitingForCopy()) { _ in }
        let admission = try admission(to: registry)
        if purpose == .lookUp {
            #expect(throws: AdmissionRefusal.noCopyYet) { try admit(admission, for: purpose) }
        } else {
            _ = try admit(admission, for: purpose)
        }
        registry.lifecycle.advance(to: .leaving)
        if purpose.isOfTenant {
            #expect(throws: AdmissionRefusal.leaving) { try admit(admission, for: purpose) }
        } else {
            _ = try admit(admission, for: purpose)
        }
    }
}
