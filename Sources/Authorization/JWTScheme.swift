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
    /// Of tokens under the secrets, which many know, since whoever makes tenants' tokens has one: none of them makes an
    /// operator.
    private let secretRules: ClaimRules

    init(_ trust: TokenTrust) throws(CryptoError) {
        secrets = try (trust.secret?.all ?? []).map { key throws(CryptoError) in try HMACSHA256(key: key) }
        keys = if let set = trust.keys { try JWTKeys(set) } else { nil }
        areKeysFetched = trust.areKeysFetched
        rules = trust.rules
        secretRules = trust.rules.ofTenants
    }

    /// Whether a token can be an operator's.
    var knowsOperators: Bool { rules.operators != nil }

    func judge(_ token: ArraySlice<UInt8>, now: Int64, _ effort: TokenEffort = .any) -> Verdict {
        guard let form = JWTForm(token) else {
            guard JWTAttempt.isOne(token) else { return .notMine }
            return .refused(JWTAttempt.begins(within: token) ? .malformedToken : .longAndNoToken)
        }
        let signer: Signer
        do throws(AuthorizationRefusal) { signer = try self.signer(of: form, effort) } catch { return .refused(error) }
        guard let bytes = Base64.url.decode(unpadded: form.claims) else { return .refused(.malformedClaims) }
        switch JWTClaims.read(bytes, signer == .secret ? secretRules : rules) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let claims):
            guard now < claims.window.until else { return .refused(.expired) }
            guard now >= claims.window.from else { return .refused(.notYetValid) }
            let principal = Principal(
                Namespace(claims.namespace), by: .jwt, subject: claims.subject, isOperator: claims.isOperator)
            return .recognised(principal, claims.window)
        }
    }

    // MARK: - Header and signature

    /// By what a token is good.
    private enum Signer {
        case secret, key
    }

    /// Who has signed the token. Throws why nobody who is trusted has.
    private func signer(of form: JWTForm, _ effort: TokenEffort) throws(AuthorizationRefusal) -> Signer {
        guard form.header.count > Self.shortHeader else { return try shortSigner(of: form, effort) }
        guard keys?.isEmpty ?? false || form.header.count > Self.longestKeyedHeader else {
            guard effort == .any else { throw .unverified }
            return try shortSigner(of: form, effort)
        }
        guard let signature = Base64.url.decode(unpadded: form.signature) else { throw .malformedSignature }
        guard isSecretly(signature, form) else { throw .wrongSignature }
        guard let header = header(of: form) else { throw .malformedHeader }
        guard header.algorithm == .hs256 else { throw .wrongAlgorithm }
        guard !header.hasCriticalExtensions else { throw .criticalExtension }
        return .secret
    }

    private func header(of form: JWTForm) -> JWTHeader? {
        Base64.url.decode(unpadded: form.header).flatMap(JWTHeader.init)
    }

    private func isSecretly(_ signature: [UInt8], _ form: JWTForm) -> Bool {
        secrets.contains { $0.isValid(signature.span, for: form.signed.span) }
    }

    /// The header first.
    private func shortSigner(of form: JWTForm, _ effort: TokenEffort) throws(AuthorizationRefusal) -> Signer {
        guard let header = header(of: form) else { throw .malformedHeader }
        switch header.algorithm {
        case nil: throw .wrongAlgorithm
        case .hs256:
            guard !secrets.isEmpty else { throw .wrongAlgorithm }
            guard !header.hasCriticalExtensions else { throw .criticalExtension }
            guard let signature = Base64.url.decode(unpadded: form.signature) else { throw .malformedSignature }
            guard isSecretly(signature, form) else { throw .wrongSignature }
            return .secret
        case .signature(let algorithm):
            try verify(form, header, algorithm, effort)
            return .key
        }
    }

    /// Of a token that says it is signed with a private key.
    private func verify(
        _ form: JWTForm, _ header: JWTHeader, _ algorithm: SignatureAlgorithm, _ effort: TokenEffort
    ) throws(AuthorizationRefusal) {
        if keys?.isEmpty == true, !areKeysFetched { throw .wrongAlgorithm }
        guard !header.hasCriticalExtensions else { throw .criticalExtension }
        guard let signature = Base64.url.decode(unpadded: form.signature) else { throw .malformedSignature }
        guard let keys else { throw .noKeysYet }
        guard areKeysFetched || keys.hasAny(for: algorithm) else { throw .wrongAlgorithm }
        let candidates = keys.candidates(algorithm, id: header.keyID)
        guard !candidates.isEmpty else { throw .unknownKey }
        guard candidates.contains(where: { algorithm.fits(signature.count, $0.key) }) else { throw .wrongSignature }
        guard effort == .any else { throw .unverified }
        guard keys.isValid(signature, for: form.signed.span, by: algorithm, of: candidates) else {
            throw .wrongSignature
        }
    }
}
