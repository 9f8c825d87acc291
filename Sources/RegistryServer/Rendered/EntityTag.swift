// What a client shows to learn whether a list is still the one that it has (RFC 9110, section 8.8.3). A tag tells two things: of which list it is,
// mixed with a number that each boot makes up, and the namespace's revision that the list was made of. So no tag of another list, of another
// member or from before a restart is ever taken for a current one.

import Catalog
import Text

/// The weak tag of a list: renewals change the bytes, but not what the list says of who is there.
struct EntityTag: Equatable {
    /// Which list of which namespace, in this process.
    let scope: UInt64
    /// The namespace's revision before the list was made.
    let revision: UInt64

    /// - Parameters:
    ///   - list: a hash of the namespace and the list, by this process's seeds.
    ///   - nonce: a number that each boot makes up.
    init(list: UInt64, nonce: UInt64, revision: UInt64) {
        scope = StableHash.mixed(list ^ nonce)
        self.revision = revision
    }

    private init(scope: UInt64, revision: UInt64) {
        self.scope = scope
        self.revision = revision
    }

    /// The value of `ETag`: `W/"SCOPE-REVISION"`, both in hexadecimal, the first of sixteen digits.
    var field: String {
        let bytes = [UInt8](capacity: 37) { output in
            for byte in "W/\"".utf8 { output.append(byte) }
            output.append(hexadecimal: scope, digits: 16)
            output.append(UInt8(ascii: "-"))
            output.append(hexadecimal: revision, digits: max(1, (UInt64.bitWidth - revision.leadingZeroBitCount + 3) / 4))
            output.append(UInt8(ascii: "\""))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether a value of `If-None-Match` is `*`: any list will do that there is.
    static func isAnything(_ field: ArraySlice<UInt8>) -> Bool { field.elementsEqual([UInt8(ascii: "*")]) }

    /// Whether a value of `If-None-Match` has this tag in its list, by the weak comparison (RFC 9110, section 13.1.2). What follows something
    /// that is no tag is not read.
    func isNamed(in field: ArraySlice<UInt8>) -> Bool {
        var rest = field
        while true {
            rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ",") }
            if rest.starts(with: [UInt8(ascii: "W"), UInt8(ascii: "/")]) { rest = rest.dropFirst(2) }
            guard rest.first == UInt8(ascii: "\"") else { return false }
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { return false }
            if Self.parse(rest[..<end]) == self { return true }
            rest = rest[(end + 1)...]
            guard rest.isEmpty || rest.first == UInt8(ascii: ",") || rest.first == 0x20 || rest.first == 0x09 else { return false }
        }
    }

    /// A tag as `field` spells it, without the quotes.
    private static func parse(_ text: ArraySlice<UInt8>) -> EntityTag? {
        guard let scope = UInt64(lowercaseHexadecimal: text.prefix(16)), text.dropFirst(16).first == UInt8(ascii: "-"),
            let revision = UInt64(lowercaseHexadecimal: text.dropFirst(17))
        else { return nil }
        return EntityTag(scope: scope, revision: revision)
    }
}
