// The override of a status as bytes, among the fields of an instance that members of older releases pass on unread
// (drawn in `StatusOverride.swift`).

import Text

extension StatusOverride {
    private static let tag: UInt8 = 1
    private static let noEnd = Int64.max

    /// The override among further fields.
    init?(in further: ArraySlice<UInt8>) {
        let bytes = Array(further)
        guard let range = Self.fields(bytes).first(where: { $0.tag == Self.tag })?.block else { return nil }
        let span = bytes.span
        var cursor = ByteCursor(range)
        do throws(StateError) {
            let version = Version(
                time: HybridTime(bits: try cursor.word(span)), origin: MemberID(bits: try cursor.word(span)))
            let until = try cursor.signed(span)
            let status = try cursor.text(span, atMost: Self.statusLimit).content
            let who = try cursor.text(span, atMost: Self.whoLimit).content
            // The override of a member that knows of no drains ends here, and so does one that is none.
            var drain: Drain?
            if cursor.remaining > 0 {
                let end = try cursor.signed(span)
                let told = Drain(end: end, departure: HybridTime(bits: try cursor.word(span)))
                guard told.isCredible(of: version) else { return nil }
                drain = told
            }
            self.init(
                status: status.isEmpty ? nil : InstanceStatus(span.text(in: status)),
                version: version,
                until: until == Self.noEnd ? nil : until, who: who.isEmpty ? nil : span.text(in: who), drain: drain)
        } catch { return nil }
    }

    /// What `encoded` has written; nil when these are other bytes.
    package init?(encoded bytes: ArraySlice<UInt8>) { self.init(in: bytes) }

    /// The override alone, as it stands among further fields.
    package var encoded: [UInt8] { fields(in: nil) }

    /// Further fields with this override in the place of another.
    func fields(in further: ArraySlice<UInt8>?) -> [UInt8] {
        var block: [UInt8] = []
        block.append(word: version.time.bits)
        block.append(word: version.origin.bits)
        block.append(word: UInt64(bitPattern: until ?? Self.noEnd))
        block.append(counted: status?.token ?? "")
        var who = who ?? ""
        while who.utf8.count > Self.whoLimit { who.removeLast() }
        block.append(counted: who)
        if let drain {
            block.append(word: UInt64(bitPattern: drain.end))
            block.append(word: drain.departure.bits)
        }
        var fields = [Self.tag]
        fields.append(count: block.count)
        fields += block
        return fields + Self.otherFields(in: further ?? [])
    }

    /// Further fields without an override.
    static func otherFields(in further: ArraySlice<UInt8>) -> [UInt8] {
        let bytes = Array(further)
        return fields(bytes).filter { $0.tag != tag }.flatMap { bytes[$0.whole] }
    }

    /// The fields, which were checked when they came in.
    private static func fields(_ bytes: [UInt8]) -> [(tag: UInt8, whole: Range<Int>, block: Range<Int>)] {
        var cursor = ByteCursor(0..<bytes.count)
        var fields: [(tag: UInt8, whole: Range<Int>, block: Range<Int>)] = []
        let span = bytes.span
        do throws(StateError) {
            while cursor.remaining > 0 {
                let start = cursor.position
                let tag = try cursor.byte(span)
                let block = try cursor.block(span, atMost: StateLimits.further).content
                fields.append((tag, start..<block.upperBound, block))
            }
        } catch { return fields }
        return fields
    }
}
