// Messages for the tests: queries are made, and answers read, by code that shares nothing with the server's.

/// A name in wire format, byte for byte as given.
package func wire(_ name: String) -> [UInt8] {
    name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
}

package func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }

/// A query as clients send it.
package struct TestQuery {
    package var id = 0x1234
    package var flags = 0x0100
    package var name: [UInt8]
    package var type: UInt16
    package var recordClass = 1
    /// The bytes behind the question, and how many records they are.
    package var additional: [UInt8] = []
    package var records = 0

    package init(_ name: String, _ type: UInt16, size: Int? = nil, options: [UInt8] = [], version: Int = 0) {
        (self.name, self.type) = (wire(name), type)
        guard let size else { return }
        additional =
            [0] + number(41) + number(size) + [0, UInt8(version), 0x80, 0] + number(options.count) + options
        records = 1
    }

    package var bytes: [UInt8] {
        number(id) + number(flags) + number(1) + number(0) + number(0) + number(records) + name + number(Int(type))
            + number(recordClass) + additional
    }
}

/// A record as a strict client reads it.
package struct ReadRecord: Hashable {
    package let name: String
    package let type: Int
    package let ttl: Int
    package let data: [UInt8]
    /// A name in the data: of SRV, CNAME, NS, SOA.
    package let target: String

    package var port: Int { Int(data[4]) << 8 | Int(data[5]) }
    package var weight: Int { Int(data[2]) << 8 | Int(data[3]) }
}

package struct Malformed: Error {
    package let reason: String
    package init(_ reason: String) { self.reason = reason }
}

/// An answer as a strict client reads it: every byte accounted for, pointers lead backwards only.
package struct ReadAnswer {
    package let bytes: [UInt8]
    package private(set) var question: [UInt8] = []
    package private(set) var answers: [ReadRecord] = []
    package private(set) var authority: [ReadRecord] = []
    package private(set) var additional: [ReadRecord] = []
    /// Size and flags of EDNS, with the higher bits of the code.
    package private(set) var edns: (size: Int, code: Int, flags: Int)?

    package init(_ bytes: [UInt8]) throws {
        self.bytes = bytes
        guard bytes.count >= 12 else { throw Malformed("no header") }
        var offset = 12
        for _ in 0..<word(4) {
            let start = offset
            _ = try name(&offset)
            offset += 4
            guard offset <= bytes.count else { throw Malformed("the question is cut") }
            question = Array(bytes[start..<offset])
        }
        for _ in 0..<word(6) { answers.append(try record(&offset)) }
        for _ in 0..<word(8) { authority.append(try record(&offset)) }
        for _ in 0..<word(10) {
            let start = offset
            let record = try record(&offset)
            guard record.type == 41 else {
                additional.append(record)
                continue
            }
            guard record.name == ".", edns == nil else { throw Malformed("options of a name, or twice") }
            edns = (Int(bytes[start + 3]) << 8 | Int(bytes[start + 4]), Int(bytes[start + 5]), record.ttl & 0xFFFF)
        }
        guard offset == bytes.count else { throw Malformed("bytes behind the message") }
    }

    package var id: Int { word(0) }
    package var flags: Int { word(2) }
    package var code: Int { (edns?.code ?? 0) << 4 | flags & 0xF }
    package var isTruncated: Bool { flags & 0x0200 != 0 }
    package var isAuthoritative: Bool { flags & 0x0400 != 0 }

    private func word(_ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }

    private func name(_ offset: inout Int) throws -> String {
        var (labels, position, end): ([String], Int, Int?) = ([], offset, nil)
        var length = 1
        while true {
            guard position < bytes.count else { throw Malformed("a name leaves the message") }
            let count = Int(bytes[position])
            if count >= 0xC0 {
                guard position + 1 < bytes.count else { throw Malformed("half a pointer") }
                let target = word(position) & 0x3FFF
                if end == nil { end = position + 2 }
                guard target < position, target >= 12 else { throw Malformed("a pointer leads to \(target)") }
                position = target
                continue
            }
            guard count < 64 else { throw Malformed("a label of \(count) bytes") }
            position += 1
            if count == 0 { break }
            guard position + count <= bytes.count else { throw Malformed("a label leaves the message") }
            labels.append(String(decoding: bytes[position..<position + count], as: UTF8.self))
            position += count
            length += count + 1
            guard length <= 255 else { throw Malformed("a long name") }
        }
        offset = end ?? position
        return labels.joined(separator: ".") + "."
    }

    private func record(_ offset: inout Int) throws -> ReadRecord {
        let name = try name(&offset)
        guard offset + 10 <= bytes.count else { throw Malformed("a record is cut") }
        let (type, ttl, length) = (word(offset), word(offset + 4) << 16 | word(offset + 6), word(offset + 8))
        offset += 10
        let end = offset + length
        guard end <= bytes.count else { throw Malformed("data leave the message") }
        var target = ""
        var position = offset + (type == 33 ? 6 : 0)
        if [2, 5, 6, 33].contains(type) { target = try self.name(&position) }
        if type == 33, bytes[offset + 6..<end].contains(where: { $0 >= 0xC0 }) {
            throw Malformed("a compressed target")
        }
        if type == 1, length != 4 { throw Malformed("an address of \(length) bytes") }
        if type == 28, length != 16 { throw Malformed("an address of \(length) bytes") }
        defer { offset = end }
        return ReadRecord(name: name, type: type, ttl: ttl, data: Array(bytes[offset..<end]), target: target)
    }
}
