// Most bytes of a request are ordinary: they are looked at eight at a time, and one by one only where something may be
// among them. The tricks with bits are those of Sean Eron Anderson, "Bit Twiddling Hacks": "Determine if a word has a
// zero byte", and has a byte less, or more, than n.

/// Eight neighbouring bytes.
struct EightBytes: Equatable {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080

    /// The first byte lowest.
    private let bits: UInt64

    init(littleEndian bits: UInt64) {
        self.bits = UInt64(littleEndian: bits)
    }

    /// Which of the eight is the first to be `byte`, or nil.
    @inline(__always)
    func first(_ byte: UInt8) -> Int? {
        // Bytes behind the first may be marked wrongly, the first never.
        let marks = marks(byte)
        return marks == 0 ? nil : marks.trailingZeroBitCount / 8
    }

    /// Whether all are visible ASCII or spaces.
    @inline(__always)
    var areVisible: Bool { below(0x20) | above(0x7E) == 0 }

    /// The same with ASCII letters in lower case.
    @inline(__always)
    var lowercased: EightBytes {
        // Of each byte the low seven bits, with the highest bit set from "A" on, and from behind "Z" on.
        let low = bits & ~Self.tops
        let (fromA, behindZ) = (low &+ Self.ones &* (0x80 - 0x41), low &+ Self.ones &* (0x80 - 0x5B))
        let letters = (fromA & ~behindZ) & ~bits & Self.tops
        return EightBytes(littleEndian: UInt64(littleEndian: bits | letters >> 2))
    }

    /// Which of the eight is the first that may not stand in a request target, or means something there; nil where all
    /// are visible ASCII but `#`, `%` and `?`.
    @inline(__always)
    var firstTelling: Int? {
        let marks =
            below(0x21) | above(0x7E) | marks(UInt8(ascii: "#")) | marks(UInt8(ascii: "%")) | marks(UInt8(ascii: "?"))
        return marks == 0 ? nil : marks.trailingZeroBitCount / 8
    }

    /// Not 0 when one of them is `byte`.
    private func marks(_ byte: UInt8) -> UInt64 { zeros(bits ^ Self.ones &* UInt64(byte)) }

    /// Not 0 when a byte of `word` is.
    private func zeros(_ word: UInt64) -> UInt64 { (word &- Self.ones) & ~word & Self.tops }

    /// Not 0 when one of them is less than `limit`, 128 at most.
    private func below(_ limit: UInt8) -> UInt64 { (bits &- Self.ones &* UInt64(limit)) & ~bits & Self.tops }

    /// Not 0 when one of them is more than `limit`, 127 at most.
    private func above(_ limit: UInt8) -> UInt64 { ((bits &+ Self.ones &* UInt64(127 - limit)) | bits) & Self.tops }
}

extension Span<UInt8> {
    /// The eight bytes from `offset` on, all of which must be there.
    func eight(at offset: Int) -> EightBytes {
        unsafe EightBytes(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
