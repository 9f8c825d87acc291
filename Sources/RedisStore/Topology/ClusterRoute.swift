// What becomes of a command that a node of a cluster has not carried out. Redirections are followed a few times, and what
// is between two nodes is tried again after a while: keys of one slot move one by one, and a function of ours needs all.

package import RESP

/// Where a command goes next.
package enum ClusterRoute: Sendable, Equatable {
    /// To this node at once. `isAsking`: `ClusterRoute.asking` has to go just before it on the same connection.
    case send(StoreNode, isAsking: Bool)
    /// To the node of the shard, as the map has it then, after this time.
    case wait(Duration)
    /// It has been sent often enough: nothing was done.
    case fail

    package static let asking = RESPCommand("ASKING")

    /// A command is sent so often at most. With the pauses between them that is longer than a slot takes to move.
    static let mostTries = 16
    private static let shortestPause: Duration = .milliseconds(20)
    private static let longestPause: Duration = .milliseconds(500)

    /// Doubles with each try.
    static func pause(_ tries: Int) -> ClusterRoute {
        guard tries < mostTries else { return .fail }
        return .wait(min(longestPause, shortestPause * (1 << min(tries - 1, 8))))
    }

    /// A function has found one of its keys on another node, while the slot moves. There is no word for it, but a
    /// sentence, in which Redis and Valkey have this part in common.
    static func isBetweenNodes(_ fault: RESPFault) -> Bool { fault.sentence.contains("access a non local key") }
}

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
