// Decides which client makes a request and in which namespace, from its Authorization header and its connection's
// certificate. One authorizer belongs to each event loop: it keeps a prepared key and a memory of tokens, and shares
// neither.

package import Catalog
import Configuration
package import HTTP
package import TLS

/// Turns credentials into principals. Confined to one event loop.
package final class Authorizer {
    /// In bytes. A head that fits has no longer token: what is longer is answered 431 before anything looks at it
    /// (R802).
    package static let maximumTokenLength = RequestLimits().head
    /// Where everything is when there are no namespaces.
    package static let defaultNamespace = Namespace("default")
    /// The principal of every client where no credential is required.
    private static let anybody = Principal(defaultNamespace, by: nil)

    private enum Scheme {
        case trusted
        case jwt(JWTScheme)
    }

    /// Those that judge a token, in order.
    private let schemes: [Scheme]
    /// How many of `schemes` are asked before the client's certificate is; nil when it is not asked for a namespace.
    private let schemesBeforeCertificate: Int?
    private let isOpen: Bool
    private let operators: OperatorCredentials
    /// The scheme by whose tokens operators are known; nil where there is none.
    private let schemeOfOperators: Scheme?
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
            case .jwt(let trust): schemes.append(.jwt(try JWTScheme(trust)))
            case .mtls: schemesBeforeCertificate = schemes.count
            }
        }
        self.schemes = schemes
        self.schemesBeforeCertificate = schemesBeforeCertificate
        isOpen = configuration.schemes.isEmpty
        operators = configuration.operators
        schemeOfOperators = schemes.first { if case .jwt(let scheme) = $0 { scheme.knowsOperators } else { false } }
        hasJWT = schemes.contains { if case .jwt = $0 { true } else { false } }
        self.cache = cache
    }

    /// Decides for one request. A token met before and still valid costs one look-up and no allocation.
    /// - Parameters:
    ///   - credential: the value of the one Authorization header without the white space around it; nil when there is
    ///   none.
    ///   - identity: what the client's certificate says; nil when there is none.
    ///   - now: seconds since 1970 by the wall clock.
    ///   - effort: how much work it may be; what would be more is refused as `unverified`.
    package func authorize(
        credential: ArraySlice<UInt8>?, identity: ClientIdentity? = nil, now: Int64, effort: TokenEffort = .any
    ) throws(AuthorizationRefusal) -> Principal {
        if operators.exist, let name = operators.name(in: identity) { return Self.anOperator(.mtls, subject: name) }
        if let schemesBeforeCertificate {
            if isOperator(credential) { return Self.anOperator() }
            let verdict = CertificateScheme.judge(identity)
            if case .notMine = verdict { return try authorizeWithoutCertificate(credential, identity, now, effort) }
            return try authorize(credential, before: schemesBeforeCertificate, otherwise: verdict, now, effort)
        }
        guard let credential else {
            guard isOpen else { throw .missing }
            return Self.anybody
        }
        return try authorize(token: BearerToken.parse(credential).get(), now, effort)
    }

    /// Whether a credential is an operator's, for pages that are open to others as well. What is no good credential is
    /// nobody's, and not refused.
    ///
    /// - Throws: `unverified` where it would be more work than it may be, and `unknownKey` where an issuer may have it.
    package func isOperator(
        credential: ArraySlice<UInt8>?, identity: ClientIdentity?, now: Int64, effort: TokenEffort = .any
    ) throws(AuthorizationRefusal) -> Bool {
        if operators.exist, operators.name(in: identity) != nil { return true }
        guard hasOperators, let credential, case .success(let token) = BearerToken.parse(credential) else {
            return false
        }
        if operators.accept(token) { return true }
        guard let schemeOfOperators else { return false }
        if let principal = cache.principal(of: token, now: now) { return principal.isOperator }
        do throws(AuthorizationRefusal) {
            guard let (principal, window) = try recognise(token, by: schemeOfOperators, now, effort) else {
                return false
            }
            cache.insert(token, principal, window)
            return principal.isOperator
        } catch {
            guard error == .unverified || error == .unknownKey else { return false }
            throw error
        }
    }

    /// Whether anybody can be an operator.
    package var hasOperators: Bool { operators.exist || schemeOfOperators != nil }

    private func isOperator(_ credential: ArraySlice<UInt8>?) -> Bool {
        guard operators.hasTokens, let credential, case .success(let token) = BearerToken.parse(credential) else {
            return false
        }
        return operators.accept(token)
    }

    /// An operator, who acts in `default` unless it asks for another namespace.
    private static func anOperator(_ scheme: Settings.AuthScheme? = nil, subject: String? = nil) -> Principal {
        Principal(defaultNamespace, by: scheme, subject: subject, isOperator: true)
    }

    /// The token schemes that come before the certificate's are asked; when none of them knows the token, or there is
    /// none, the certificate decides. The memory of tokens is not: it may know a token from another connection, by a
    /// scheme that here comes after the certificate.
    private func authorize(
        _ credential: ArraySlice<UInt8>?, before end: Int, otherwise certified: Verdict, _ now: Int64,
        _ effort: TokenEffort
    ) throws(AuthorizationRefusal) -> Principal {
        if end > 0, let credential {
            let token = try BearerToken.parse(credential).get()
            for scheme in schemes[..<end] {
                if let (principal, _) = try recognise(token, by: scheme, now, effort) { return principal }
            }
        }
        guard let (principal, _) = try certified.recognised() else { throw .noCertifiedNamespace }
        return principal
    }

    /// The certificate names nothing, so the token must.
    private func authorizeWithoutCertificate(
        _ credential: ArraySlice<UInt8>?, _ identity: ClientIdentity?, _ now: Int64, _ effort: TokenEffort
    ) throws(AuthorizationRefusal) -> Principal {
        guard !schemes.isEmpty else { throw identity == nil ? .noCertificate : .noCertifiedNamespace }
        guard let credential else { throw .missing }
        return try authorize(token: BearerToken.parse(credential).get(), now, effort)
    }

    private func authorize(
        token: ArraySlice<UInt8>, _ now: Int64, _ effort: TokenEffort
    ) throws(AuthorizationRefusal) -> Principal {
        guard !isOpen else {
            if operators.accept(token) { return Self.anOperator() }
            guard token.elementsEqual("default".utf8) else { throw .isolationNotConfigured }
            return Self.anybody
        }
        // What is remembered is none of the operators' own tokens: a heartbeat costs no digest.
        if let principal = cache.principal(of: token, now: now) { return principal }
        if operators.accept(token) { return Self.anOperator() }
        for scheme in schemes {
            guard let (principal, window) = try recognise(token, by: scheme, now, effort) else { continue }
            cache.insert(token, principal, window)
            return principal
        }
        throw .unknownForm
    }

    /// The principal of a token knows how long the token is good.
    private func recognise(
        _ token: ArraySlice<UInt8>, by scheme: Scheme, _ now: Int64, _ effort: TokenEffort
    ) throws(AuthorizationRefusal) -> (Principal, ValidityWindow)? {
        guard let (found, window) = try judge(token, by: scheme, now, effort).recognised() else { return nil }
        var principal = found
        if window.until < .max { principal.expires = window.until }
        return (principal, window)
    }

    private func judge(_ token: ArraySlice<UInt8>, by scheme: Scheme, _ now: Int64, _ effort: TokenEffort) -> Verdict {
        switch scheme {
        case .trusted: hasJWT && JWTAttempt.isOne(token) ? .notMine : TrustedScheme.judge(token)
        case .jwt(let scheme): scheme.judge(token, now: now, effort)
        }
    }
}
