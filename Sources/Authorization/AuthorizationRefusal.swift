// Every reason why a credential is not accepted, as one closed enum: a sentence made only of literals cannot give away a
// token or a secret. All are 401, but for two that say nothing of the credential.

/// Why a credential was not accepted.
package enum AuthorizationRefusal: Error, Equatable, Sendable, CaseIterable {
    case missing
    case notBearer
    case emptyToken
    case unknownForm
    case isolationNotConfigured
    case namespaceBlank
    case namespaceTooLong
    case namespaceNotUTF8
    case namespaceHasControlCharacters
    case malformedToken
    case longAndNoToken
    case malformedHeader
    case wrongAlgorithm
    case criticalExtension
    case malformedSignature
    case wrongSignature
    /// It is signed with a key that is not known.
    case unknownKey
    /// Whether it is good is not known, as long as the issuer's keys were never had: no 401.
    case noKeysYet
    /// It was not verified, since that takes more than a little effort (`TokenEffort`): no 401.
    case unverified
    case malformedClaims
    case wrongIssuer
    case wrongAudience
    case noNamespaceClaim
    case malformedTime
    case expired
    case notYetValid
    case noCertificate
    case noCertifiedNamespace
    case ambiguousCertificate
    case malformedCertifiedNamespace
    case operatorRequired

    /// A sentence without its full stop that says what to put right.
    package var sentence: String {
        switch self {
        case .missing: "the request needs the header Authorization: Bearer TOKEN"
        case .notBearer: "the Authorization header must have the form Bearer TOKEN"
        case .emptyToken: "the Authorization header has no token after Bearer"
        case .unknownForm: "the token does not have a form that this registry accepts (AUTH_MODE)"
        case .isolationNotConfigured:
            "this registry has no namespaces, so the only token that it accepts is default; set AUTH_MODE to isolate "
                + "namespaces"
        case .namespaceBlank: "the token's namespace must have a character that is not a space"
        case .namespaceTooLong: "the token's namespace must be at most \(NamespaceRule.maximumLength) bytes long"
        case .namespaceNotUTF8: "the token's namespace must be UTF-8"
        case .namespaceHasControlCharacters: "the token's namespace must not have control characters"
        case .malformedToken:
            "the token looks like a JSON Web Token but is not one: send its three parts, without padding, once after "
                + "Bearer"
        case .longAndNoToken:
            "the token is not a JSON Web Token, and is longer than the \(NamespaceRule.maximumLength) bytes of a "
                + "namespace"
        case .malformedHeader: "the token's header is not base64url of a JSON object without repeated keys"
        case .wrongAlgorithm: "the token's algorithm (alg) is none that this registry has a secret or a key for"
        case .criticalExtension: "the token has critical extensions (crit), and none is supported"
        case .malformedSignature: "the token's signature is not base64url"
        case .wrongSignature: "the token's signature does not match"
        case .unknownKey: "the token is signed with a key (kid, alg) that this registry does not have"
        case .noKeysYet: "this registry does not have its issuer's keys yet: ask again, or ask another member"
        case .unverified: "too many tokens wait to be verified: ask again, or ask another member"
        case .malformedClaims: "the token's claims are not base64url of a JSON object without repeated keys"
        case .wrongIssuer: "the token's issuer (iss) is not the one that this registry trusts (JWT_ISSUER)"
        case .wrongAudience: "the token is not for this registry: its audience (aud) does not have JWT_AUDIENCE"
        case .noNamespaceClaim:
            "the token's claim that names the namespace (JWT_NAMESPACE_CLAIM) must be a non-empty string"
        case .malformedTime: "the token's claims exp and nbf must be numbers"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .noCertificate: "the request needs a client certificate that names a namespace"
        case .noCertifiedNamespace:
            "the client certificate names no namespace: neither by a URI spiffe://…/ns/NAME nor by the subject's OU"
        case .ambiguousCertificate: "the client certificate names more than one namespace"
        case .malformedCertifiedNamespace:
            "the client certificate's namespace must be 1 to \(NamespaceRule.maximumLength) bytes of UTF-8 without control characters"
        case .operatorRequired: "this page needs an operator's credential: Authorization: Bearer TOKEN"
        }
    }
}
