// A registration as one run of bytes. Kept as Swift's values it would be a dozen allocations, whose headers, padding and references come to several
// times what it says; and rendering, which wants bytes, would have to take Strings apart.

/// What a registration says besides its id, in one allocation.
///
/// ```
/// 1       endpoint kind (bits 0-2), has metadata (bit 3), status (bits 4-5), has extra (bit 6), has further fields (bit 7)
/// 8       TTL in milliseconds, the lowest byte first
/// 8       when it was registered, nanoseconds since 1970, the lowest byte first
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
    private static let knownStatuses = [InstanceStatus.up, .starting, .outOfService]
    private static let outOfService: UInt8 = 2
    /// The number of a status that is spelt out.
    private static let otherStatus: UInt8 = 3
    private static let kinds = Endpoint.Kind.allCases

    private static let metadataBit: UInt8 = 1 << 3
    private static let extraBit: UInt8 = 1 << 6
    private static let furtherBit: UInt8 = 1 << 7
    private static let kindMask: UInt8 = 7
    private static let statusShift: UInt8 = 4
    private static let ttlOffset = 1
    private static let registeredOffset = 9
    private static let nameOffset = 17

    /// Invariant: laid out as above; the texts are UTF-8.
    private let bytes: [UInt8]

    init(
        serviceName: Name, endpoint: Endpoint, status: InstanceStatus, ttl: Int64, tags: [String], metadata: [UInt8]?, extra: [UInt8]?,
        further: [UInt8]?, registered: Int64
    ) {
        let number = Self.number(of: status)
        var size = Self.nameOffset + Self.size(of: serviceName.text) + Self.size(of: endpoint.value) + (metadata?.count ?? 0)
        if number == Self.otherStatus { size += Self.size(of: status.token) }
        if let extra { size += Self.digits(of: extra.count) + extra.count }
        if let further { size += Self.digits(of: further.count) + further.count }
        size = tags.reduce(size + Self.digits(of: tags.count)) { $0 + Self.size(of: $1) }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        let kind = UInt8(Self.kinds.firstIndex(of: endpoint.kind) ?? 0)
        let has = (metadata == nil ? 0 : Self.metadataBit) | (extra == nil ? 0 : Self.extraBit) | (further == nil ? 0 : Self.furtherBit)
        bytes.append(kind | has | number << Self.statusShift)
        bytes.append(fixed: ttl)
        bytes.append(fixed: registered)
        bytes.append(field: serviceName.text)
        bytes.append(field: endpoint.value)
        if number == Self.otherStatus { bytes.append(field: status.token) }
        bytes.append(length: tags.count)
        for tag in tags { bytes.append(field: tag) }
        if let extra {
            bytes.append(length: extra.count)
            bytes.append(contentsOf: extra)
        }
        if let further {
            bytes.append(length: further.count)
            bytes.append(contentsOf: further)
        }
        if let metadata { bytes.append(contentsOf: metadata) }
        self.bytes = bytes
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    // MARK: - Fields

    /// Bytes in all.
    var size: Int { bytes.count }

    var endpointKind: Endpoint.Kind { Self.kinds[Int(bytes[0] & Self.kindMask)] }
    var isOutOfService: Bool { statusNumber == Self.outOfService }
    var ttl: Int64 { fixed(at: Self.ttlOffset) }
    var registered: Int64 { fixed(at: Self.registeredOffset) }
    var serviceName: ArraySlice<UInt8> { bytes[field(at: Self.nameOffset)] }
    var endpointValue: ArraySlice<UInt8> { bytes[field(at: valueOffset)] }
    var tagCount: Int { length(at: tagsOffset).value }

    var status: InstanceStatus {
        guard statusNumber == Self.otherStatus else { return Self.knownStatuses[Int(statusNumber)] }
        return InstanceStatus(String(decoding: bytes[field(at: statusOffset)], as: UTF8.self))
    }

    var metadata: ArraySlice<UInt8>? {
        guard bytes[0] & Self.metadataBit != 0 else { return nil }
        return bytes[(furtherRange?.upperBound ?? endOfExtra)...]
    }

    var extra: ArraySlice<UInt8>? { extraRange.map { bytes[$0] } }

    var further: ArraySlice<UInt8>? { furtherRange.map { bytes[$0] } }

    private var furtherRange: Range<Int>? { bytes[0] & Self.furtherBit == 0 ? nil : field(at: endOfExtra) }

    private var endOfExtra: Int { extraRange?.upperBound ?? forEachTag { _ in } }

    private var extraRange: Range<Int>? { bytes[0] & Self.extraBit == 0 ? nil : field(at: forEachTag { _ in }) }

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
        if number == Self.otherStatus { copy.append(field: status.token) }
        copy.append(contentsOf: bytes[tagsOffset...])
        return PackedInstance(bytes: copy)
    }

    /// Whether another says the same, whenever it was registered.
    func saysTheSame(as other: PackedInstance) -> Bool {
        bytes.count == other.bytes.count && bytes[..<Self.registeredOffset] == other.bytes[..<Self.registeredOffset]
            && bytes[Self.nameOffset...] == other.bytes[Self.nameOffset...]
    }

    // MARK: - Layout

    private var statusNumber: UInt8 { bytes[0] >> Self.statusShift & Self.otherStatus }
    private var valueOffset: Int { field(at: Self.nameOffset).upperBound }
    private var statusOffset: Int { field(at: valueOffset).upperBound }
    private var tagsOffset: Int { statusNumber == Self.otherStatus ? field(at: statusOffset).upperBound : statusOffset }

    private static func number(of status: InstanceStatus) -> UInt8 {
        UInt8(knownStatuses.firstIndex(of: status) ?? Int(otherStatus))
    }

    private static func size(of text: String) -> Int { digits(of: text.utf8.count) + text.utf8.count }

    /// Bytes that a length takes.
    private static func digits(of length: Int) -> Int { max(1, (Int.bitWidth - length.leadingZeroBitCount + 6) / 7) }

    private func fixed(at offset: Int) -> Int64 {
        var value: UInt64 = 0
        for index in (offset..<offset + 8).reversed() { value = value << 8 | UInt64(bytes[index]) }
        return Int64(bitPattern: value)
    }

    /// A length, and where what comes after it begins.
    private func length(at offset: Int) -> (value: Int, end: Int) {
        var (value, shift, place) = (0, 0, offset)
        while bytes[place] & 0x80 != 0 {
            value |= Int(bytes[place] & 0x7F) << shift
            (shift, place) = (shift + 7, place + 1)
        }
        return (value | Int(bytes[place]) << shift, place + 1)
    }

    /// What follows the length at an offset.
    private func field(at offset: Int) -> Range<Int> {
        let (count, start) = length(at: offset)
        return start..<start + count
    }
}

extension [UInt8] {
    fileprivate mutating func append(fixed value: Int64) {
        for shift in stride(from: 0, to: Int64.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> Int64(shift))) }
    }

    fileprivate mutating func append(length: Int) {
        var rest = length
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    fileprivate mutating func append(field text: String) {
        append(length: text.utf8.count)
        append(contentsOf: text.utf8)
    }
}
