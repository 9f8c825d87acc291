// What was meant as a JSON Web Token and is none: padded, cut short, sent with its prefix twice, behind other words.
// Where tokens are signed it is refused, and never taken for a trusted namespace: that would let its sender in, and put
// a valid token of another client into the access log.

import JSON
import Text

enum JWTAttempt {
    /// What `{"` begins with in base64url.
    private static let opening = Array("eyJ".utf8)
    private static let dot = UInt8(ascii: ".")

    /// Whether `eyJ` stands in the token, at its beginning or behind what cannot be a part of base64url; or a dot
    /// before which a JSON object stands in base64url, padded or in the plain alphabet though it may be. Whatever
    /// stands before either does not count.
    static func isOne(_ token: ArraySlice<UInt8>) -> Bool {
        // Too long for a namespace, so that nothing else can be meant; and a longer search would cost an attacker
        // nothing and the registry a millisecond.
        guard token.count <= NamespaceRule.maximumLength else { return true }
        for index in token.indices {
            let isStart = index == token.startIndex || Base64.url.value(of: token[index - 1]) == nil
            if isStart, token[index...].starts(with: opening) { return true }
            if token[index] == dot, spellsObject(part(of: token, before: index)) { return true }
        }
        return false
    }

    /// Of one: whether it has to be distinguished from a token that is only too long. That is so of all that are short.
    static func begins(within token: ArraySlice<UInt8>) -> Bool {
        guard token.count > NamespaceRule.maximumLength else { return true }
        return token.indices.dropLast(2).contains {
            token[$0] == UInt8(ascii: "e") && token[$0 + 1] == UInt8(ascii: "y") && token[$0 + 2] == UInt8(ascii: "J")
        }
    }

    /// The text before a dot, as far back as it can be base64. Never longer than from one dot to the next.
    private static func part(of token: ArraySlice<UInt8>, before dot: Int) -> ArraySlice<UInt8> {
        let before = token[..<dot]
        let start = before.lastIndex { Base64.either.value(of: $0) == nil && $0 != UInt8(ascii: "=") }
        return before[(start.map { $0 + 1 } ?? before.startIndex)...]
    }

    /// Whether the first byte is a brace or white space: of most parts that are none nothing more is decoded.
    private static func mayBeginObject(_ part: ArraySlice<UInt8>) -> Bool {
        var letters = part.lazy.filter { $0 != UInt8(ascii: "=") }.makeIterator()
        guard let first = letters.next().flatMap(Base64.either.value),
            let second = letters.next().flatMap(Base64.either.value)
        else {
            return false
        }
        switch first << 2 | second >> 4 {
        case UInt8(ascii: "{"), 0x20, 0x09, 0x0A, 0x0D: return true
        default: return false
        }
    }

    private static func spellsObject(_ part: ArraySlice<UInt8>) -> Bool {
        guard mayBeginObject(part), let bytes = Base64.either.decode(loosely: part) else { return false }
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
