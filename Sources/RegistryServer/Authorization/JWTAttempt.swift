// What was meant as a JSON Web Token and is none: padded, cut short, sent with its prefix twice, behind other words. Where tokens are signed it is
// refused, and never taken for a trusted namespace: that would let its sender in, and put a good token of somebody's into the access log.

import JSON
import Text

enum JWTAttempt {
    /// What `{"` begins with in base64url.
    private static let opening = Array("eyJ".utf8)
    private static let dot = UInt8(ascii: ".")

    /// Whether `eyJ` stands in the token, at its beginning or behind what cannot be a part of base64url; or a dot before which a JSON object stands
    /// in base64url, padded or in the plain alphabet though it may be. Whatever stands before either does not count.
    static func isOne(_ token: ArraySlice<UInt8>) -> Bool {
        for index in token.indices {
            let isStart = index == token.startIndex || Base64.url.value(of: token[index - 1]) == nil
            if isStart, token[index...].starts(with: opening) { return true }
            if token[index] == dot, spellsObject(part(of: token, before: index)) { return true }
        }
        return false
    }

    /// What stands before a dot, as far back as it may be base64. Never longer than from one dot to the next.
    private static func part(of token: ArraySlice<UInt8>, before dot: Int) -> ArraySlice<UInt8> {
        let before = token[..<dot]
        let start = before.lastIndex { Base64.either.value(of: $0) == nil && $0 != UInt8(ascii: "=") }
        return before[(start.map { $0 + 1 } ?? before.startIndex)...]
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
