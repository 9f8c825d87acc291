// Reads a message of a client (RFC 1035, section 4.1, and RFC 6891). It reads strictly: a message is a whole query and
// nothing behind it, or an error. Nothing is copied and nothing is followed, so a message costs one pass over its bytes
// whatever it says.

import Text

/// What a client says by EDNS.
package struct ClientEDNS: Sendable, Equatable {
    /// The longest answer that it takes by UDP, in bytes.
    package var size: UInt16
    package var version: UInt8
    /// Whether it takes records of DNSSEC.
    package var wantsSecurity: Bool
}

/// One question, by where it stands in its message.
package struct Query: Sendable, Equatable {
    /// Where the question begins: behind the header.
    package static let start = 12
    /// The longest name, in bytes (RFC 1035, section 2.3.4).
    package static let longestName = 255
    private static let longestLabel: UInt8 = 63

    package var id: UInt16
    /// The second word of the header.
    package var flags: UInt16
    /// Behind the name's last byte.
    package var nameEnd: Int
    package var type: UInt16
    package var recordClass: UInt16
    package var edns: ClientEDNS?

    /// Behind the question.
    package var end: Int { nameEnd + 4 }

    /// What a message is.
    package enum Reading: Sendable, Equatable {
        case query(Query)
        /// To be answered by a header alone.
        case wrong(id: UInt16, flags: UInt16, ResponseCode)
        /// Not to be answered: no header, or the answer of another server, with which a loop would begin.
        case silence
    }

    package static func read(_ message: borrowing Span<UInt8>) -> Reading {
        guard message.count >= start else { return .silence }
        let (id, flags) = (message.short(at: 0), message.short(at: 2))
        guard flags & HeaderBits.response == 0 else { return .silence }
        guard flags & HeaderBits.opcode == 0 else { return .wrong(id: id, flags: flags, .notImplemented) }
        let wrong = Reading.wrong(id: id, flags: flags, .formatError)
        guard message.short(at: 4) == 1, let nameEnd = questionNameEnd(message), nameEnd + 4 <= message.count else {
            return wrong
        }
        var query = Query(
            id: id, flags: flags, nameEnd: nameEnd, type: message.short(at: nameEnd),
            recordClass: message.short(at: nameEnd + 2))
        // These may have further records, and are refused whatever they are.
        if query.type == RecordType.axfr || query.type == RecordType.ixfr { return .query(query) }
        guard message.short(at: 6) == 0, message.short(at: 8) == 0 else { return wrong }
        var offset = query.end
        for _ in 0..<message.short(at: 10) {
            guard let record = Record(message, at: offset) else { return wrong }
            offset = record.end
            guard record.type == RecordType.opt else { continue }
            guard query.edns == nil, record.hasRootName, record.hasWholeOptions(message) else { return wrong }
            query.edns = ClientEDNS(
                size: record.recordClass, version: UInt8(truncatingIfNeeded: record.ttl >> 16),
                wantsSecurity: record.ttl & 0x8000 != 0)
        }
        return offset == message.count ? .query(query) : wrong
    }

    /// A question's name has no pointer: there is nothing before it to point to.
    private static func questionNameEnd(_ message: borrowing Span<UInt8>) -> Int? {
        var offset = start
        while offset < message.count {
            let length = message[offset]
            if length == 0 { return offset + 1 - start <= longestName ? offset + 1 : nil }
            guard length <= longestLabel else { return nil }
            offset += 1 + Int(length)
        }
        return nil
    }

    /// The letters of the name in lower case, with the lengths of its labels.
    package func foldedName(in message: borrowing Span<UInt8>) -> [UInt8] {
        var name: [UInt8] = []
        name.reserveCapacity(nameEnd - Self.start)
        for index in Self.start..<nameEnd { name.append(message[index].lowercased) }
        return name
    }
}

/// A record behind the question.
private struct Record {
    let hasRootName: Bool
    let type: UInt16
    let recordClass: UInt16
    let ttl: UInt32
    let data: Range<Int>

    var end: Int { data.upperBound }

    init?(_ message: borrowing Span<UInt8>, at start: Int) {
        var offset = start
        while true {
            guard offset < message.count else { return nil }
            let length = message[offset]
            if length == 0 {
                offset += 1
                break
            }
            // A pointer ends a name. Where it leads is of no interest.
            if length >= 0xC0 {
                offset += 2
                break
            }
            guard length < 0x40 else { return nil }
            offset += 1 + Int(length)
        }
        guard offset + 10 <= message.count else { return nil }
        hasRootName = offset == start + 1
        type = message.short(at: offset)
        recordClass = message.short(at: offset + 2)
        ttl = UInt32(message.short(at: offset + 4)) << 16 | UInt32(message.short(at: offset + 6))
        let length = Int(message.short(at: offset + 8))
        guard offset + 10 + length <= message.count else { return nil }
        data = offset + 10..<offset + 10 + length
    }

    /// Whether its data are options, each as long as it says.
    func hasWholeOptions(_ message: borrowing Span<UInt8>) -> Bool {
        var offset = data.lowerBound
        while offset + 4 <= data.upperBound { offset += 4 + Int(message.short(at: offset + 2)) }
        return offset == data.upperBound
    }
}

extension Span<UInt8> {
    /// The 16-bit number at an offset, as the network has it.
    func short(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }
}
