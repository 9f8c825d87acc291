// Decides which namespace a request acts in, from its Authorization header alone. One authorizer belongs to each event loop: it keeps a
// prepared key and a memory of tokens, and shares neither.

import Catalog
import TLS

/// What authorization says of a request.
public enum Authorization: Equatable, Sendable {
    /// The request acts in this namespace.
    case namespace(Namespace)
    /// The request is answered 401.
    case refused(AuthorizationRefusal)
}

/// Turns credentials into namespaces. Confined to one event loop.
public final class Authorizer {
    /// In bytes. A longer token is refused before anything looks at it.
    public static let maximumTokenLength = 8 * 1_024
    /// Where everything is when there are no namespaces.
    public static let defaultNamespace = Namespace("default")

    private enum Scheme {
        case trusted
        case jwt(JWTScheme)
    }

    private let schemes: [Scheme]
    private var cache: TokenCache

    /// Fails only when OpenSSL does.
    public convenience init(_ configuration: AuthorizationConfiguration) throws(CryptoError) {
        try self.init(configuration, cache: TokenCache())
    }

    init(_ configuration: AuthorizationConfiguration, cache: TokenCache) throws(CryptoError) {
        var schemes: [Scheme] = []
        for scheme in configuration.schemes {
            switch scheme {
            case .trusted: schemes.append(.trusted)
            case .jwt(let secret): schemes.append(.jwt(try JWTScheme(secret)))
            }
        }
        self.schemes = schemes
        self.cache = cache
    }

    /// The tokens remembered.
    var rememberedCount: Int { cache.count }

    /// Decides for one request. A token met before and still valid costs one look-up and no allocation.
    /// - Parameters:
    ///   - credential: the value of the one Authorization header without the white space around it; nil when there is none.
    ///   - now: seconds since 1970 by the wall clock.
    public func authorize(credential: ArraySlice<UInt8>?, now: Int64) -> Authorization {
        guard let credential else { return schemes.isEmpty ? .namespace(Self.defaultNamespace) : .refused(.missing) }
        switch BearerToken.parse(credential) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let token): return authorize(token: token, now: now)
        }
    }

    private func authorize(token: ArraySlice<UInt8>, now: Int64) -> Authorization {
        guard token.count <= Self.maximumTokenLength else { return .refused(.tokenTooLong) }
        guard !schemes.isEmpty else {
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
        case .trusted: TrustedScheme.judge(token)
        case .jwt(let scheme): scheme.judge(token, now: now)
        }
    }
}
