// Numbers and text as bytes, the same way for every frame: little-endian words, variable-length counts, and text after
// its count.

import Text

/// Appends to an array of bytes.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    /// Little-endian, all bytes of its type.
    mutating func word<Word: FixedWidthInteger>(_ value: Word) {
        for index in 0..<MemoryLayout<Word>.size {
            bytes.append(UInt8(truncatingIfNeeded: value >> Word(truncatingIfNeeded: 8 * index)))
        }
    }

    /// Seven bits a byte, the lowest first (LEB128): counts are mostly small.
    mutating func count(_ value: Int) {
        bytes.append(count: max(0, value))
    }

    /// Has somebody append who knows bytes of its own.
    mutating func append(_ body: (inout [UInt8]) -> Void) { body(&bytes) }

    mutating func raw(_ value: some Collection<UInt8>) {
        bytes.append(contentsOf: value)
    }

    /// A count and so many bytes.
    mutating func block(_ value: some Collection<UInt8>) {
        count(value.count)
        raw(value)
    }

    mutating func text(_ value: String) {
        block(value.utf8)
    }

    /// Takes back what was written last.
    mutating func removeLast(_ count: Int) {
        bytes.removeLast(count)
    }

    /// Overwrites a word that was written at this place before.
    mutating func patch(_ value: UInt32, at place: Int) {
        for byte in 0..<4 { bytes[place + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) }
    }
}
