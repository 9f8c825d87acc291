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
    private static let operatorToken = String(repeating: "o", count: 32)

    private func registry(_ cluster: any Cluster = StandaloneCluster(), _ change: (inout Settings) -> Void)
        -> RegistryState
    {
        var settings = Settings.defaults
        settings.operatorToken = Secret(bytes: Array(Self.operatorToken.utf8))
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
        let token = token ?? (purpose == .operating ? Self.operatorToken : nil)
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

    // MARK: - Operators

    private func admit(
        _ admission: Admission, _ token: String?, in wanted: WantedNamespace, for purpose: Purpose = .lookUp
    ) throws(AdmissionRefusal) -> Principal {
        try admission.admit(
            token.map { Array("Bearer \($0)".utf8)[...] }, nil, in: wanted, for: purpose, at: Self.moment)
    }

    @Test func `an operator acts where it asks to, and a tenant in its own namespace alone`() throws {
        // R522 namespace=NAME … is the namespace in which an operator acts; without it an operator acts in default, never
        // in all.
        let admission = try admission(to: registry { $0.authMode = [.trusted] })
        let shop = WantedNamespace.named(Namespace("shop"))
        for purpose in [Purpose.lookUp, .history, .change, .heartbeat, .operating] {
            #expect(try admit(admission, Self.operatorToken, in: .own, for: purpose).namespace == Namespace("default"))
            #expect(try admit(admission, Self.operatorToken, in: shop, for: purpose).namespace == Namespace("shop"))
            guard purpose != .operating else { continue }
            #expect(try admit(admission, "shop", in: shop, for: purpose) == Principal(Namespace("shop"), by: .trusted))
            #expect(throws: AdmissionRefusal.otherNamespace) {
                try admit(admission, "tenant", in: shop, for: purpose)
            }
        }
        // Who may not ask at all learns nothing else.
        for wanted in [shop, .malformed("x")] {
            #expect(throws: AdmissionRefusal.unauthorized(.missing)) { try admit(admission, nil, in: wanted) }
        }
        #expect(throws: AdmissionRefusal.badNamespace("x")) { try admit(admission, "shop", in: .malformed("x")) }
        #expect(throws: AdmissionRefusal.operatorOnly) { try admit(admission, "shop", in: .own, for: .operating) }
    }

    @Test func `without modes there is one namespace, for operators too`() throws {
        // R523 … and without AUTH_MODE so is any but default.
        let admission = try admission(to: registry { _ in })
        for token in [Self.operatorToken, nil] {
            #expect(try admit(admission, token, in: .named(Namespace("default"))).namespace == Namespace("default"))
            #expect(throws: AdmissionRefusal.onlyDefault) {
                try admit(admission, token, in: .named(Namespace("shop")))
            }
        }
        #expect(throws: AdmissionRefusal.unauthorized(.operatorRequired)) {
            try admit(admission, nil, in: .own, for: .operating)
        }
    }

    @Test func `an operator is let in where a tenant has used up its allowance, and uses up nobody's`() throws {
        // R525 An operator's requests count in no namespace's allowance, only in the client's.
        let admission = try admission(
            to: registry {
                $0.authMode = [.trusted]
                $0.rateLimitNamespace = 1
            })
        let shop = WantedNamespace.named(Namespace("shop"))
        for _ in 0..<5 { _ = try admit(admission, Self.operatorToken, in: shop) }
        for _ in 0..<2 { _ = try admit(admission, "shop", in: .own) }
        #expect(throws: AdmissionRefusal.overAllowance(.namespace, retryAfter: 1)) {
            try admit(admission, "shop", in: .own)
        }
        _ = try admit(admission, Self.operatorToken, in: shop)
    }
}
