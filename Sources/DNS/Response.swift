// Writes answers, each in one pass over its bytes: the question as it came, the records of the answer, then addresses of
// their targets while there is room. What does not fit is left out from the end, and the rest is rotated, so that
// clients which take the first record share the load, and those which compare two answers see the same records.

package import Text

/// What is answered.
package enum Answer: Sendable {
    /// The records of the type asked for, if there are any. `rotation` says which comes first.
    case records(AnswerMaterial, rotation: Int)
    /// The zone's own records.
    case apex
    /// The name exists, and nothing is to be said of it.
    case nothing
    case failure(ResponseCode)
    /// Whatever there is has to be asked for by TCP.
    case onlyByStream
}

/// What has been written.
package struct WrittenAnswer: Sendable, Equatable {
    package var code: ResponseCode
    /// The client is told that records were left out.
    package var isTruncated = false
    /// Records were left out although there is no larger answer to ask for.
    package var isCut = false

    package init(code: ResponseCode) { self.code = code }
}

/// How long an answer may be, and whether there are longer ones to ask for.
package struct AnswerRoom: Sendable, Equatable {
    package let bytes: Int
    package let mayTruncate: Bool

    /// The most bytes without EDNS (RFC 1035, section 4.2.1).
    package static let least = 512

    /// By TCP.
    package static let stream = AnswerRoom(bytes: 65_535, mayTruncate: false)

    private init(bytes: Int, mayTruncate: Bool) { (self.bytes, self.mayTruncate) = (bytes, mayTruncate) }

    /// By UDP: what the client takes, and at most so many bytes.
    package static func datagram(_ edns: ClientEDNS?, most: Int) -> AnswerRoom {
        let asked = edns.map { max(Int($0.size), least) } ?? least
        return AnswerRoom(bytes: min(asked, most), mayTruncate: true)
    }
}

/// Writes the answers of a zone.
package struct ResponseWriter: Sendable {
    private static let headerSize = 12
    private static let optSize = 11
    /// The longest datagram that this server asks for: one that is not cut to pieces on the way.
    private static let ownSize: UInt16 = 1_232
    /// Offsets beyond it cannot be pointed to.
    private static let longestPointer = 0x3FFF
    /// What changes never or seldom, in seconds.
    package static let longTTL: UInt32 = 3_600
    /// How long others may remember that there is nothing, in seconds.
    private static let negativeTTL: UInt32 = 1
    /// Of secondary servers, of which there are none: seconds between looks, between retries, and until the end.
    private static let refresh: (UInt32, UInt32, UInt32) = (3_600, 600, 86_400)
    /// What stands for "any" (RFC 8482, section 4.2).
    private static let anyText = Array("RFC8482".utf8)

    package let zone: Zone
    private let ttl: UInt32
    private let server: AnswerMaterial

    /// - Parameters:
    ///   - ttl: of records of services, in seconds.
    ///   - addresses: of this server.
    package init(_ zone: Zone, ttl: UInt32, addresses: [IPAddress]) {
        (self.zone, self.ttl) = (zone, ttl)
        server = AnswerMaterial(addresses, ttl: Self.longTTL)
    }

    /// What is answered about this server.
    package var serverAnswer: Answer { .records(server, rotation: 0) }

    /// Writes a header alone, in place of what `output` has.
    package func write(_ code: ResponseCode, id: UInt16, flags: UInt16, into output: inout [UInt8]) {
        output.removeAll(keepingCapacity: true)
        Self.appendHeader(id: id, flags: HeaderBits.response | flags & HeaderBits.copied, code, to: &output)
    }

    /// Writes the answer to a query, in place of what `output` has.
    ///
    /// - Parameters:
    ///   - message: the query's.
    ///   - serial: of the zone; asked for only where the answer tells it.
    package func write(
        _ answer: Answer, to query: Query, of message: borrowing Span<UInt8>, in room: AnswerRoom,
        serial: @autoclosure () -> UInt32, into output: inout [UInt8]
    ) -> WrittenAnswer {
        output.removeAll(keepingCapacity: true)
        var written = WrittenAnswer(code: .noError)
        Self.appendHeader(id: query.id, flags: 0, .noError, to: &output)
        output.set(number: 1, at: 4)
        output.append(message.extracting(Query.start..<query.end))
        let end = room.bytes - (query.edns == nil ? 0 : Self.optSize)
        var isOurs = true
        switch answer {
        case .records(let material, let rotation):
            if query.type == RecordType.any {
                appendAny(to: &output)
            } else if material.run(query.type).count > 0 {
                let (count, all) = append(material, query.type, rotation, upTo: end, to: &output)
                written.isTruncated = room.mayTruncate && count < all
                written.isCut = !room.mayTruncate && count < all
            } else {
                appendAuthority(of: query, serial(), to: &output)
            }
        case .apex: appendApex(query, serial(), to: &output)
        case .nothing:
            if query.type == RecordType.any {
                appendAny(to: &output)
            } else {
                appendAuthority(of: query, serial(), to: &output)
            }
        case .failure(let code):
            written.code = code
            isOurs = code == .nameError
            if isOurs { appendAuthority(of: query, serial(), to: &output) }
        case .onlyByStream: written.isTruncated = true
        }
        if let edns = query.edns { Self.appendOptions(edns, written.code, to: &output) }
        let flags =
            HeaderBits.response | query.flags & HeaderBits.copied | (isOurs ? HeaderBits.authoritative : 0)
            | (written.isTruncated ? HeaderBits.truncated : 0)
        output.set(number: flags | UInt16(written.code.rawValue & 0xF), at: 2)
        return written
    }

    // MARK: - Sections

    private static func appendHeader(id: UInt16, flags: UInt16, _ code: ResponseCode, to output: inout [UInt8]) {
        output.append(short: id)
        output.append(short: flags | UInt16(code.rawValue & 0xF))
        for _ in 0..<headerSize - 4 { output.append(0) }
    }

    /// Appends records of a type, then the addresses of their targets; returns how many records there is room for, and
    /// how many there are.
    private func append(
        _ material: AnswerMaterial, _ type: UInt16, _ rotation: Int, upTo end: Int, to output: inout [UInt8]
    ) -> (count: Int, all: Int) {
        let run = material.run(type)
        let base = output.count
        let count = run.count(within: end - base)
        output.set(number: UInt16(count), at: 6)
        guard count > 0 else { return (0, run.count) }
        let first = rotation % count
        let (turn, whole) = (run.start(first), run.start(count))
        output += run.bytes[turn..<whole]
        output += run.bytes[..<turn]
        guard type == RecordType.srv, !material.hosts.isEmpty else { return (count, run.count) }
        var isWritten = material.sharesHosts ? [Bool](repeating: false, count: material.hosts.count) : []
        var additional: UInt16 = 0
        for position in 0..<count {
            let index = first + position < count ? first + position : first + position - count
            let host = material.hostOfTarget[index]
            guard host >= 0 else { continue }
            if material.sharesHosts {
                guard !isWritten[host] else { continue }
                isWritten[host] = true
            }
            // Where the name of the target stands, in the run and in the answer.
            let target = run.start(index) + AnswerMaterial.recordHead + AnswerMaterial.targetOffset
            let offset = base + (index >= first ? target - turn : target + whole - turn)
            let name = target..<run.ends[index]
            let isFar = offset > Self.longestPointer
            guard output.count + (isFar ? name.count : 2) + material.hosts[host].count <= end else { break }
            if isFar { output += run.bytes[name] } else { output.append(short: 0xC000 | UInt16(offset)) }
            output += material.hosts[host]
            additional += 1
        }
        output.set(number: additional, at: 10)
        return (count, run.count)
    }

    /// Says how long it may be remembered that there is nothing. The zone's name is the end of the question's.
    private func appendAuthority(of query: Query, _ serial: UInt32, to output: inout [UInt8]) {
        output.set(number: 1, at: 8)
        appendStart(at: query.nameEnd - zone.origin.wire.count, serial, to: &output)
    }

    private func appendStart(at zone: Int, _ serial: UInt32, to output: inout [UInt8]) {
        output.append(record: RecordType.soa, ttl: min(ttl, Self.negativeTTL), owner: .pointer(zone)) { data in
            data.append(label: "ns1", before: zone)
            data.append(label: "hostmaster", before: zone)
            for number in [serial, Self.refresh.0, Self.refresh.1, Self.refresh.2, Self.negativeTTL] {
                data.append(long: number)
            }
        }
    }

    private func appendApex(_ query: Query, _ serial: UInt32, to output: inout [UInt8]) {
        switch query.type {
        case RecordType.soa:
            output.set(number: 1, at: 6)
            appendStart(at: Query.start, serial, to: &output)
        case RecordType.ns:
            output.set(number: 1, at: 6)
            var name = 0
            output.append(record: RecordType.ns, ttl: Self.longTTL, owner: .question) { data in
                name = data.count
                data.append(label: "ns1", before: Query.start)
            }
            for run in [server.a, server.aaaa] {
                for index in 0..<run.count {
                    output.append(short: 0xC000 | UInt16(name))
                    output += run.bytes[run.start(index) + 2..<run.ends[index]]
                }
            }
            output.set(number: UInt16(server.a.count + server.aaaa.count), at: 10)
        case RecordType.any: appendAny(to: &output)
        default: appendAuthority(of: query, serial, to: &output)
        }
    }

    private func appendAny(to output: inout [UInt8]) {
        output.set(number: 1, at: 6)
        output.append(record: RecordType.hinfo, ttl: Self.longTTL, owner: .question) { data in
            data.append(UInt8(Self.anyText.count))
            data += Self.anyText
            data.append(0)
        }
    }

    private static func appendOptions(_ edns: ClientEDNS, _ code: ResponseCode, to output: inout [UInt8]) {
        output.append(0)
        output.append(short: RecordType.opt)
        output.append(short: ownSize)
        output.append(UInt8(code.rawValue >> 4))
        output.append(0)
        output.append(short: edns.wantsSecurity ? 0x8000 : 0)
        output.append(short: 0)
        output.set(number: (UInt16(output[10]) << 8 | UInt16(output[11])) + 1, at: 10)
    }
}

extension [UInt8] {
    /// Appends a label, and a pointer to the name behind it.
    fileprivate mutating func append(label: String, before offset: Int) {
        append(UInt8(label.utf8.count))
        self += label.utf8
        append(short: 0xC000 | UInt16(offset))
    }
}
