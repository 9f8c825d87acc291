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
            let time = try cursor.word(span)
            let origin = try cursor.word(span)
            let until = try cursor.signed(span)
            let status = try cursor.text(span, atMost: Self.statusLimit).content
            let who = try cursor.text(span, atMost: Self.whoLimit).content
            self.init(
                status: status.isEmpty ? nil : InstanceStatus(span.text(in: status)),
                version: Version(time: HybridTime(bits: time), origin: MemberID(bits: origin)),
                until: until == Self.noEnd ? nil : until, who: who.isEmpty ? nil : span.text(in: who))
        } catch { return nil }
    }

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
        var fields = [Self.tag]
        fields.append(count: block.count)
        fields += block
        let bytes = further.map(Array.init) ?? []
        for field in Self.fields(bytes) where field.tag != Self.tag { fields += bytes[field.whole] }
        return fields
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
