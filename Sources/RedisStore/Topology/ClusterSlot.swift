// A cluster of Redis spreads keys over slots by a checksum of a part of their names, and moves slots between nodes as
// wholes. That all keys of a shard are in one slot is why a function can work on them.

/// The slot of a key, as every node works it out.
package enum ClusterSlot {
    /// How many there are.
    private static let count: UInt16 = 16_384
    private static let polynomial: UInt16 = 0x1021

    /// Of a key with something in braces that alone counts; of the first braces, if they are not empty.
    package static func slot(of key: String) -> Int {
        let bytes = Array(key.utf8)
        var tag = bytes[...]
        if let open = bytes.firstIndex(of: UInt8(ascii: "{")),
            let close = bytes[(open + 1)...].firstIndex(of: UInt8(ascii: "}")), close > open + 1
        {
            tag = bytes[(open + 1)..<close]
        }
        return Int(checksum(tag) % count)
    }

    /// CRC16 with the polynomial 0x1021, from 0, most significant bit first.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var checksum: UInt16 = 0
        for byte in bytes {
            checksum ^= UInt16(byte) << 8
            for _ in 0..<8 { checksum = checksum & 0x8000 == 0 ? checksum << 1 : checksum << 1 ^ polynomial }
        }
        return checksum
    }
}
