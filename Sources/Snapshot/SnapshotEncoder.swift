// Makes the bytes of a snapshot, a piece at a time, so that neither a file nor an answer ever lies in memory as a whole.

package import Catalog
import Gzip
import Text

/// The bytes of one snapshot in their order. A pure value.
package struct SnapshotEncoder: Sendable {
    private var number: UInt32 = 0
    private var latest = HybridTime.zero
    private var content: [UInt8] = []
    private var output: [UInt8] = []
    package private(set) var states: UInt64 = 0
    /// All that was given out.
    package private(set) var bytes = 0

    package init(_ head: SnapshotHead) {
        output = SnapshotFormat.mark
        output.append(half: SnapshotFormat.version)
        content.append(word: UInt64(bitPattern: head.began))
        content.append(word: head.member)
        content.append(counted: head.release)
        content.append(counted: head.name)
        close(.head)
    }

    /// Adds states that were read at one time, in nanoseconds since 1970.
    package mutating func append(_ states: [Replicated], read: Int64) {
        for state in states {
            if content.isEmpty { content.append(word: UInt64(bitPattern: read)) }
            StateCodec.append(state, to: &content)
            latest = max(latest, state.replica.latestStamp)
            self.states += 1
            if content.count >= SnapshotFormat.blockBytes { close(.data) }
        }
        if !content.isEmpty { close(.data) }
    }

    /// Ends the snapshot, at a time in nanoseconds since 1970.
    package mutating func end(at now: Int64) {
        content.append(word: UInt64(bitPattern: now))
        content.append(word: states)
        content.append(word: latest.bits)
        close(.end)
    }

    /// What is ready, which is given out once.
    package mutating func takeOutput() -> [UInt8] {
        defer { output.removeAll(keepingCapacity: true) }
        bytes += output.count
        return output
    }

    private mutating func close(_ kind: SnapshotFormat.Kind) {
        var head = [kind.rawValue]
        head.append(half: number)
        head.append(half: UInt32(content.count))
        let checksum = Checksum.crc32(content.span, after: Checksum.crc32(head.span))
        output += head
        output.append(half: checksum)
        output += content
        content.removeAll(keepingCapacity: true)
        number += 1
    }
}

/// Reads all that a store holds, a piece at a time, into the bytes of a snapshot.
package struct SnapshotReading: Sendable {
    /// States read at once, under one lock at most.
    package static let piece = 256

    private enum Place {
        case states(CopyCursor)
        case shelves(ShelfCursor)
        case done
    }

    private var place = Place.states(.start)
    package private(set) var encoder: SnapshotEncoder

    package init(_ head: SnapshotHead) { encoder = SnapshotEncoder(head) }

    package var isDone: Bool { if case .done = place { true } else { false } }

    /// The bytes of the next piece, empty only at the end.
    ///
    /// - Parameter wall: the machine's clock, in nanoseconds since 1970.
    package mutating func next(of store: Store, at moment: Moment, wall: Int64) -> [UInt8] {
        var output: [UInt8] = []
        while output.isEmpty {
            switch place {
            case .states(let cursor):
                let piece = store.copy(from: cursor, limit: Self.piece, at: moment)
                encoder.append(piece.items, read: wall)
                place = piece.next.map { .states($0) } ?? .shelves(.start)
            case .shelves(let cursor):
                let piece = store.copyShelves(from: cursor, limit: Self.piece, at: moment)
                encoder.append(piece.items, read: wall)
                guard let next = piece.next else {
                    encoder.end(at: wall)
                    place = .done
                    break
                }
                place = .shelves(next)
            case .done: return []
            }
            output = encoder.takeOutput()
        }
        return output
    }
}
