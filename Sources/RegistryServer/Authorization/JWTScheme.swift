// `AUTH_MODE=jwt`: the namespace is a claim of a JSON Web Token (RFC 7519) signed with HS256 (RFC 7515, RFC 7518). The algorithm is fixed
// here: the header may only agree with it, never choose it. Nothing of the claims is read before the signature has been checked.

import Catalog
import TLS
import Text

/// Verifies tokens under one secret. Confined to one event loop, as the prepared key is.
final class JWTScheme {
    private let key: HMACSHA256

    init(_ secret: Secret) throws(CryptoError) { key = try HMACSHA256(key: secret.bytes) }

    func judge(_ token: ArraySlice<UInt8>, now: Int64) -> Verdict {
        guard let form = JWTForm(token) else { return JWTAttempt.isOne(token) ? .refused(.malformedToken) : .notMine }
        guard let header = Base64.url.decode(unpadded: form.header).flatMap(JWTHeader.init) else { return .refused(.malformedHeader) }
        guard header.isHS256 else { return .refused(.wrongAlgorithm) }
        guard !header.hasCriticalExtensions else { return .refused(.criticalExtension) }
        guard let signature = Base64.url.decode(unpadded: form.signature) else { return .refused(.malformedSignature) }
        guard key.isValid(signature.span, for: form.signed.span) else { return .refused(.wrongSignature) }
        guard let bytes = Base64.url.decode(unpadded: form.claims) else { return .refused(.malformedClaims) }
        switch JWTClaims.read(bytes) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let claims):
            guard now < claims.window.until else { return .refused(.expired) }
            guard now >= claims.window.from else { return .refused(.notYetValid) }
            return .recognised(Namespace(claims.namespace), claims.window)
        }
    }
}
