// What a registry holds as a file, so that a start finds it again. Only this room knows the bytes; docs/snapshot.md says
// what may be relied on.
//
//     file     mark, format u32, head, data …, end                       numbers: the lowest byte first
//     block    kind u8, number u32, count u32, checksum u32, content     number: from 0 on; count: of the content's bytes
//       1 head   began i64, member u64, release: text, name: text        text: count in base 128, UTF-8
//       2 data   read i64, states as `StateCodec` writes them            times: nanoseconds since 1970 by the machine's clock
//       3 end    ended i64, states u64, latest u64                       latest: no stamp in the file is later
//
// The checksum is zlib's CRC-32 of the first three numbers and the content: so a block that is cut, changed, lost or out
// of its place is found, and so is a file without its end. A file that somebody made on purpose is not what it is
// against: whoever can write the file can write anything. What is behind the fields of a head or an end is passed over,
// as are states that are not known: a newer release of one format may add to them.

package import Catalog
import Gzip
import Text

/// Why a file is not taken.
package enum SnapshotFault: Error, Sendable, Equatable {
    /// It has nothing at all.
    case empty
    /// It does not begin as a snapshot does.
    case noSnapshot
    /// Another release has written it in a form that this one does not know.
    case format(UInt32)
    /// It ends in the middle.
    case cut
    /// A block is not what its checksum says.
    case damaged(block: UInt32)
    /// Something comes after its end.
    case trailing
    case unreadable(String)
}

extension SnapshotFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .empty: "the file is empty"
        case .noSnapshot: "the file is no snapshot: it does not begin as one"
        case .format(let format):
            "the file has format \(format), and this release reads format \(SnapshotFormat.version)"
        case .cut: "the file is cut: its end is missing"
        case .damaged(let block): "the file is damaged: block \(block) is not what its checksum says"
        case .trailing: "the file is damaged: something comes after its end"
        case .unreadable(let reason): "the file cannot be read: \(reason)"
        }
    }
}

package enum SnapshotFormat {
    /// A transfer as text would change the line ends in it.
    static let mark: [UInt8] = Array("a8-snapshot".utf8) + [0x0D, 0x0A, 0x1A, 0x0A, 0x00]
    package static let version: UInt32 = 1
    static let openingBytes = 20
    static let blockHeadBytes = 13
    /// The content of a data block ends with the state that brings it to this.
    static let blockBytes = 64 << 10
    /// A longer content is no registry's: the largest state is some 400 kB.
    static let longestContent = 1 << 20

    enum Kind: UInt8 {
        case head = 1
        case data = 2
        case end = 3
    }
}

/// Who has written a file, and when it was begun.
package struct SnapshotHead: Sendable, Equatable {
    /// Nanoseconds since 1970.
    package var began: Int64
    /// The run of the process.
    package var member: UInt64
    package var release: String
    /// Empty where the member has none.
    package var name: String

    package init(began: Int64, member: UInt64, release: String, name: String) {
        self.began = began
        self.member = member
        self.release = release
        self.name = name
    }
}

/// What the end of a file says of the whole.
package struct SnapshotEnd: Sendable, Equatable {
    /// Nanoseconds since 1970.
    package var ended: Int64
    package var states: UInt64
    /// No stamp in the file is later.
    package var latest: HybridTime
}

extension [UInt8] {
    mutating func append(half number: UInt32) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
}

extension Span<UInt8> {
    func half(at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(self[offset + $1]) << UInt32(8 * $1) }
    }
}
