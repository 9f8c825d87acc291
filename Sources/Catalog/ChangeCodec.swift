// A change as bytes. The log keeps many and is read seldom, so what counts is that writing one takes no allocation and
// no more room than it says.

import Text

/// Writes and reads changes.
///
/// ```
/// 1       kind (bits 0-2, 7: in the next byte), time is the index (bit 3), id is text (bit 4), has an address (bit 5), has a principal (bit 6), is of a source (bit 7)
/// (1)     kind (bits 0-3), by an operator (bit 4), has an end (bit 5), has changed fields (bit 6)
/// (8)     when the override ends, in nanoseconds since 1970
/// (1)     the changed fields
/// 8       index, the lowest byte first
/// 8       time, unless it is the index
/// 8       member
/// 8 / L…  id
/// L…      service name
/// 1, L…   endpoint
/// 1 (L…)  status before, and after: 0 for none, its number among the known ones from 1 on, or 255 and its token
/// L…      address, principal, source, if there are such
/// ```
///
/// An L is a length in base 128, the lowest digit first, each but the last with its high bit set.
enum ChangeCodec {
    private static let kindMask: UInt8 = 7
    private static let timeIsIndex: UInt8 = 1 << 3
    private static let idIsText: UInt8 = 1 << 4
    private static let hasAddress: UInt8 = 1 << 5
    private static let hasPrincipal: UInt8 = 1 << 6
    private static let isOfSource: UInt8 = 1 << 7
    /// In the byte that most changes do without.
    private static let longKindMask: UInt8 = 15
    private static let isByOperator: UInt8 = 1 << 4
    private static let hasEnd: UInt8 = 1 << 5
    private static let hasFields: UInt8 = 1 << 6

    private static let known: [InstanceStatus] = [.up, .starting, .outOfService]
    private static let otherStatus: UInt8 = 255
    private static let kinds = Endpoint.Kind.allCases

    /// Appends a change of an instance, which is as it is after the change, or was before it went.
    static func append(
        _ kind: Change.Kind, _ index: UInt64, at microseconds: Int64, _ instance: Instance, before: InstanceStatus?,
        after: InstanceStatus?, until: Int64? = nil, fields: Change.Fields = [],
        member: MemberID, by actor: Actor?, to bytes: inout [UInt8]
    ) {
        let isIndex = Int64(bitPattern: index) == microseconds
        let id = instance.id
        var second: UInt8 = 0
        if actor?.isOperator ?? false { second |= isByOperator }
        if until != nil { second |= hasEnd }
        if !fields.isEmpty { second |= hasFields }
        let isLong = second != 0 || kind.rawValue >= kindMask
        var first = (isLong ? kindMask : kind.rawValue) | (isIndex ? timeIsIndex : 0)
        var size = 18 + (isIndex ? 0 : 8) + size(of: before) + size(of: after)
        size += (isLong ? 1 : 0) + (until == nil ? 0 : 8) + (fields.isEmpty ? 0 : 1)
        size += counted(instance.serviceNameUTF8.count) + counted(instance.endpointValueUTF8.count)
        if case .text(let name) = id {
            first |= idIsText
            size += counted(name.text.utf8.count)
        } else {
            size += 8
        }
        if let address = actor?.address {
            first |= hasAddress
            size += counted(address.utf8.count)
        }
        if let principal = actor?.principal {
            first |= hasPrincipal
            size += counted(principal.utf8.count)
        }
        if let source = actor?.source {
            first |= isOfSource
            size += counted(source.utf8.count)
        }
        // Room for what it takes and no more: what a segment may take is counted by its capacity.
        bytes.append(addingCapacity: size) { output in
            output.append(first)
            if isLong { output.append(second | kind.rawValue) }
            if let until { output.append(word: UInt64(bitPattern: until)) }
            if !fields.isEmpty { output.append(fields.rawValue) }
            output.append(word: index)
            if !isIndex { output.append(word: UInt64(bitPattern: microseconds)) }
            output.append(word: member.bits)
            switch id {
            case .digest(let digest): output.append(word: digest)
            case .text(let name): append(text: name.text, to: &output)
            }
            output.append(counted: instance.serviceNameUTF8)
            output.append(UInt8(instance.endpointKind.index))
            output.append(counted: instance.endpointValueUTF8)
            append(before, to: &output)
            append(after, to: &output)
            if let address = actor?.address { append(text: address, to: &output) }
            if let principal = actor?.principal { append(text: principal, to: &output) }
            if let source = actor?.source { append(text: source, to: &output) }
        }
    }

    /// What so many bytes take, with their length.
    private static func counted(_ bytes: Int) -> Int { [UInt8].digits(of: bytes) + bytes }

    private static func size(of status: InstanceStatus?) -> Int {
        guard let status, known.firstIndex(of: status) == nil else { return 1 }
        return 1 + counted(status.token.utf8.count)
    }

    private static func append(text: String, to output: inout OutputSpan<UInt8>) {
        output.append(number: UInt64(text.utf8.count))
        for byte in text.utf8 { output.append(byte) }
    }

    private static func append(_ status: InstanceStatus?, to output: inout OutputSpan<UInt8>) {
        guard let status else { return output.append(0) }
        if let number = known.firstIndex(of: status) { return output.append(UInt8(number + 1)) }
        output.append(otherStatus)
        append(text: status.token, to: &output)
    }

    /// Reads the change at an offset, and moves the offset behind it.
    static func read(at offset: inout Int, in bytes: [UInt8]) -> Change {
        var reader = Reader(bytes: bytes, offset: offset)
        let first = reader.byte()
        let second = first & kindMask == kindMask ? reader.byte() : first & kindMask
        let kind = Change.Kind(rawValue: second & longKindMask) ?? .updated
        let isOperator = second & isByOperator != 0
        let until = second & hasEnd != 0 ? Int64(bitPattern: reader.word()) : nil
        let fields = Change.Fields(rawValue: second & hasFields != 0 ? reader.byte() : 0)
        let index = reader.word()
        let microseconds = first & timeIsIndex != 0 ? Int64(bitPattern: index) : Int64(bitPattern: reader.word())
        let member = MemberID(bits: reader.word())
        let id = first & idIsText != 0 ? InstanceID.text(Name(reader.text())) : .digest(reader.word())
        let service = reader.text()
        let scheme = kinds[Int(reader.byte())]
        let endpoint = Endpoint(kind: scheme, value: reader.text())
        let (before, after) = (reader.status(), reader.status())
        let address = first & hasAddress != 0 ? reader.text() : nil
        let principal = first & hasPrincipal != 0 ? reader.text() : nil
        let source = first & isOfSource != 0 ? reader.text() : nil
        offset = reader.offset
        return Change(
            kind: kind, index: index, microseconds: microseconds, id: id,
            serviceName: Name(service), endpoint: endpoint, before: before, after: after,
            until: until, fields: fields, member: member,
            actor: address == nil && principal == nil && source == nil && !isOperator
                ? nil : Actor(address: address, principal: principal, isOperator: isOperator, source: source))
    }

    /// Reads what was written here; anything else is a mistake of ours and traps.
    private struct Reader {
        let bytes: [UInt8]
        var offset: Int

        mutating func byte() -> UInt8 {
            defer { offset += 1 }
            return bytes[offset]
        }

        mutating func word() -> UInt64 {
            var word: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 8) { word |= UInt64(byte()) << shift }
            return word
        }

        mutating func text() -> String {
            let (count, start) = bytes.span.number(at: offset)
            offset = start + count
            return String(decoding: bytes[start..<offset], as: UTF8.self)
        }

        mutating func status() -> InstanceStatus? {
            switch byte() {
            case 0: nil
            case otherStatus: InstanceStatus(text())
            case let number: known[Int(number) - 1]
            }
        }
    }
}
