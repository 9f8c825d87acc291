// Names of services and namespaces are bytes to their owners, and ids are hashes of those bytes. Swift's String compares by canonical
// equivalence instead ("é" in one code point equals "é" in two), which would let one tenant's name reach another's. So names have a type.

import Glibc

/// A name compared, ordered and hashed by its UTF-8 bytes.
public struct Name: Hashable, Comparable, Sendable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    public static func == (left: Name, right: Name) -> Bool {
        left.withBytes { left in right.withBytes { right in left.count == right.count && order(left, right) == 0 } }
    }

    public static func < (left: Name, right: Name) -> Bool {
        left.withBytes { left in
            right.withBytes { right in
                let order = order(left, right)
                return order == 0 ? left.count < right.count : order < 0
            }
        }
    }

    /// Of the bytes too: canonically equivalent strings hash alike, and a word of twenty "é" has a million spellings, which would all
    /// meet in one bucket of a dictionary.
    public func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No UTF-8 has this byte, so what is hashed next cannot be taken for more of the name.
        hasher.combine(0xFF as UInt8)
    }

    /// How the first bytes, as many as both have, are ordered: below, at or above 0.
    private static func order(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int32 {
        guard let leftBase = left.baseAddress, let rightBase = right.baseAddress else { return 0 }
        return memcmp(leftBase, rightBase, min(left.count, right.count))
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
