// What a client shows to learn whether a list is still the one that it has (RFC 9110, section 8.8.3). A tag says two
// things: of which list of which namespace it is, and the digest of the instances that the list was made of. Both are
// the same on every member and after a restart, so a client may ask any member for what another one gave it; no tag of
// another list, or of other instances, is ever taken for a current one.

package import Catalog
import Text

/// The weak tag of a list: renewals change the bytes, but not which instances are listed.
package struct EntityTag: Equatable {
    /// How lists are rendered. To be raised when the same instances are shown in another way, so that members of two
    /// releases do not take each other's lists for their own.
    private static let rendering: UInt8 = 1

    /// Which list of which namespace.
    let scope: UInt64
    /// Of the instances that the list was made of, those of its service or namespace that it does not show included.
    let digest: UInt64

    init(scope: UInt64, digest: UInt64) {
        self.scope = scope
        self.digest = digest
    }

    /// Reads a tag as `field` spells it; nil for anything else.
    package init?(_ field: String) {
        let text = Array(field.utf8)[...]
        guard text.starts(with: "W/\"".utf8), text.last == UInt8(ascii: "\""),
            let tag = Self.parse(text.dropFirst(3).dropLast())
        else { return nil }
        self = tag
    }

    /// What distinguishes a list from all others, the same on every member.
    ///
    /// - Parameter key: the bytes of the request that ask for it.
    package static func scope(of resource: ListedResource, _ namespace: Namespace, _ key: ArraySlice<UInt8>) -> UInt64 {
        var hasher = StableHasher()
        hasher.combine(rendering)
        hasher.combine(resource.rawValue)
        hasher.combine(namespace)
        // A namespace has no such byte in it.
        hasher.combine(0 as UInt8)
        hasher.combine(key)
        return hasher.finalize()
    }

    /// The value of `ETag`: `W/"SCOPE-DIGEST"`, both in hexadecimal, the first of sixteen digits.
    var field: String { String(decoding: bytes, as: UTF8.self) }

    /// The same as bytes, as answers have it.
    var bytes: [UInt8] {
        [UInt8](room: 37) { output in
            for byte in "W/\"".utf8 { output.append(byte) }
            output.append(hexadecimal: scope, digits: 16)
            output.append(UInt8(ascii: "-"))
            output.append(hexadecimal: digest, digits: max(1, (UInt64.bitWidth - digest.leadingZeroBitCount + 3) / 4))
            output.append(UInt8(ascii: "\""))
        }
    }

    /// Whether a value of `If-None-Match` is `*`: any list will do that there is.
    package static func isAnything(_ field: ArraySlice<UInt8>) -> Bool { field.elementsEqual([UInt8(ascii: "*")]) }

    /// Whether a value of `If-None-Match` has this tag in its list, by the weak comparison (RFC 9110, section 13.1.2).
    /// What follows something that is no tag is not read.
    package func isNamed(in field: ArraySlice<UInt8>) -> Bool {
        var rest = field
        while true {
            rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ",") }
            if rest.starts(with: [UInt8(ascii: "W"), UInt8(ascii: "/")]) { rest = rest.dropFirst(2) }
            guard rest.first == UInt8(ascii: "\"") else { return false }
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { return false }
            if Self.parse(rest[..<end]) == self { return true }
            rest = rest[(end + 1)...]
            guard rest.isEmpty || rest.first == UInt8(ascii: ",") || rest.first == 0x20 || rest.first == 0x09 else {
                return false
            }
        }
    }

    /// A tag as `field` spells it, without the quotes.
    private static func parse(_ text: ArraySlice<UInt8>) -> EntityTag? {
        guard let scope = UInt64(lowercaseHexadecimal: text.prefix(16)), text.dropFirst(16).first == UInt8(ascii: "-"),
            let digest = UInt64(lowercaseHexadecimal: text.dropFirst(17))
        else { return nil }
        return EntityTag(scope: scope, digest: digest)
    }
}
