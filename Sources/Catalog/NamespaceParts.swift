// Namespaces in parts: a store that is outside of this process may have some of them and lack others for a while, and
// whoever asks need not know which store that is, nor how it is cut up.

/// A set of the parts that namespaces are split into.
package struct NamespaceParts: Hashable, Sendable {
    /// Never changes: what is stored outside was laid out by it.
    package static let count = 16

    /// One bit for each part.
    package private(set) var bits: UInt16

    package init(bits: UInt16 = 0) { self.bits = bits }

    package static let none = NamespaceParts()
    package static let all = NamespaceParts(bits: .max)

    /// The part that has a namespace: the same for every member.
    package static func part(of namespace: Namespace) -> Int {
        Int(StableHash.of(namespace.name.utf8) & UInt64(count - 1))
    }

    package var isEmpty: Bool { bits == 0 }

    package mutating func insert(_ part: Int) { bits |= 1 << UInt16(part) }

    /// Whether a namespace is in one of the parts. It is hashed only where the answer depends on it.
    package func contains(_ namespace: Namespace) -> Bool {
        switch bits {
        case 0: false
        case .max: true
        default: bits & 1 << UInt16(Self.part(of: namespace)) != 0
        }
    }

    package static func | (left: NamespaceParts, right: NamespaceParts) -> NamespaceParts {
        NamespaceParts(bits: left.bits | right.bits)
    }
}
