// A hash that is the same in every process, unlike Swift's: members compare digests made of it. Not for tables whose
// keys clients choose.

/// The same as `StableHash.of`, over bytes that come in parts.
package struct StableHasher {
    private var hash = StableHash.offset

    package init() {}

    package mutating func combine(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* StableHash.prime }
    package mutating func combine(_ bytes: ArraySlice<UInt8>) { for byte in bytes { combine(byte) } }
    package mutating func combine(_ namespace: Namespace) { for byte in namespace.name.utf8 { combine(byte) } }

    package func finalize() -> UInt64 { StableHash.mixed(hash) }
}

/// FNV-1a over bytes, and a finalizer that spreads every bit of a word over all others (MurmurHash3's fmix64).
package enum StableHash {
    fileprivate static let offset: UInt64 = 0xcbf2_9ce4_8422_2325
    fileprivate static let prime: UInt64 = 0x0000_0100_0000_01b3

    package static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash = offset
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* prime }
        return mixed(hash)
    }

    /// A word whose every bit depends on all bits of `word`.
    package static func mixed(_ word: UInt64) -> UInt64 {
        var word = word
        word = (word ^ word >> 33) &* 0xff51_afd7_ed55_8ccd
        word = (word ^ word >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return word ^ word >> 33
    }
}
