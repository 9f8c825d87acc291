// An instance between memory and what `StateCodec` draws: both have the same fields in another order, so they are
// copied from one to the other, and what comes from elsewhere is judged on the way. No text becomes a String.

import Text

extension PackedInstance {
    /// Where the parts of an instance lie in its bytes.
    struct Layout {
        let serviceName: Range<Int>
        let endpointValue: Range<Int>
        /// Of a status that is spelt out.
        let status: Range<Int>?
        let tags: Range<Int>
        let extra: Range<Int>?
        /// Without its count.
        let further: Range<Int>?
        /// Without a count: it goes to the end.
        let metadata: Range<Int>?
        /// The bytes that `encode` writes.
        let encodedSize: Int
    }

    /// The known statuses as they are written, each after its count.
    private static let writtenStatuses = knownStatuses.map { status in
        var bytes: [UInt8] = []
        bytes.append(counted: status.token)
        return bytes
    }

    var layout: Layout {
        let (nameOffset, more) = (nameOffset, more)
        let nameEnd = field(at: nameOffset).upperBound
        let valueEnd = field(at: nameEnd).upperBound
        let isSpelt = statusNumber == Self.otherStatus
        let statusEnd = isSpelt ? field(at: valueEnd).upperBound : valueEnd
        var (count, tagsEnd) = length(at: statusEnd)
        while count > 0 { (count, tagsEnd) = (count - 1, field(at: tagsEnd).upperBound) }
        var (end, size) = (tagsEnd, tagsEnd - statusEnd)
        var extra: Range<Int>?
        if more.contains(.extra) {
            extra = end..<field(at: end).upperBound
            end = extra?.upperBound ?? end
        }
        var further: Range<Int>?
        if more.contains(.further) {
            further = field(at: end)
            end = further?.upperBound ?? end
        }
        let metadata = bytes[0] & Self.metadataBit != 0 ? end..<bytes.count : nil
        // The kind, the TTL, the time and two flags are as long as they are.
        size +=
            19 + valueEnd - nameOffset
            + (isSpelt ? statusEnd - valueEnd : Self.writtenStatuses[Int(statusNumber)].count)
        size +=
            (metadata.map { [UInt8].digits(of: $0.count) + $0.count } ?? 0) + (extra?.count ?? 0)
            + (further?.count ?? 0)
        return Layout(
            serviceName: nameOffset..<nameEnd, endpointValue: nameEnd..<valueEnd,
            status: isSpelt ? valueEnd..<statusEnd : nil,
            tags: statusEnd..<tagsEnd, extra: extra, further: further, metadata: metadata, encodedSize: size)
    }

    /// Appends the instance, but for its id, as it travels.
    func encode(_ layout: Layout, to output: inout [UInt8]) {
        let span = bytes.span
        output.append(span.extracting(layout.serviceName))
        output.append(UInt8(truncatingIfNeeded: endpointKind.index))
        output.append(span.extracting(layout.endpointValue))
        if let status = layout.status {
            output.append(span.extracting(status))
        } else {
            output.append(contentsOf: Self.writtenStatuses[Int(statusNumber)])
        }
        output.append(word: UInt64(bitPattern: ttl))
        output.append(span.extracting(layout.tags))
        output.append(layout.metadata == nil ? 0 : 1)
        if let metadata = layout.metadata {
            output.append(count: metadata.count)
            output.append(span.extracting(metadata))
        }
        output.append(word: UInt64(bitPattern: registered))
        output.append(layout.extra == nil ? 0 : 1)
        if let extra = layout.extra { output.append(span.extracting(extra)) }
        if let further = layout.further { output.append(span.extracting(further)) }
    }

    /// The instance that these bytes say, from after its id on to their end.
    ///
    /// - Parameter id: where its id lies, if it is text, with its count.
    init(decoding bytes: Span<UInt8>, id: Range<Int>?, _ cursor: inout ByteCursor) throws(StateError) {
        let name = try cursor.text(bytes, atMost: StateLimits.serviceName)
        let kind = Int(try cursor.byte(bytes))
        guard kind < Self.kinds.count else { throw .value }
        let value = try cursor.text(bytes, atMost: StateLimits.endpoint)
        let status = Status(try cursor.text(bytes, atMost: StateLimits.status).content, of: bytes)
        let ttl = try cursor.signed(bytes)
        guard StateLimits.ttls.contains(ttl) else { throw .value }
        let tags = try Self.tags(bytes, &cursor)
        let metadata = try cursor.flag(bytes) ? try cursor.block(bytes, atMost: StateLimits.metadata).content : nil
        let registered = try cursor.signed(bytes)
        // The state of a member that does not know of it ends here.
        let hasExtra = cursor.remaining > 0 ? try cursor.flag(bytes) : false
        let extra = hasExtra ? try cursor.block(bytes, atMost: StateLimits.extra).whole : nil
        let further = try Self.further(bytes, &cursor)

        var more: More = []
        if extra != nil { more.insert(.extra) }
        if further != nil { more.insert(.further) }
        if id != nil { more.insert(.id) }
        var size =
            Self.headSize(more, ttl: ttl) + (id?.count ?? 0) + name.whole.count + value.whole.count + tags.count
            + (metadata?.count ?? 0)
            + (extra?.count ?? 0)
        if let spelt = status.spelt { size += [UInt8].digits(of: spelt.utf8.count) + spelt.utf8.count }
        if let further { size += [UInt8].digits(of: further.count) + further.count }
        self.init(
            bytes: [UInt8](room: size) { output in
                Self.appendHead(
                    Self.kinds[kind], status.number, hasMetadata: metadata != nil, more, ttl: ttl,
                    registered: registered, to: &output)
                if let id { output.append(bytes.extracting(id)) }
                output.append(bytes.extracting(name.whole))
                output.append(bytes.extracting(value.whole))
                if let spelt = status.spelt { output.append(counted: Array(spelt.utf8)[...]) }
                output.append(bytes.extracting(tags))
                if let extra { output.append(bytes.extracting(extra)) }
                if let further {
                    output.append(number: UInt64(further.count))
                    output.append(bytes.extracting(further))
                }
                if let metadata { output.append(bytes.extracting(metadata)) }
            })
    }

    /// A status as it is packed: its number, and its token if it has none of its own.
    private struct Status {
        let number: UInt8
        let spelt: String?

        init(_ range: Range<Int>, of bytes: Span<UInt8>) {
            for (index, written) in PackedInstance.writtenStatuses.enumerated()
            where written.count == range.count + 1
                && range.indices.allSatisfy({ bytes[$0] == written[$0 - range.lowerBound + 1] })
            {
                (number, spelt) = (UInt8(index), nil)
                return
            }
            // A member of another release may spell a known one in its own letters.
            let status = InstanceStatus(bytes.text(in: range))
            number = PackedInstance.number(of: status)
            spelt = number == PackedInstance.otherStatus ? status.token : nil
        }
    }

    /// Where the tags lie, with their count.
    private static func tags(_ bytes: Span<UInt8>, _ cursor: inout ByteCursor) throws(StateError) -> Range<Int> {
        let start = cursor.position
        var total = 0
        for _ in 0..<(try cursor.count(bytes)) {
            total += 1 + (try cursor.text(bytes, atMost: StateLimits.tags).content.count)
            guard total <= StateLimits.tags else { throw .text }
        }
        return start..<cursor.position
    }

    /// The rest of an instance: fields of a newer release, each a tag and a block, kept as they came. Nil when there
    /// are none.
    private static func further(_ bytes: Span<UInt8>, _ cursor: inout ByteCursor) throws(StateError) -> Range<Int>? {
        guard cursor.remaining > 0 else { return nil }
        guard cursor.remaining <= StateLimits.further else { throw .tooLong(cursor.remaining) }
        let start = cursor.position
        while cursor.remaining > 0 {
            _ = try cursor.byte(bytes)
            _ = try cursor.block(bytes, atMost: StateLimits.further)
        }
        return start..<cursor.position
    }
}
