// Numbers and texts in what Redis keeps for us. Functions in Redis read the fixed parts, so these are in network order; what
// is inside of a state is `StateCodec`'s.

import Catalog
import Text

extension [UInt8] {
    /// Appends the eight bytes of a number, the highest first.
    mutating func append(bigEndian word: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }

    mutating func append(_ version: Version) {
        append(bigEndian: version.time.bits)
        append(bigEndian: version.origin.bits)
    }
}

/// Reads bytes that a store has kept from front to back. Nothing is read past the end.
struct StoreBytes {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var remaining: Int { bytes.count - position }

    mutating func byte() throws(StateError) -> UInt8 {
        guard remaining > 0 else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    /// Eight bytes, the highest first.
    mutating func word() throws(StateError) -> UInt64 {
        guard remaining >= 8 else { throw .truncated }
        defer { position += 8 }
        return bytes[position..<position + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func version() throws(StateError) -> Version {
        let time = try word()
        return Version(time: HybridTime(bits: time), origin: MemberID(bits: try word()))
    }

    /// A count in base 128, the lowest digit first.
    mutating func count() throws(StateError) -> Int {
        var value = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            let byte = try byte()
            value |= Int(byte & 0x7F) << shift
            guard byte & 0x80 != 0 else { return value }
        }
        throw .value
    }

    /// Bytes after their count.
    mutating func counted() throws(StateError) -> ArraySlice<UInt8> {
        let count = try count()
        guard count <= remaining else { throw .truncated }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// A state after the count of its bytes; nil when it is of a kind that a newer release has.
    mutating func state(last: inout Namespace?) throws(StateError) -> Replicated? {
        let content = try counted()
        return try StateCodec.decode(bytes.span, in: content.startIndex..<content.endIndex, last: &last)
    }
}
