// Names of services and namespaces are bytes to their owners, and ids are hashes of those bytes. Swift's String
// compares by canonical equivalence instead ("é" in one code point equals "é" in two), which would let one tenant's
// name reach another's. So names have a type.

/// A name compared, ordered and hashed by its UTF-8 bytes.
package struct Name: Hashable, Comparable, Sendable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package static func == (left: Name, right: Name) -> Bool {
        unsafe left.withBytes { left in unsafe right.withBytes { right in unsafe areEqual(left, right) } }
    }

    package static func < (left: Name, right: Name) -> Bool {
        unsafe left.withBytes { left in unsafe right.withBytes { right in unsafe left.lexicographicallyPrecedes(right) }
        }
    }

    /// Of the bytes too: canonically equivalent strings hash alike, and a word of twenty "é" has a million spellings,
    /// which would all meet in one bucket of a dictionary.
    package func hash(into hasher: inout Hasher) {
        unsafe withBytes { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No UTF-8 has this byte, so what is hashed next cannot be taken for more of the name.
        hasher.combine(0xFF as UInt8)
    }

    /// Eight bytes at a time, or four, or one: a namespace is compared with every heartbeat.
    private static func areEqual(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        let (left, right) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
        if left.count >= 8 { return unsafe areEqual(left, right, as: UInt64.self) }
        if left.count >= 4 { return unsafe areEqual(left, right, as: UInt32.self) }
        return unsafe areEqual(left, right, as: UInt8.self)
    }

    /// Compares word by word, the last one ending with the bytes though it overlaps the one before.
    private static func areEqual<Word: FixedWidthInteger & BitwiseCopyable>(
        _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer, as word: Word.Type
    ) -> Bool {
        let size = MemoryLayout<Word>.size
        var offset = 0
        while offset < left.count {
            let place = min(offset, left.count - size)
            if unsafe left.loadUnaligned(fromByteOffset: place, as: word)
                != right.loadUnaligned(fromByteOffset: place, as: word)
            {
                return false
            }
            offset += size
        }
        return true
    }

    /// Whether these are its bytes.
    func isSpelt(by bytes: Span<UInt8>) -> Bool {
        unsafe bytes.withUnsafeBufferPointer { other in unsafe withBytes { unsafe Self.areEqual($0, other) } }
    }

    private func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        unsafe text.utf8.withContiguousStorageIfAvailable(body) ?? Array(text.utf8).withUnsafeBufferPointer(body)
    }
}

/// A tenant. What is registered in one namespace does not exist in any other.
package struct Namespace: Hashable, Sendable {
    private let value: Name
    /// The name's hash, taken once: a namespace is looked up with every request and made once per credential.
    let hash: Int

    package var name: String { value.text }

    package init(_ name: String) {
        value = Name(name)
        hash = value.hashValue
    }

    /// Whether these are the bytes of its name.
    func isSpelt(by bytes: Span<UInt8>) -> Bool { value.isSpelt(by: bytes) }

    package static func == (left: Namespace, right: Namespace) -> Bool {
        left.hash == right.hash && left.value == right.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(hash)
    }
}
