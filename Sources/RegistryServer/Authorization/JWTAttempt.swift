// What was meant as a JSON Web Token and is none: padded, cut short, sent with its prefix twice. Where tokens are signed it is refused,
// and never taken for a trusted namespace: that would let its sender in, and put a good token of somebody's into the access log.

import JSON
import Text

enum JWTAttempt {
    /// What `{"` begins with in base64url.
    private static let opening = "eyJ"
    /// What clients put before a token, in any letter case, as often as they like.
    private static let prefixes: [StaticString] = ["jwt.", "jwt ", "bearer ", "bearer."]

    /// Whether the token, behind any prefixes, white space and quotes, begins with `eyJ`, or holds a dot before which a JSON object stands
    /// in base64url, padded or in the plain alphabet though it may be.
    static func isOne(_ token: ArraySlice<UInt8>) -> Bool {
        let text = withoutPrefixes(token)
        if text.starts(with: opening.utf8) { return true }
        guard let dot = text.firstIndex(of: UInt8(ascii: ".")) else { return false }
        return spellsObject(text[..<dot])
    }

    private static func withoutPrefixes(_ token: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = token
        while true {
            let rest = text.drop { " \t\"'".utf8.contains($0) }
            let prefix = prefixes.first { rest.prefix($0.utf8CodeUnitCount).equalsIgnoringCase($0) }
            guard let prefix else { return rest }
            text = rest.dropFirst(prefix.utf8CodeUnitCount)
        }
    }

    private static func spellsObject(_ part: ArraySlice<UInt8>) -> Bool {
        guard let bytes = Base64.either.decode(loosely: part) else { return false }
        do throws(JSONError) {
            var reader = JSONReader(bytes)
            guard try reader.peekType() == .object else { return false }
            try reader.skipValue()
            try reader.finish()
            return true
        } catch {
            return false
        }
    }
}
