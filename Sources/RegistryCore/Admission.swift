// Whether a client may do what it asks, for every protocol, over HTTP or not: the client's allowance, TLS, the
// credential, the namespace's allowance, and whether this member can answer now. In that order, since each step is
// cheaper for an attacker to meet, and dearer to pass, than the one before.
//
//   client ──► enter: client's allowance, TLS ──► admit: credential ──► namespace's allowance ──► not leaving ──► has the others' copy ──► Principal
//                        │                                  │                    │                     │                    │
//                        └──────────────────────────────────┴────── AdmissionRefusal ──────────────────┴────────────────────┘

package import Authorization
package import Catalog
import Configuration
package import HTTP
import Replication
package import Time

/// Why a request is refused. Each protocol words it in its own way.
package enum AdmissionRefusal: Error, Sendable, Equatable {
    /// An allowance is used up; there is room again in this many seconds.
    case overAllowance(RateLimits.Limit, retryAfter: Int, of: RateQuota? = nil)
    /// TLS is required.
    case insecure
    case unauthorized(AuthorizationRefusal)
    /// The credential is good, and not an operator's.
    case operatorOnly
    /// The credential is good for a namespace other than the one that was asked for (R522).
    case otherNamespace
    /// There is no namespace but `default` (R506).
    case onlyDefault
    /// What was asked for is no namespace; the sentence says why.
    case badNamespace(String)
    /// This member is leaving the cluster, and the others would not receive a change any more (R626).
    case leaving
    /// This member has not copied yet what the others have, and cannot know (R620–R622).
    case noCopyYet
    /// A change, while the store that must have it takes none (docs/redis.md, D201).
    case storeAway
}

/// The namespace that a request asks for besides its credential.
package enum WantedNamespace: Sendable, Equatable {
    /// None: that of the credential.
    case own
    case named(Namespace)
    /// It has asked in a way that cannot be understood; the sentence says why.
    case malformed(String)
}

/// Admits requests on one loop. Not Sendable: it caches credentials.
package final class Admission {
    private let registry: RegistryState
    /// Another one takes its place when secrets change, and remembers no token that the old ones let in.
    package var authorizer: Authorizer
    /// Of namespaces that have asked since the quotas last changed, so that a request takes no lock for it.
    private var quotas: [Namespace: NamespaceQuota] = [:]
    private var generation: UInt64 = 0
    private static let mostQuotas = 8_192
    /// Nil where nobody asks how much namespaces do.
    private let rates: LoopRates?

    package init(to registry: RegistryState, _ authorizer: Authorizer) {
        self.registry = registry
        self.authorizer = authorizer
        rates = registry.rates.addLoop()
    }

    /// Whether a request for this may not come without TLS.
    package func needsTLS(for purpose: Purpose) -> Bool { registry.settings.requireHTTPS && purpose != .probe }

    /// The first step: charges the client, and looks at how it came.
    ///
    /// - Parameters:
    ///   - client: a numeric address; nil when it is unknown, and then not charged.
    ///   - isSecure: whether it came over TLS; of no matter where `needsTLS` is false.
    package func enter(
        _ client: @autoclosure () -> String?, for purpose: Purpose, isSecure: Bool, at now: MonotonicTime
    )
        throws(AdmissionRefusal)
    {
        guard purpose != .probe else { return }
        try registry.rateLimits.charge(client: client(), isHeartbeat: purpose == .heartbeat, at: now)
        if needsTLS(for: purpose), !isSecure { throw .insecure }
    }

    /// The second step, for what concerns a tenant: learns by a credential whose affair it is.
    ///
    /// - Parameters:
    ///   - credential: the value of an Authorization header, or what a protocol has in its place; nil when there is
    ///   none.
    ///   - identity: what the client's certificate says; nil when there is none.
    ///   - wanted: the namespace that it asks for. A tenant may ask for its own.
    ///   - effort: how much work the credential may be.
    package func admit(
        _ credential: ArraySlice<UInt8>?, _ identity: ClientIdentity?, in wanted: WantedNamespace = .own,
        for purpose: Purpose, effort: TokenEffort = .any, at moment: Moment
    ) throws(AdmissionRefusal) -> Principal {
        var principal: Principal
        do throws(AuthorizationRefusal) {
            principal = try authorizer.authorize(
                credential: credential, identity: identity, now: moment.wall / 1_000_000_000, effort: effort)
        } catch {
            throw .unauthorized(error)
        }
        if purpose == .operating, !principal.isOperator { throw refusal(of: principal) }
        switch wanted {
        case .own: break
        case .named(let namespace): principal = try self.principal(principal, in: namespace)
        case .malformed(let sentence): throw .badNamespace(sentence)
        }
        try admit(principal, for: purpose, at: moment.monotonic)
        return principal
    }

    /// Whether a client of a page that is open to others as well is an operator.
    ///
    /// - Parameter effort: how much work the credential may be.
    /// - Throws: `unverified` and `unknownKey`, which more effort or time may change.
    package func isOperator(
        _ credential: @autoclosure () -> ArraySlice<UInt8>?, _ identity: ClientIdentity?, effort: TokenEffort,
        at moment: Moment
    ) throws(AuthorizationRefusal) -> Bool {
        guard authorizer.hasOperators else { return false }
        return try authorizer.isOperator(
            credential: credential(), identity: identity, now: moment.wall / 1_000_000_000, effort: effort)
    }

    /// Why a principal may not do what is an operator's: one that has shown no credential may have one.
    private func refusal(of principal: Principal) -> AdmissionRefusal {
        registry.settings.authMode.isEmpty ? .unauthorized(.operatorRequired) : .operatorOnly
    }

    /// A principal that asks for a namespace by its name.
    private func principal(_ principal: Principal, in namespace: Namespace) throws(AdmissionRefusal) -> Principal {
        guard namespace != principal.namespace else { return principal }
        guard !registry.settings.authMode.isEmpty else { throw .onlyDefault }
        guard principal.isOperator else { throw .otherNamespace }
        return principal.acting(in: namespace)
    }

    /// The same for a principal that is known without a credential, as by the name that is asked for.
    package func admit(_ principal: Principal, for purpose: Purpose, at now: MonotonicTime) throws(AdmissionRefusal) {
        // An operator is let in when a tenant has used up its allowance, and uses up nobody's.
        if !principal.isOperator {
            let namespace = principal.namespace
            try registry.rateLimits.charge(
                namespace: namespace, quota(of: namespace), isHeartbeat: purpose == .heartbeat, at: now)
            rates?.count(namespace, isHeartbeat: purpose == .heartbeat, at: now)
        }
        if registry.lifecycle.isLeaving { throw .leaving }
        if purpose == .lookUp, !registry.cluster.hasCopy { throw .noCopyYet }
        if purpose == .change, registry.standing.refusesChanges(in: principal.namespace) { throw .storeAway }
    }

    /// What a namespace may have. Without quotas it costs an atomic load.
    private func quota(of namespace: Namespace) -> NamespaceQuota {
        let current = registry.quotas.generation
        guard current != 0 else { return .standard }
        if generation != current || quotas.count > Self.mostQuotas { (quotas, generation) = ([:], current) }
        if let known = quotas[namespace] { return known }
        let quota = registry.quotas.quota(of: namespace)
        quotas[namespace] = quota
        return quota
    }
}
