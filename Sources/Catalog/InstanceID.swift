// The identity of an instance. The REST API's ids are sixteen hexadecimal digits of a hash and are kept as the number
// they spell, which takes no allocation; other protocols name their instances by any text.

import Text

/// What an instance is renewed, looked up and deregistered by, unique within its namespace.
package enum InstanceID: Hashable, Comparable, Sendable {
    /// Sixteen lower-case hexadecimal digits, the most significant first.
    case digest(UInt64)
    /// Invariant: not sixteen lower-case hexadecimal digits; `init` sees to it, so that every id has one form only.
    case text(Name)

    /// The id that these bytes spell, or nil when they are not UTF-8.
    package init?(_ bytes: ArraySlice<UInt8>) {
        if bytes.count == 16, let digest = UInt64(lowercaseHexadecimal: bytes) {
            self = .digest(digest)
        } else if let text = String(validating: bytes, as: UTF8.self) {
            self = .text(Name(text))
        } else {
            return nil
        }
    }

    /// The id as clients know it.
    package var description: String {
        switch self {
        case .digest(let digest): digest.hexadecimal
        case .text(let name): name.text
        }
    }

    /// The id's bytes.
    package var utf8: [UInt8] {
        switch self {
        case .digest(let digest): [UInt8](room: 16) { $0.append(hexadecimal: digest) }
        case .text(let name): Array(name.text.utf8)
        }
    }

    /// By the bytes of the text, whichever form the two have.
    package static func < (left: InstanceID, right: InstanceID) -> Bool {
        switch (left, right) {
        case (.digest(let left), .digest(let right)): left < right
        case (.text(let left), .text(let right)): left < right
        default: left.utf8.lexicographicallyPrecedes(right.utf8)
        }
    }
}
