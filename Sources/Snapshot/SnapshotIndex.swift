// Where the blocks of a snapshot lie. It is found out before anything is taken in, since a file is taken as a whole or
// not at all; the blocks themselves can then be checked and read side by side.

package import Catalog
import Gzip
import Text

/// One block of states.
package struct SnapshotBlock: Sendable, Equatable {
    package let number: UInt32
    /// Of its content.
    package let offset: Int
    package let count: Int
    fileprivate let checksum: UInt32
}

/// The blocks of a file whose head and end are as they should be.
package struct SnapshotIndex: Sendable {
    package let head: SnapshotHead
    package let end: SnapshotEnd
    package let blocks: [SnapshotBlock]

    /// Reads the heads of all blocks.
    ///
    /// - Parameters:
    ///   - size: of the file, in bytes.
    ///   - read: gives so many bytes from an offset on; fewer are a file that has become shorter.
    package init(
        size: Int, read: (_ offset: Int, _ count: Int) throws(SnapshotFault) -> [UInt8]
    ) throws(SnapshotFault) {
        guard size > 0 else { throw .empty }
        let opening = try read(0, min(size, SnapshotFormat.openingBytes))
        guard opening.starts(with: SnapshotFormat.mark.prefix(opening.count)) else { throw .noSnapshot }
        guard opening.count == SnapshotFormat.openingBytes else { throw .cut }
        let format = opening.span.half(at: SnapshotFormat.mark.count)
        guard format == SnapshotFormat.version else { throw .format(format) }

        var offset = SnapshotFormat.openingBytes
        var number: UInt32 = 0
        var head: SnapshotHead?
        var blocks: [SnapshotBlock] = []
        while true {
            guard size - offset >= SnapshotFormat.blockHeadBytes else { throw .cut }
            let bytes = try read(offset, SnapshotFormat.blockHeadBytes)
            guard bytes.count == SnapshotFormat.blockHeadBytes else { throw .cut }
            let span = bytes.span
            let count = Int(span.half(at: 5))
            guard let kind = SnapshotFormat.Kind(rawValue: bytes[0]), span.half(at: 1) == number,
                count <= SnapshotFormat.longestContent, (kind == .head) == (number == 0)
            else { throw .damaged(block: number) }
            offset += SnapshotFormat.blockHeadBytes
            guard size - offset >= count else { throw .cut }
            let block = SnapshotBlock(number: number, offset: offset, count: count, checksum: span.half(at: 9))
            offset += count
            switch kind {
            case .head: head = try SnapshotHead(block.checked(try read(block.offset, count), kind), block)
            case .data: blocks.append(block)
            case .end:
                guard let head else { throw .damaged(block: number) }
                end = try SnapshotEnd(block.checked(try read(block.offset, count), kind), block)
                guard offset == size else { throw .trailing }
                self.head = head
                self.blocks = blocks
                return
            }
            number += 1
        }
    }
}

extension SnapshotBlock {
    /// The content, if it is what the checksum says.
    fileprivate func checked(_ content: [UInt8], _ kind: SnapshotFormat.Kind) throws(SnapshotFault) -> [UInt8] {
        guard content.count == count else { throw .cut }
        var head = [kind.rawValue]
        head.append(half: number)
        head.append(half: UInt32(count))
        guard Checksum.crc32(content.span, after: Checksum.crc32(head.span)) == checksum else {
            throw .damaged(block: number)
        }
        return content
    }

    /// Throws when these bytes are not its content.
    package func check(_ content: [UInt8]) throws(SnapshotFault) { _ = try checked(content, .data) }

    /// The states in the content of a block, which was checked, and when they were read, in nanoseconds since 1970. States of a
    /// kind that a newer release has are passed over; what is no state is counted.
    package static func states(in content: [UInt8]) -> (states: [Replicated], read: Int64, unusable: Int) {
        let span = content.span
        guard span.count >= 8 else { return ([], 0, 1) }
        let read = Int64(bitPattern: span.word(at: 0))
        var (states, unusable) = ([] as [Replicated], 0)
        states.reserveCapacity(SnapshotReading.piece)
        var last: Namespace?
        var place = 8
        while place < span.count {
            guard let field = span.counted(at: place) else { return (states, read, unusable + 1) }
            do throws(StateError) {
                if let state = try StateCodec.decode(span, in: field, last: &last) { states.append(state) }
            } catch { unusable += 1 }
            place = field.upperBound
        }
        return (states, read, unusable)
    }
}

extension Span<UInt8> {
    /// Where the bytes behind a count at an offset lie; nil when they are not all there.
    fileprivate func counted(at offset: Int) -> Range<Int>? {
        var (value, place) = (0, offset)
        for shift in stride(from: 0, to: 35, by: 7) {
            guard place < count else { return nil }
            let byte = Int(self[place])
            place += 1
            value |= (byte & 0x7F) << shift
            guard byte & 0x80 != 0 else { return value <= count - place ? place..<place + value : nil }
        }
        return nil
    }
}

extension SnapshotHead {
    private static let longestText = 4_096

    fileprivate init(_ content: [UInt8], _ block: SnapshotBlock) throws(SnapshotFault) {
        let span = content.span
        guard span.count >= 16, let release = span.counted(at: 16), let name = span.counted(at: release.upperBound),
            release.count <= Self.longestText, name.count <= Self.longestText
        else { throw .damaged(block: block.number) }
        self.init(
            began: Int64(bitPattern: span.word(at: 0)), member: span.word(at: 8),
            release: String(decoding: content[release], as: UTF8.self),
            name: String(decoding: content[name], as: UTF8.self))
    }
}

extension SnapshotEnd {
    fileprivate init(_ content: [UInt8], _ block: SnapshotBlock) throws(SnapshotFault) {
        let span = content.span
        guard span.count >= 24 else { throw .damaged(block: block.number) }
        self.init(
            ended: Int64(bitPattern: span.word(at: 0)), states: span.word(at: 8),
            latest: HybridTime(bits: span.word(at: 16)))
    }
}
