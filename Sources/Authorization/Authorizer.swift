// Decides which namespace a request acts in, from its Authorization header and its connection's certificate. One authorizer belongs to each event loop: it keeps a
// prepared key and a memory of tokens, and shares neither.

import Catalog
import HTTP
import TLS

/// What authorization says of a request.
package enum Authorization: Equatable, Sendable {
    /// The request acts in this namespace.
    case namespace(Namespace)
    /// The request is answered 401.
    case refused(AuthorizationRefusal)
}

/// Turns credentials into namespaces. Confined to one event loop.
package final class Authorizer {
    /// In bytes. A head that fits has no longer token: what is longer is answered 431 before anything looks at it (R802).
    package static let maximumTokenLength = RequestLimits().head
    /// Where everything is when there are no namespaces.
    package static let defaultNamespace = Namespace("default")

    private enum Scheme {
        case trusted
        case jwt(JWTScheme)
    }

    /// Those that judge a token, in order.
    private let schemes: [Scheme]
    /// How many of `schemes` are asked before the client's certificate is; nil when it is not asked for a namespace.
    private let schemesBeforeCertificate: Int?
    private let isOpen: Bool
    /// Whether tokens are signed; what looks like such a token is then no trusted namespace (R517).
    private let hasJWT: Bool
    private(set) var cache: TokenCache

    /// Fails only when OpenSSL does.
    package convenience init(_ configuration: AuthorizationConfiguration) throws(CryptoError) {
        try self.init(configuration, cache: TokenCache())
    }

    init(_ configuration: AuthorizationConfiguration, cache: TokenCache) throws(CryptoError) {
        var schemes: [Scheme] = []
        var schemesBeforeCertificate: Int?
        for scheme in configuration.schemes {
            switch scheme {
            case .trusted: schemes.append(.trusted)
            case .jwt(let secret): schemes.append(.jwt(try JWTScheme(secret)))
            case .mtls: schemesBeforeCertificate = schemes.count
            }
        }
        self.schemes = schemes
        self.schemesBeforeCertificate = schemesBeforeCertificate
        isOpen = configuration.schemes.isEmpty
        hasJWT = schemes.contains { if case .jwt = $0 { true } else { false } }
        self.cache = cache
    }

    /// Decides for one request. A token met before and still valid costs one look-up and no allocation.
    /// - Parameters:
    ///   - credential: the value of the one Authorization header without the white space around it; nil when there is none.
    ///   - identity: what the client's certificate says; nil when there is none.
    ///   - now: seconds since 1970 by the wall clock.
    package func authorize(credential: ArraySlice<UInt8>?, identity: ClientIdentity? = nil, now: Int64) -> Authorization {
        if let schemesBeforeCertificate {
            switch CertificateScheme.judge(identity) {
            case .notMine: return authorizeWithoutCertificate(credential, identity, now)
            case .refused(let refusal): return authorize(credential, before: schemesBeforeCertificate, otherwise: .refused(refusal), now)
            case .recognised(let namespace, _):
                return authorize(credential, before: schemesBeforeCertificate, otherwise: .namespace(namespace), now)
            }
        }
        guard let credential else { return isOpen ? .namespace(Self.defaultNamespace) : .refused(.missing) }
        return authorize(credential: credential, now)
    }

    /// The token schemes that come before the certificate's are asked; when none of them knows the token, or there is none, the certificate decides.
    /// The memory of tokens is not: it may know a token from another connection, by a scheme that here comes after the certificate.
    private func authorize(
        _ credential: ArraySlice<UInt8>?, before end: Int, otherwise certified: Authorization, _ now: Int64
    ) -> Authorization {
        guard end > 0, let credential else { return certified }
        switch BearerToken.parse(credential) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let token):
            for scheme in schemes[..<end] {
                switch judge(token, by: scheme, now: now) {
                case .notMine: continue
                case .refused(let refusal): return .refused(refusal)
                case .recognised(let namespace, _): return .namespace(namespace)
                }
            }
            return certified
        }
    }

    /// The certificate names nothing, so the token must.
    private func authorizeWithoutCertificate(
        _ credential: ArraySlice<UInt8>?, _ identity: ClientIdentity?, _ now: Int64
    ) -> Authorization {
        guard !schemes.isEmpty else { return .refused(identity == nil ? .noCertificate : .noCertifiedNamespace) }
        guard let credential else { return .refused(.missing) }
        return authorize(credential: credential, now)
    }

    private func authorize(credential: ArraySlice<UInt8>, _ now: Int64) -> Authorization {
        switch BearerToken.parse(credential) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let token): return authorize(token: token, now: now)
        }
    }

    private func authorize(token: ArraySlice<UInt8>, now: Int64) -> Authorization {
        guard !isOpen else {
            let isDefault = token.elementsEqual("default".utf8)
            return isDefault ? .namespace(Self.defaultNamespace) : .refused(.isolationNotConfigured)
        }
        if let namespace = cache.namespace(of: token, now: now) { return .namespace(namespace) }
        for scheme in schemes {
            switch judge(token, by: scheme, now: now) {
            case .notMine: continue
            case .refused(let refusal): return .refused(refusal)
            case .recognised(let namespace, let window):
                cache.insert(token, namespace, window)
                return .namespace(namespace)
            }
        }
        return .refused(.unknownForm)
    }

    private func judge(_ token: ArraySlice<UInt8>, by scheme: Scheme, now: Int64) -> Verdict {
        switch scheme {
        case .trusted: hasJWT && JWTAttempt.isOne(token) ? .notMine : TrustedScheme.judge(token)
        case .jwt(let scheme): scheme.judge(token, now: now)
        }
    }
}
