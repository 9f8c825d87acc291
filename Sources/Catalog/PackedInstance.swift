// A registration as one run of bytes. Kept as Swift's values it would be a dozen allocations, whose headers, padding
// and references come to several times what it says; and rendering, which wants bytes, would have to take Strings
// apart.

import Text

/// What a registration says, in one allocation: but for its id when that is a digest, which the record beside it has.
///
/// ```
/// 1       endpoint kind (bits 0-2), has metadata (bit 3), status (bits 4-5), has what few have (bit 6)
/// 8       when it was registered, nanoseconds since 1970, the lowest byte first
/// (1)     which of those: extra (bit 0), further fields (bit 1), an id of text (bit 2)
/// L       TTL in milliseconds
/// L, ...  id, if it is text
/// L, ...  service name, with its length before it
/// L, ...  endpoint value
/// L, ...  status, if it is none of the known ones
/// L       number of tags
/// L, ...  each of them
/// L, ...  extra, if it has any
/// L, ...  further fields, if it has any
/// ...     metadata, to the end
/// ```
///
/// An L is a length in base 128, the lowest digit first, each but the last with its high bit set.
struct PackedInstance: Hashable, Sendable {
    /// The statuses that take no more than their number.
    static let knownStatuses = [InstanceStatus.up, .starting, .outOfService]
    private static let outOfService: UInt8 = 2
    /// The number of a status that is spelt out.
    static let otherStatus: UInt8 = 3
    static let kinds = Endpoint.Kind.allCases

    static let metadataBit: UInt8 = 1 << 3
    private static let moreBit: UInt8 = 1 << 6
    private static let kindMask: UInt8 = 7
    private static let statusShift: UInt8 = 4
    private static let registeredOffset = 1
    private static let moreOffset = 9
    /// Where what the instance says begins, after its first byte and when it was registered.
    static let contentOffset = moreOffset

    /// What few instances have.
    struct More: OptionSet {
        let rawValue: UInt8

        static let extra = More(rawValue: 1 << 0)
        static let further = More(rawValue: 1 << 1)
        static let id = More(rawValue: 1 << 2)
    }

    /// Invariant: laid out as above; the texts are UTF-8.
    let bytes: [UInt8]

    init(
        id: InstanceID, serviceName: ArraySlice<UInt8>, endpointKind: Endpoint.Kind, endpointValue: ArraySlice<UInt8>,
        status: InstanceStatus, ttl: Int64,
        tags: TagRun, metadata: ArraySlice<UInt8>?, extra: ArraySlice<UInt8>?, further: ArraySlice<UInt8>?,
        registered: Int64
    ) {
        let number = Self.number(of: status)
        var more: More = []
        if extra != nil { more.insert(.extra) }
        if further != nil { more.insert(.further) }
        if case .text = id { more.insert(.id) }
        var size =
            Self.headSize(more, ttl: ttl) + Self.size(of: serviceName) + Self.size(of: endpointValue)
            + (metadata?.count ?? 0)
        if number == Self.otherStatus { size += Self.size(of: status.token) }
        if let extra { size += Self.size(of: extra) }
        if let further { size += Self.size(of: further) }
        if case .text(let name) = id { size += Self.size(of: name.text) }
        size += [UInt8].digits(of: tags.count) + tags.bytes.count

        bytes = [UInt8](room: size) { output in
            Self.appendHead(
                endpointKind, number, hasMetadata: metadata != nil, more, ttl: ttl, registered: registered,
                to: &output)
            if case .text(let name) = id { output.append(counted: Array(name.text.utf8)[...]) }
            output.append(counted: serviceName)
            output.append(counted: endpointValue)
            if number == Self.otherStatus { output.append(counted: Array(status.token.utf8)[...]) }
            output.append(number: UInt64(tags.count))
            output.append(tags.bytes.span)
            if let extra { output.append(counted: extra) }
            if let further { output.append(counted: further) }
            if let metadata { output.append(metadata.span) }
        }
    }

    /// - Parameter bytes: laid out as above.
    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The bytes before the texts.
    static func headSize(_ more: More, ttl: Int64) -> Int {
        moreOffset + (more.isEmpty ? 0 : 1) + [UInt8].digits(of: UInt64(bitPattern: ttl))
    }

    /// Appends what comes before the texts.
    static func appendHead(
        _ kind: Endpoint.Kind, _ status: UInt8, hasMetadata: Bool, _ more: More, ttl: Int64, registered: Int64,
        to output: inout OutputSpan<UInt8>
    ) {
        let has = (hasMetadata ? metadataBit : 0) | (more.isEmpty ? 0 : moreBit)
        output.append(UInt8(truncatingIfNeeded: kind.index) | has | status << statusShift)
        output.append(word: UInt64(bitPattern: registered))
        if !more.isEmpty { output.append(more.rawValue) }
        output.append(number: UInt64(bitPattern: ttl))
    }

    // MARK: - Fields

    /// Bytes in all.
    var size: Int { bytes.count }

    var endpointKind: Endpoint.Kind { Self.kinds[Int(bytes[0] & Self.kindMask)] }
    var isOutOfService: Bool { statusNumber == Self.outOfService }
    var ttl: Int64 { Int64(length(at: ttlOffset).value) }
    var registered: Int64 { Int64(bitPattern: bytes.span.word(at: Self.registeredOffset)) }
    /// The id, if it is text.
    var id: ArraySlice<UInt8>? { more.contains(.id) ? bytes[field(at: length(at: ttlOffset).end)] : nil }
    var serviceName: ArraySlice<UInt8> { bytes[field(at: nameOffset)] }
    var endpointValue: ArraySlice<UInt8> { bytes[field(at: valueOffset)] }
    var tagCount: Int { length(at: tagsOffset).value }

    var status: InstanceStatus {
        guard statusNumber == Self.otherStatus else { return Self.knownStatuses[Int(statusNumber)] }
        return InstanceStatus(String(decoding: bytes[field(at: statusOffset)], as: UTF8.self))
    }

    /// The status that packed bytes say. Copies nothing unless the status is spelt out, which few are.
    static func status(_ bytes: Span<UInt8>) -> InstanceStatus {
        let number = bytes[0] >> statusShift & otherStatus
        guard number == otherStatus else { return knownStatuses[Int(number)] }
        return PackedInstance(bytes: [UInt8](room: bytes.count) { $0.append(bytes) }).status
    }

    var metadata: ArraySlice<UInt8>? {
        guard bytes[0] & Self.metadataBit != 0 else { return nil }
        return bytes[(furtherRange?.upperBound ?? endOfExtra)...]
    }

    var extra: ArraySlice<UInt8>? { extraRange.map { bytes[$0] } }

    var further: ArraySlice<UInt8>? { furtherRange.map { bytes[$0] } }

    private var furtherRange: Range<Int>? { more.contains(.further) ? field(at: endOfExtra) : nil }

    private var endOfExtra: Int { extraRange?.upperBound ?? forEachTag { _ in } }

    private var extraRange: Range<Int>? { more.contains(.extra) ? field(at: forEachTag { _ in }) : nil }

    /// Hands out the tags; returns where they end.
    @discardableResult
    func forEachTag(_ body: (ArraySlice<UInt8>) -> Void) -> Int {
        var (count, end) = length(at: tagsOffset)
        while count > 0 {
            let tag = field(at: end)
            body(bytes[tag])
            (count, end) = (count - 1, tag.upperBound)
        }
        return end
    }

    /// Whether one of the tags is such; those behind it are not looked at.
    func containsTag(where isSuch: (ArraySlice<UInt8>) -> Bool) -> Bool {
        var (count, start) = length(at: tagsOffset)
        while count > 0 {
            let tag = field(at: start)
            if isSuch(bytes[tag]) { return true }
            (count, start) = (count - 1, tag.upperBound)
        }
        return false
    }

    /// The same with another status.
    func with(status: InstanceStatus) -> PackedInstance {
        let number = Self.number(of: status)
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.count + (number == Self.otherStatus ? Self.size(of: status.token) : 0))
        copy.append(bytes[0] & ~(Self.otherStatus << Self.statusShift) | number << Self.statusShift)
        copy.append(contentsOf: bytes[1..<statusOffset])
        if number == Self.otherStatus { copy.append(counted: status.token) }
        copy.append(contentsOf: bytes[tagsOffset...])
        return PackedInstance(bytes: copy)
    }

    /// The same with other further fields; nil is none.
    func with(further: [UInt8]?) -> PackedInstance {
        var more = self.more
        if further == nil { more.remove(.further) } else { more.insert(.further) }
        let (end, rest) = (endOfExtra, furtherRange?.upperBound ?? endOfExtra)
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.count + 2 + (further.map { Self.size(of: $0[...]) } ?? 0))
        copy.append(more.isEmpty ? bytes[0] & ~Self.moreBit : bytes[0] | Self.moreBit)
        copy.append(contentsOf: bytes[Self.registeredOffset..<Self.moreOffset])
        if !more.isEmpty { copy.append(more.rawValue) }
        copy.append(contentsOf: bytes[ttlOffset..<end])
        if let further { copy.append(counted: further[...]) }
        copy.append(contentsOf: bytes[rest...])
        return PackedInstance(bytes: copy)
    }

    /// Whether another says the same, whenever it was registered.
    func saysTheSame(as other: PackedInstance) -> Bool {
        bytes.count == other.bytes.count && bytes[0] == other.bytes[0]
            && bytes[Self.moreOffset...] == other.bytes[Self.moreOffset...]
    }

    /// The fields that have another value than another registration's.
    func fields(otherThanIn other: PackedInstance) -> Change.Fields {
        guard !saysTheSame(as: other) else { return [] }
        var fields: Change.Fields = []
        if serviceName != other.serviceName { fields.insert(.serviceName) }
        if endpointKind != other.endpointKind || endpointValue != other.endpointValue { fields.insert(.endpoint) }
        if ttl != other.ttl { fields.insert(.ttl) }
        if status != other.status { fields.insert(.status) }
        if bytes[tagsOffset..<forEachTag { _ in }] != other.bytes[other.tagsOffset..<other.forEachTag { _ in }] {
            fields.insert(.tags)
        }
        if metadata != other.metadata { fields.insert(.metadata) }
        if extra != other.extra { fields.insert(.extra) }
        return fields
    }

    // MARK: - Layout

    var statusNumber: UInt8 { bytes[0] >> Self.statusShift & Self.otherStatus }
    var more: More { Self.more(bytes.span) }
    static func more(_ bytes: Span<UInt8>) -> More {
        bytes[0] & moreBit == 0 ? [] : More(rawValue: bytes[moreOffset])
    }
    private var ttlOffset: Int { bytes[0] & Self.moreBit == 0 ? Self.moreOffset : Self.moreOffset + 1 }
    var nameOffset: Int {
        let end = length(at: ttlOffset).end
        return more.contains(.id) ? field(at: end).upperBound : end
    }
    private var valueOffset: Int { field(at: nameOffset).upperBound }
    private var statusOffset: Int { field(at: valueOffset).upperBound }
    private var tagsOffset: Int { statusNumber == Self.otherStatus ? field(at: statusOffset).upperBound : statusOffset }

    static func number(of status: InstanceStatus) -> UInt8 {
        UInt8(knownStatuses.firstIndex(of: status) ?? Int(otherStatus))
    }

    private static func size(of bytes: ArraySlice<UInt8>) -> Int { [UInt8].digits(of: bytes.count) + bytes.count }

    private static func size(of text: String) -> Int { [UInt8].digits(of: text.utf8.count) + text.utf8.count }

    /// A length, and where what comes after it begins.
    func length(at offset: Int) -> (value: Int, end: Int) { bytes.span.number(at: offset) }

    /// Whether packed bytes are of an instance whose id is this text. Copies nothing: every heartbeat of such an
    /// instance asks.
    static func isSpelt(_ bytes: Span<UInt8>, _ id: InstanceID) -> Bool {
        guard case .text(let name) = id, bytes[0] & moreBit != 0, More(rawValue: bytes[moreOffset]).contains(.id) else {
            return false
        }
        let (count, start) = bytes.number(at: bytes.number(at: moreOffset + 1).end)
        return name.isSpelt(by: bytes.extracting(start..<start + count))
    }

    /// The first bytes of the extra that packed bytes have, at most `count`; nil without one. Copies no more.
    static func extra(_ bytes: Span<UInt8>, first count: Int) -> [UInt8]? {
        let more = more(bytes)
        guard more.contains(.extra) else { return nil }
        var place = bytes.number(at: moreOffset + 1).end
        func pass(_ fields: Int) {
            for _ in 0..<fields {
                let (size, start) = bytes.number(at: place)
                place = start + size
            }
        }
        // An id, the service's name, the endpoint's value and a status, as there are.
        let isSpeltOut = bytes[0] >> statusShift & otherStatus == otherStatus
        pass((more.contains(.id) ? 1 : 0) + 2 + (isSpeltOut ? 1 : 0))
        let (tags, end) = bytes.number(at: place)
        place = end
        pass(tags)
        let (size, start) = bytes.number(at: place)
        return [UInt8](room: min(size, count)) { $0.append(bytes.extracting(start..<start + min(size, count))) }
    }

    /// What follows the length at an offset.
    func field(at offset: Int) -> Range<Int> {
        let (count, start) = length(at: offset)
        return start..<start + count
    }
}
