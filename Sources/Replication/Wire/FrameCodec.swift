// The bytes of our own protocol, drawn; nobody but this file, and `FieldCodec` for what is inside of frames, knows
// them. A frame is four bytes of length, little-endian, a byte of type, and what the type says; the length counts the
// type. What follows the fields that are known is passed over, as are types that are not: a newer version may add to
// all. States, ids and versions are as the catalog's `StateCodec` draws them. With a secret, a code of 32 bytes follows
// each frame that comes after the proof (`FrameSeal`), counted in its length.
//
//     type  name         fields
//      1    hello        min u16, max u16, member, host, port u16, name, nonce 32, beat
//      2    proof        code
//      3    ping         beat, 1 if drained, else nothing         beat: token u64, wall i64, standing, count, members u64
//      4    pong         token u64                                standing: 1 ready, 2 extended, 3 both, 0 neither
//      5    goodbye      0 leaving, else 1 and the reason
//      6    question     number u64, namespace, id                since version 3
//      7    answer       number u64, count, states                since version 3
//     16 … 21            from the subscriber
//     32 … 41, 48        from the publisher; 41 since version 3

import Catalog

enum FrameCodec {
    /// The versions of the protocol that this code speaks: its own and the one before, so that members of two releases
    /// form one cluster. A link speaks the highest that both ends do.
    static let versions: ClosedRange<UInt16> = 2...acknowledging
    /// From this version on subscribers are waited for, and ids asked for. Frames that older members do not know are
    /// not sent to them.
    static let acknowledging: UInt16 = 3
    /// From this version on digests count overrides, and keys have their versions.
    static let overriding: UInt16 = 3
    /// The bytes of a frame's length.
    static let prefix = 4
    /// The longest frame, its length aside. An instance is far smaller, because a request's body is.
    static let longest = 1 << 20
    /// The longest frame of a link on which nothing is proven yet.
    static let longestUnproven = 1_024
    /// Lists are cut into frames of about so many bytes, so that no frame keeps a link for long.
    static let batch = 64 << 10
    /// Most states take less, in bytes.
    private static let roomForState = 256

    private enum Kind {
        static let hello: UInt8 = 1, proof: UInt8 = 2, ping: UInt8 = 3, pong: UInt8 = 4, goodbye: UInt8 = 5
        static let question: UInt8 = 6, answer: UInt8 = 7
        static let subscribe: UInt8 = 16, acknowledge: UInt8 = 17, relay: UInt8 = 18
        static let askBuckets: UInt8 = 19, askKeys: UInt8 = 20, askStates: UInt8 = 21
        static let copyStart: UInt8 = 32, copy: UInt8 = 33, copyEnd: UInt8 = 34, changes: UInt8 = 35
        static let root: UInt8 = 36, buckets: UInt8 = 37, keys: UInt8 = 38, states: UInt8 = 39, relayed: UInt8 = 40
        static let notice: UInt8 = 41
        static let reaches: UInt8 = 48
    }

    // MARK: - Out

    /// A frame, or, of more states than fit into one, several. Other lists are expected to be within `batch` bytes.
    static func encode(_ frame: Frame) -> [UInt8] {
        switch frame {
        case .hello(let hello, _): write(Kind.hello) { $0.hello(hello) }
        case .proof(let code): write(Kind.proof) { $0.block(code) }
        case .ping(let beat):
            write(Kind.ping) { writer in
                writer.beat(beat)
                // Behind what older members read.
                if beat.isDrained { writer.byte(1) }
            }
        case .pong(let token): write(Kind.pong) { $0.word(token) }
        case .goodbye(let goodbye): write(Kind.goodbye) { $0.goodbye(goodbye) }
        case .question(let number, let key):
            write(Kind.question) { writer in
                writer.word(number)
                writer.stateKey(key)
            }
        case .answer(let number, let list):
            write(Kind.answer) { writer in
                writer.word(number)
                writer.list(list.states) { $0.state($1) }
            }
        case .notice(let notice): write(Kind.notice) { $0.byte(notice.rawValue) }
        case .subscribe: write(Kind.subscribe) { _ in }
        case .acknowledge(let changes): write(Kind.acknowledge) { $0.word(changes) }
        case .relay(let members): write(Kind.relay) { $0.members(members) }
        case .askBuckets: write(Kind.askBuckets) { _ in }
        case .askKeys(let buckets): write(Kind.askKeys) { $0.list(buckets) { $0.word($1) } }
        case .askStates(let keys): write(Kind.askStates) { $0.list(keys) { $0.stateKey($1) } }
        case .copyStart(let afterGap): write(Kind.copyStart) { $0.byte(afterGap ? 1 : 0) }
        case .copyEnd(let summary): write(Kind.copyEnd) { $0.copySummary(summary) }
        case .reaches(let reaches): write(Kind.reaches) { $0.reaches(reaches) }
        case .root(let root): write(Kind.root) { $0.word(root) }
        case .buckets(let buckets): write(Kind.buckets) { $0.buckets(buckets) }
        case .keys(let keys, let isCut):
            write(Kind.keys) { writer in
                writer.list(keys) { $0.keyedVersion($1) }
                writer.byte(isCut ? 1 : 0)
                // Behind what members of version 2 read.
                let overridden = keys.indices.filter { keys[$0].override != .none }
                writer.list(overridden) { writer, index in
                    writer.word(UInt32(truncatingIfNeeded: index))
                    writer.version(keys[index].override)
                }
            }
        case .copy(let list): encode(list.states, as: .copy).flatMap(\.frame)
        case .changes(let list): encode(list.states, as: .changes).flatMap(\.frame)
        case .relayed(let list): encode(list.states, as: .relayed).flatMap(\.frame)
        case .states(let list): encode(list.states, as: .states).flatMap(\.frame)
        case .unknown(let type): write(type) { _ in }
        }
    }

    /// States as frames of about `batch` bytes, each with how many are in it and their hash, made once for all who are
    /// told.
    static func encode(_ states: [Replicated], as list: StateList) -> [EncodedStates] {
        var frames: [EncodedStates] = []
        var body = ByteWriter(capacity: min(states.count * roomForState, batch + roomForState))
        var count = 0
        func finish(_ body: ByteWriter) {
            guard count > 0 else { return }
            let frame = write(list.kind, capacity: body.bytes.count + 16) { writer in
                writer.count(count)
                writer.raw(body.bytes)
            }
            frames.append(
                EncodedStates(count: count, hash: list == .copy ? WireHash.of(body.bytes[...]) : 0, frame: frame))
        }
        for state in states {
            body.state(state)
            count += 1
            guard body.bytes.count >= batch else { continue }
            finish(body)
            body = ByteWriter()
            count = 0
        }
        finish(body)
        return frames
    }

    /// Which of the frames that hold states.
    enum StateList {
        case copy, changes, relayed, states

        fileprivate var kind: UInt8 {
            switch self {
            case .copy: Kind.copy
            case .changes: Kind.changes
            case .relayed: Kind.relayed
            case .states: Kind.states
            }
        }
    }

    /// As many of the keys, from the front, as take so many bytes.
    static func fitting(_ keys: [KeyedVersion], bytes limit: Int) -> [KeyedVersion] {
        var bytes = 0
        let fitting = keys.prefix { key in
            // What `encode` writes of a key, or a few bytes more.
            bytes += key.namespace.name.utf8.count + key.id.byteCount + 32 + (key.override == .none ? 0 : 20)
            return bytes <= limit
        }
        return Array(fitting)
    }

    /// Keys, cut into lists of about `batch` bytes.
    static func parts(of keys: [StateKey]) -> [[StateKey]] {
        var parts: [[StateKey]] = []
        var part: [StateKey] = []
        var bytes = 0
        for key in keys {
            part.append(key)
            bytes += key.namespace.name.utf8.count + key.id.byteCount + 16
            guard bytes >= batch else { continue }
            parts.append(part)
            (part, bytes) = ([], 0)
        }
        return part.isEmpty ? parts : parts + [part]
    }

    private static func write(_ kind: UInt8, capacity: Int = 64, _ fields: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(capacity: capacity)
        writer.word(UInt32(0))
        writer.byte(kind)
        fields(&writer)
        writer.patch(UInt32(truncatingIfNeeded: writer.bytes.count - prefix), at: 0)
        return writer.bytes
    }

    /// What a proof is a code of: who proves, what it said and what it was told. The first keeps a proof from being
    /// thrown back at who made it, the nonces in the other two from being said again.
    static func transcript(provenBy role: LinkRole, said: [UInt8], told: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: said.count + told.count + 32)
        writer.text(role == .dialed ? "a8-replication dialer" : "a8-replication accepter")
        writer.block(said)
        writer.block(told)
        return writer.bytes
    }

    // MARK: - In

    /// The length that a frame gives itself, its four bytes aside, or nil when not all of these are there.
    static func length(of bytes: [UInt8], at start: Int, limit: Int) throws(FrameError) -> Int? {
        guard bytes.count - start >= prefix else { return nil }
        var reader = ByteReader(bytes, in: start..<start + prefix)
        let length = Int(try reader.word(UInt32.self))
        guard length > 0 else { throw .empty }
        guard length <= limit else { throw .tooLong(length) }
        return length
    }

    /// The frame in these bytes, its length aside.
    static func decode(_ bytes: [UInt8], in range: Range<Int>) throws(FrameError) -> Frame {
        var reader = ByteReader(bytes, in: range)
        let type = try reader.byte()
        switch type {
        case Kind.hello: return .hello(try reader.hello(), raw: Array(bytes[range]))
        case Kind.proof: return .proof(try reader.block(atMost: Authenticator.codeLength))
        case Kind.ping:
            var beat = try reader.beat()
            if reader.remaining > 0 { beat.isDrained = try reader.byte() & 1 != 0 }
            return .ping(beat)
        case Kind.pong: return .pong(token: try reader.word())
        case Kind.goodbye: return .goodbye(try reader.goodbye())
        case Kind.question: return .question(number: try reader.word(), try reader.stateKey())
        case Kind.answer: return .answer(number: try reader.word(), try reader.states())
        case Kind.notice: return .notice(WaitNotice(rawValue: try reader.byte()) ?? .leftOut)
        case Kind.subscribe: return .subscribe
        case Kind.acknowledge: return .acknowledge(changes: try reader.word())
        case Kind.relay: return .relay(try reader.members())
        case Kind.askBuckets: return .askBuckets
        case Kind.askKeys:
            return .askKeys(try reader.list(ofAtLeast: 2) { reader throws(FrameError) in try reader.bucket() })
        case Kind.askStates:
            return .askStates(try reader.list(ofAtLeast: 3) { reader throws(FrameError) in try reader.stateKey() })
        case Kind.copyStart: return .copyStart(afterGap: try reader.flag())
        case Kind.copyEnd: return .copyEnd(try reader.copySummary())
        case Kind.reaches: return .reaches(try reader.reaches())
        case Kind.root: return .root(try reader.word())
        case Kind.buckets: return .buckets(try reader.buckets())
        case Kind.keys:
            let keys = try reader.list(ofAtLeast: 20) { reader throws(FrameError) in try reader.keyedVersion() }
            let isCut = try reader.flag()
            return .keys(try reader.overrides(of: keys), isCut: isCut)
        case Kind.copy: return .copy(try reader.states(isHashed: true))
        case Kind.changes: return .changes(try reader.states())
        case Kind.relayed: return .relayed(try reader.states())
        case Kind.states: return .states(try reader.states())
        default: return .unknown(type: type)
        }
    }
}

/// States made ready to be sent, to however many.
struct EncodedStates {
    let count: Int
    let hash: UInt64
    let frame: [UInt8]
}

extension InstanceID {
    /// Of its text, or fewer.
    fileprivate var byteCount: Int {
        switch self {
        case .digest: 8
        case .text(let name): name.text.utf8.count
        }
    }
}
