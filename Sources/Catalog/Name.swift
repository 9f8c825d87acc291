// Names of services and namespaces are bytes to their owners, and ids are hashes of those bytes. Swift's String compares by canonical
// equivalence instead ("é" in one code point equals "é" in two), which would let one tenant's name reach another's. So names have a type.

/// A name compared and ordered by its UTF-8 bytes.
public struct Name: Hashable, Comparable, Sendable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    public static func == (left: Name, right: Name) -> Bool {
        // String's own comparison settles almost every case in one memcmp; only where it says yes may the bytes still differ.
        left.text == right.text && left.text.utf8.elementsEqual(right.text.utf8)
    }

    public static func < (left: Name, right: Name) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    /// Equal names have equal bytes, so they also hash alike.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(text)
    }
}

/// A tenant. What is registered in one namespace does not exist in any other.
public struct Namespace: Hashable, Sendable {
    private let value: Name

    public var name: String { value.text }

    public init(_ name: String) {
        value = Name(name)
    }
}
