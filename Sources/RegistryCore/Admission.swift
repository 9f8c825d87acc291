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
    case overAllowance(RateLimits.Limit, retryAfter: Int)
    /// TLS is required.
    case insecure
    case unauthorized(AuthorizationRefusal)
    /// This member is leaving the cluster, and the others would not receive a change any more (R626).
    case leaving
    /// This member has not copied yet what the others have, and cannot know (R620–R622).
    case noCopyYet
}

/// Admits requests on one loop. Not Sendable: it caches credentials.
package final class Admission {
    private let registry: RegistryState
    /// Another one takes its place when secrets change, and remembers no token that the old ones let in.
    package var authorizer: Authorizer

    package init(to registry: RegistryState, _ authorizer: Authorizer) {
        self.registry = registry
        self.authorizer = authorizer
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
    package func admit(
        _ credential: ArraySlice<UInt8>?, _ identity: ClientIdentity?, for purpose: Purpose, at moment: Moment
    ) throws(AdmissionRefusal) -> Principal {
        let principal: Principal
        do throws(AuthorizationRefusal) {
            principal = try authorizer.authorize(
                credential: credential, identity: identity, now: moment.wall / 1_000_000_000)
        } catch {
            throw .unauthorized(error)
        }
        try admit(principal, for: purpose, at: moment.monotonic)
        return principal
    }

    /// The same for a principal that is known without a credential, as by the name that is asked for.
    package func admit(_ principal: Principal, for purpose: Purpose, at now: MonotonicTime) throws(AdmissionRefusal) {
        try registry.rateLimits.charge(namespace: principal.namespace, isHeartbeat: purpose == .heartbeat, at: now)
        if registry.lifecycle.isLeaving { throw .leaving }
        if purpose == .lookUp, !registry.cluster.hasCopy { throw .noCopyYet }
    }
}
