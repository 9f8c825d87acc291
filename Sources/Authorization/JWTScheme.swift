// `AUTH_MODE=jwt`: the namespace is a claim of a JSON Web Token (RFC 7519) that is signed (RFC 7515, RFC 7518). The keys
// are fixed here, and each knows what it signs: the header may only agree with them. Nothing of the claims is read
// before the signature has been checked.

import Catalog
import Configuration
import TLS
import Text

/// How much work a token may be.
package enum TokenEffort: Sendable {
    /// What takes a few microseconds: a signature of HS256, but none of a public key.
    case little
    case any
}

/// Verifies tokens under the secrets and keys in force. Confined to one event loop, as the prepared keys are.
final class JWTScheme {
    /// Up to so many letters of base64url a header is read before the signature is checked, so that the sentence can
    /// blame it. A longer one may have hundreds of members, and costs an attacker nothing.
    private static let shortHeader = 1_024
    /// Up to so many it may name a public key, since the reading is cheap beside the verification then.
    private static let longestKeyedHeader = 8_192

    private let secrets: [HMACSHA256]
    /// Nil until the issuer's were had once.
    private let keys: JWTKeys?
    private let areKeysFetched: Bool
    private let rules: ClaimRules

    init(_ trust: TokenTrust) throws(CryptoError) {
        secrets = try (trust.secret?.all ?? []).map { key throws(CryptoError) in try HMACSHA256(key: key) }
        keys = if let set = trust.keys { try JWTKeys(set) } else { nil }
        areKeysFetched = trust.areKeysFetched
        rules = trust.rules
    }

    func judge(_ token: ArraySlice<UInt8>, now: Int64, _ effort: TokenEffort = .any) -> Verdict {
        guard let form = JWTForm(token) else {
            guard JWTAttempt.isOne(token) else { return .notMine }
            return .refused(JWTAttempt.begins(within: token) ? .malformedToken : .longAndNoToken)
        }
        if let refusal = refusal(of: form, effort) { return .refused(refusal) }
        guard let bytes = Base64.url.decode(unpadded: form.claims) else { return .refused(.malformedClaims) }
        switch JWTClaims.read(bytes, rules) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let claims):
            guard now < claims.window.until else { return .refused(.expired) }
            guard now >= claims.window.from else { return .refused(.notYetValid) }
            return .recognised(Principal(Namespace(claims.namespace), by: .jwt, subject: claims.subject), claims.window)
        }
    }

    // MARK: - Header and signature

    /// Why nobody who is trusted has signed the token; nil when somebody has.
    private func refusal(of form: JWTForm, _ effort: TokenEffort) -> AuthorizationRefusal? {
        guard form.header.count > Self.shortHeader else { return shortRefusal(of: form, effort) }
        guard keys?.isEmpty ?? false || form.header.count > Self.longestKeyedHeader else {
            return effort == .little ? .unverified : shortRefusal(of: form, effort)
        }
        guard let signature = Base64.url.decode(unpadded: form.signature) else { return .malformedSignature }
        guard isSecretly(signature, form) else { return .wrongSignature }
        guard let header = header(of: form) else { return .malformedHeader }
        guard header.algorithm == .hs256 else { return .wrongAlgorithm }
        return header.hasCriticalExtensions ? .criticalExtension : nil
    }

    private func header(of form: JWTForm) -> JWTHeader? {
        Base64.url.decode(unpadded: form.header).flatMap(JWTHeader.init)
    }

    private func isSecretly(_ signature: [UInt8], _ form: JWTForm) -> Bool {
        secrets.contains { $0.isValid(signature.span, for: form.signed.span) }
    }

    /// The header first.
    private func shortRefusal(of form: JWTForm, _ effort: TokenEffort) -> AuthorizationRefusal? {
        guard let header = header(of: form) else { return .malformedHeader }
        switch header.algorithm {
        case nil: return .wrongAlgorithm
        case .hs256:
            guard !secrets.isEmpty else { return .wrongAlgorithm }
            guard !header.hasCriticalExtensions else { return .criticalExtension }
            guard let signature = Base64.url.decode(unpadded: form.signature) else { return .malformedSignature }
            return isSecretly(signature, form) ? nil : .wrongSignature
        case .signature(let algorithm): return refusal(of: form, header, algorithm, effort)
        }
    }

    /// Of a token that says it is signed with a private key.
    private func refusal(
        of form: JWTForm, _ header: JWTHeader, _ algorithm: SignatureAlgorithm, _ effort: TokenEffort
    ) -> AuthorizationRefusal? {
        if keys?.isEmpty == true, !areKeysFetched { return .wrongAlgorithm }
        guard !header.hasCriticalExtensions else { return .criticalExtension }
        guard let signature = Base64.url.decode(unpadded: form.signature) else { return .malformedSignature }
        guard let keys else { return .noKeysYet }
        guard areKeysFetched || keys.hasAny(for: algorithm) else { return .wrongAlgorithm }
        let candidates = keys.candidates(algorithm, id: header.keyID)
        guard !candidates.isEmpty else { return .unknownKey }
        guard candidates.contains(where: { algorithm.fits(signature.count, $0.key) }) else { return .wrongSignature }
        guard effort == .any else { return .unverified }
        return keys.isValid(signature, for: form.signed.span, by: algorithm, of: candidates) ? nil : .wrongSignature
    }
}
