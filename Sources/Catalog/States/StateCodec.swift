// The state of an id as bytes, drawn; only this file and `PackedInstance` know them. Members send each other states in
// this form, and stores outside of this process keep them in it. An instance is packed in memory and is never unpacked
// on the way: its fields are copied from bytes to bytes, and judged where they lie.
//
//     state      count of bytes, then its kind and its fields           counts: base 128, the lowest digit first    text: count, UTF-8
//       1 present  namespace, version, heartbeat, instance              version: time u64, origin u64               heartbeat: age i64, wall i64
//       2 absent   namespace, version, id, age i64, (block: fields)     id: 0 and u64, or 1 and text
//       3 renewed  namespace, version, heartbeat, id
//       4 service  namespace, version, name, block: fields        its override being one
//     instance   id, service, endpoint kind, endpoint, status, ttl i64, count of tags, tags, has metadata, metadata, registered i64, has extra, extra,
//                fields of newer releases: tag u8, block
//     fields     of an instance that is absent, such as an override that is kept: tag u8, block
//
// What is behind the fields that are known is passed over, as are kinds that are not: a newer release may add to both.
// What one adds to an instance is kept and passed on.

import Text

/// Writes and reads states.
package enum StateCodec {
    private enum Kind {
        static let present: UInt8 = 1, absent: UInt8 = 2, renewed: UInt8 = 3, service: UInt8 = 4
    }

    private enum IDKind {
        static let digest: UInt8 = 0, text: UInt8 = 1
    }

    /// A stamp at the very end of time is refused: a clock that took it over could give no later one.
    private static let firstUnusableTime = UInt64.max << 32

    // MARK: - Out

    /// Appends a state after the count of its bytes.
    package static func append(_ state: Replicated, to bytes: inout [UInt8]) {
        let namespace = state.namespace.name
        let head = 1 + [UInt8].digits(of: namespace.utf8.count) + namespace.utf8.count + 16
        switch state.replica {
        case .present(let instance, let version, let heartbeat):
            let layout = instance.packed.layout
            bytes.append(count: head + 16 + size(of: instance.id) + layout.encodedSize)
            bytes.append(Kind.present)
            bytes.append(counted: namespace)
            append(version, to: &bytes)
            append(heartbeat, to: &bytes)
            append(instance.id, to: &bytes)
            instance.packed.encode(layout, to: &bytes)
        case .absent(let id, let version, let age, let override):
            let fields = override?.fields(in: nil) ?? []
            let size = fields.isEmpty ? 0 : [UInt8].digits(of: fields.count) + fields.count
            bytes.append(count: head + Self.size(of: id) + 8 + size)
            bytes.append(Kind.absent)
            bytes.append(counted: namespace)
            append(version, to: &bytes)
            append(id, to: &bytes)
            bytes.append(word: UInt64(bitPattern: age))
            guard !fields.isEmpty else { return }
            bytes.append(count: fields.count)
            bytes += fields
        case .renewed(let id, let version, let heartbeat):
            bytes.append(count: head + 16 + size(of: id))
            bytes.append(Kind.renewed)
            bytes.append(counted: namespace)
            append(version, to: &bytes)
            append(heartbeat, to: &bytes)
            append(id, to: &bytes)
        case .service(let name, let override):
            let fields = override.fields(in: nil)
            let size = [UInt8].digits(of: fields.count) + fields.count
            bytes.append(count: head + [UInt8].digits(of: name.text.utf8.count) + name.text.utf8.count + size)
            bytes.append(Kind.service)
            bytes.append(counted: namespace)
            append(override.version, to: &bytes)
            bytes.append(counted: name.text)
            bytes.append(count: fields.count)
            bytes += fields
        }
    }

    private static func append(_ version: Version, to bytes: inout [UInt8]) {
        bytes.append(word: version.time.bits)
        bytes.append(word: version.origin.bits)
    }

    private static func append(_ heartbeat: Heartbeat, to bytes: inout [UInt8]) {
        bytes.append(word: UInt64(bitPattern: heartbeat.age))
        bytes.append(word: UInt64(bitPattern: heartbeat.wall))
    }

    private static func append(_ id: InstanceID, to bytes: inout [UInt8]) {
        switch id {
        case .digest(let digest):
            bytes.append(IDKind.digest)
            bytes.append(word: digest)
        case .text(let name):
            bytes.append(IDKind.text)
            bytes.append(counted: name.text)
        }
    }

    private static func size(of id: InstanceID) -> Int {
        switch id {
        case .digest: 9
        case .text(let name): 1 + [UInt8].digits(of: name.text.utf8.count) + name.text.utf8.count
        }
    }

    // MARK: - In

    /// The state in these bytes, without the count before it; nil when it is of a kind that a newer release has.
    ///
    /// - Parameter last: the namespace that was read last, if any: neighbours mostly share one, and it is not made
    ///   again for each.
    package static func decode(
        _ bytes: Span<UInt8>, in range: Range<Int>, last: inout Namespace?
    ) throws(StateError) -> Replicated? {
        var cursor = ByteCursor(range)
        let kind = try cursor.byte(bytes)
        guard (Kind.present...Kind.service).contains(kind) else { return nil }
        let namespace = try namespace(bytes, &cursor, last: &last)
        let time = try cursor.word(bytes)
        guard time < firstUnusableTime else { throw .value }
        let version = Version(time: HybridTime(bits: time), origin: MemberID(bits: try cursor.word(bytes)))
        switch kind {
        case Kind.present:
            let heartbeat = try heartbeat(bytes, &cursor)
            let start = cursor.position
            let instance: Instance
            switch try id(bytes, &cursor) {
            case .digest(let digest):
                instance = Instance(digest: digest, packed: try PackedInstance(decoding: bytes, id: nil, &cursor))
            case .text:
                // Behind the byte that says so.
                let field = start + 1..<cursor.position
                instance = Instance(digest: 0, packed: try PackedInstance(decoding: bytes, id: field, &cursor))
            }
            return Replicated(namespace: namespace, replica: .present(instance, version, heartbeat))
        case Kind.absent:
            let id = try id(bytes, &cursor)
            // The state of a member that does not send it ends here.
            let age = cursor.remaining > 0 ? max(0, try cursor.signed(bytes)) : 0
            let override = cursor.remaining > 0 ? try self.override(bytes, &cursor) : nil
            return Replicated(namespace: namespace, replica: .absent(id, version, age: age, override: override))
        case Kind.service:
            let name = Name(bytes.text(in: try cursor.text(bytes, atMost: StateLimits.serviceName).content))
            // One whose override cannot be read is of a newer release, or nonsense.
            guard let override = try override(bytes, &cursor), override.version == version else { return nil }
            return Replicated(namespace: namespace, replica: .service(name, override))
        default:
            let heartbeat = try heartbeat(bytes, &cursor)
            return Replicated(namespace: namespace, replica: .renewed(try id(bytes, &cursor), version, heartbeat))
        }
    }

    /// The override among fields.
    private static func override(_ bytes: Span<UInt8>, _ cursor: inout ByteCursor) throws(StateError) -> StatusOverride?
    {
        let fields = try cursor.block(bytes, atMost: StateLimits.further).content
        return StatusOverride(in: [UInt8](room: fields.count) { $0.append(bytes.extracting(fields)) }[...])
    }

    private static func namespace(
        _ bytes: Span<UInt8>, _ cursor: inout ByteCursor, last: inout Namespace?
    ) throws(StateError) -> Namespace {
        let field = try cursor.text(bytes, atMost: StateLimits.namespace)
        if let last, last.isSpelt(by: bytes.extracting(field.content)) { return last }
        let namespace = Namespace(bytes.text(in: field.content))
        last = namespace
        return namespace
    }

    /// A heartbeat is never in the future, or it would lengthen a lease.
    private static func heartbeat(_ bytes: Span<UInt8>, _ cursor: inout ByteCursor) throws(StateError) -> Heartbeat {
        Heartbeat(age: max(0, try cursor.signed(bytes)), wall: try cursor.signed(bytes))
    }

    private static func id(_ bytes: Span<UInt8>, _ cursor: inout ByteCursor) throws(StateError) -> InstanceID {
        switch try cursor.byte(bytes) {
        case IDKind.digest: return .digest(try cursor.word(bytes))
        case IDKind.text:
            let field = try cursor.text(bytes, atMost: StateLimits.id)
            guard let id = InstanceID(Array(bytes.text(in: field.content).utf8)[...]) else { throw .text }
            return id
        default: throw .value
        }
    }
}
