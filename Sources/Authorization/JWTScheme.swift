// `AUTH_MODE=jwt`: the namespace is a claim of a JSON Web Token (RFC 7519) signed with HS256 (RFC 7515, RFC 7518). The
// algorithm is fixed here: the header may only agree with it, never choose it. Nothing of the claims is read before the
// signature has been checked.

import Catalog
import Configuration
import TLS
import Text

/// Verifies tokens under the secrets in force. Confined to one event loop, as the prepared keys are.
final class JWTScheme {
    /// Up to so many letters of base64url a header is read before the signature is checked, so that the sentence can
    /// blame it. A longer one may have hundreds of members, and costs an attacker nothing.
    private static let shortHeader = 1_024

    private let keys: [HMACSHA256]

    init(_ secret: Secret) throws(CryptoError) {
        keys = try secret.all.map { key throws(CryptoError) in try HMACSHA256(key: key) }
    }

    func judge(_ token: ArraySlice<UInt8>, now: Int64) -> Verdict {
        guard let form = JWTForm(token) else {
            guard JWTAttempt.isOne(token) else { return .notMine }
            return .refused(JWTAttempt.begins(within: token) ? .malformedToken : .longAndNoToken)
        }
        let isShort = form.header.count <= Self.shortHeader
        if isShort, let refusal = refusal(of: form.header) { return .refused(refusal) }
        guard let signature = Base64.url.decode(unpadded: form.signature) else { return .refused(.malformedSignature) }
        guard keys.contains(where: { $0.isValid(signature.span, for: form.signed.span) }) else {
            return .refused(.wrongSignature)
        }
        if !isShort, let refusal = refusal(of: form.header) { return .refused(refusal) }
        guard let bytes = Base64.url.decode(unpadded: form.claims) else { return .refused(.malformedClaims) }
        switch JWTClaims.read(bytes) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let claims):
            guard now < claims.window.until else { return .refused(.expired) }
            guard now >= claims.window.from else { return .refused(.notYetValid) }
            return .recognised(Principal(Namespace(claims.namespace), by: .jwt, subject: claims.subject), claims.window)
        }
    }

    private func refusal(of text: ArraySlice<UInt8>) -> AuthorizationRefusal? {
        guard let header = Base64.url.decode(unpadded: text).flatMap(JWTHeader.init) else { return .malformedHeader }
        guard header.isHS256 else { return .wrongAlgorithm }
        return header.hasCriticalExtensions ? .criticalExtension : nil
    }
}
