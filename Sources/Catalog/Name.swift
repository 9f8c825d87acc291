// Names of services and namespaces are bytes to their owners, and ids are hashes of those bytes. Swift's String compares by canonical
// equivalence instead ("é" in one code point equals "é" in two), which would let one tenant's name reach another's. So names have a type.

/// A name compared, ordered and hashed by its UTF-8 bytes.
public struct Name: Hashable, Comparable, Sendable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    public static func == (left: Name, right: Name) -> Bool {
        left.withBytes { left in right.withBytes { right in left.count == right.count && left.elementsEqual(right) } }
    }

    public static func < (left: Name, right: Name) -> Bool {
        left.withBytes { left in right.withBytes { right in left.lexicographicallyPrecedes(right) } }
    }

    /// Of the bytes too: canonically equivalent strings hash alike, and a word of twenty "é" has a million spellings, which would all
    /// meet in one bucket of a dictionary.
    public func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No UTF-8 has this byte, so what is hashed next cannot be taken for more of the name.
        hasher.combine(0xFF as UInt8)
    }

    private func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        text.utf8.withContiguousStorageIfAvailable(body) ?? Array(text.utf8).withUnsafeBufferPointer(body)
    }
}

/// A tenant. What is registered in one namespace does not exist in any other.
public struct Namespace: Hashable, Sendable {
    private let value: Name
    /// The name's hash, taken once: a namespace is looked up with every request and made once per credential.
    let hash: Int

    public var name: String { value.text }

    public init(_ name: String) {
        value = Name(name)
        hash = value.hashValue
    }

    public static func == (left: Namespace, right: Namespace) -> Bool { left.hash == right.hash && left.value == right.value }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(hash)
    }
}
