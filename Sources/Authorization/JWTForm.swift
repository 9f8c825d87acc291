// What a JSON Web Token looks like from outside. A token with this form belongs to the jwt scheme, which accepts or
// refuses it for good; so does what was meant to have it (`JWTAttempt`). Anything else is left to the next scheme, so a
// dotted name such as www.example.com may still be a trusted namespace.

import Text

/// The parts of a token that has the form of a JSON Web Token in compact serialization (RFC 7515, section 7.1): an
/// optional prefix `jwt.`, then three parts of the base64url alphabet with dots between them. The header and the claims
/// are not empty, and the header spells a `{` first. The signature may be empty: an unsecured token (`alg` none) has
/// the form, to be refused.
struct JWTForm {
    let header: ArraySlice<UInt8>
    let claims: ArraySlice<UInt8>
    let signature: ArraySlice<UInt8>
    /// Header and claims with the dot between them: what was signed.
    let signed: ArraySlice<UInt8>

    init?(_ token: ArraySlice<UInt8>) {
        let text = token.starts(with: "jwt.".utf8) ? token.dropFirst(4) : token
        let dot = UInt8(ascii: ".")
        guard let first = text.firstIndex(of: dot), let second = text[(first + 1)...].firstIndex(of: dot) else {
            return nil
        }
        header = text[..<first]
        claims = text[(first + 1)..<second]
        signature = text[(second + 1)...]
        signed = text[..<second]
        guard !claims.isEmpty, Self.spellsBrace(header) else { return nil }
        // The cost of an invalid token is its length, so this looks at nothing but the bytes.
        let letters = ByteSet.base64url
        for part in [header, claims, signature] {
            guard part.allSatisfy({ letters.contains($0) }) else { return nil }
        }
    }

    private static func spellsBrace(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.count >= 2, let high = Base64.url.value(of: text[text.startIndex]),
            let low = Base64.url.value(of: text[text.startIndex + 1])
        else { return false }
        return high << 2 | low >> 4 == UInt8(ascii: "{")
    }
}
