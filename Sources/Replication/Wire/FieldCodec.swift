// The fields that frames are made of, as `FrameCodec` draws them. Writer and reader stand beside one another, so that a
// change to one is a change to both; the reader believes nothing before it has looked.

import Catalog
import Text

// MARK: - Who

extension ByteWriter {
    mutating func hello(_ hello: Hello) {
        word(hello.versions.lowerBound)
        word(hello.versions.upperBound)
        word(hello.member.bits)
        text(hello.address.host.description)
        word(hello.address.port)
        text(hello.name)
        raw(hello.nonce)
        beat(hello.beat)
    }

    mutating func standing(isReady: Bool, isExtended: Bool) { byte((isReady ? 1 : 0) | (isExtended ? 2 : 0)) }

    mutating func beat(_ beat: Beat) {
        word(beat.token)
        word(beat.wall)
        standing(isReady: beat.isReady, isExtended: beat.isExtended)
        members(Array(beat.hears.prefix(Beat.heardLimit)))
    }

    mutating func members(_ members: [MemberID]) { list(members) { $0.word($1.bits) } }

    mutating func reaches(_ reaches: [Reach]) {
        list(reaches) { writer, reach in
            writer.word(reach.member.bits)
            writer.byte(reach.hops)
        }
    }

    mutating func goodbye(_ goodbye: Goodbye) {
        switch goodbye {
        case .leaving: byte(0)
        case .refused(let reason):
            byte(1)
            byte(reason.rawValue)
        case .other: byte(.max)
        }
    }

    mutating func list<Element>(_ elements: [Element], _ element: (inout ByteWriter, Element) -> Void) {
        count(elements.count)
        for each in elements { element(&self, each) }
    }
}

extension ByteReader {
    mutating func hello() throws(FrameError) -> Hello {
        let (lowest, highest) = (try word(UInt16.self), try word(UInt16.self))
        guard lowest <= highest else { throw .value }
        let member: MemberID = MemberID(bits: try word())
        guard let host = IPAddress(try text(atMost: Hello.hostLength)) else { throw .value }
        return Hello(
            versions: lowest...highest, member: member, address: PeerAddress(host: host, port: try word()),
            name: try text(atMost: Hello.nameLength),
            nonce: try raw(Hello.nonceLength), beat: try beat())
    }

    mutating func beat() throws(FrameError) -> Beat {
        let (token, wall, standing) = (try word() as UInt64, try word() as Int64, try standing())
        guard Beat.walls.contains(wall) else { throw .value }
        return Beat(
            token: token, wall: wall, isReady: standing.isReady, isExtended: standing.isExtended, hears: try members())
    }

    mutating func standing() throws(FrameError) -> (isReady: Bool, isExtended: Bool) {
        let bits = try byte()
        guard bits < 4 else { throw .value }
        return (bits & 1 != 0, bits & 2 != 0)
    }

    mutating func members() throws(FrameError) -> [MemberID] {
        let members = try list(ofAtLeast: 8) { reader throws(FrameError) in MemberID(bits: try reader.word()) }
        guard members.count <= Beat.heardLimit else { throw .tooLong(members.count) }
        return members
    }

    mutating func reaches() throws(FrameError) -> [Reach] {
        let reaches = try list(ofAtLeast: 9) { reader throws(FrameError) in
            Reach(member: MemberID(bits: try reader.word()), hops: try reader.byte())
        }
        guard reaches.count <= Beat.heardLimit else { throw .tooLong(reaches.count) }
        return reaches
    }

    mutating func goodbye() throws(FrameError) -> Goodbye {
        switch try byte() {
        case 0: return .leaving
        case 1: return RefusalReason(rawValue: try byte()).map { .refused($0) } ?? .other
        default: return .other
        }
    }

    mutating func flag() throws(FrameError) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw .value
        }
    }

    mutating func list<Element>(
        ofAtLeast size: Int, _ element: (inout ByteReader) throws(FrameError) -> Element
    ) throws(FrameError) -> [Element] {
        let count = try count(ofAtLeast: size)
        var list: [Element] = []
        list.reserveCapacity(count)
        for _ in 0..<count { list.append(try element(&self)) }
        return list
    }
}

// MARK: - What

extension ByteWriter {
    mutating func state(_ state: Replicated) { append { StateCodec.append(state, to: &$0) } }

    mutating func stateKey(_ key: StateKey) {
        text(key.namespace.name)
        id(key.id)
    }

    mutating func keyedVersion(_ key: KeyedVersion) {
        text(key.namespace.name)
        id(key.id)
        version(key.version)
        byte(key.isPresent ? 1 : 0)
    }

    /// Empty buckets are left out: of a small registry nearly all are.
    mutating func buckets(_ buckets: [UInt64]) {
        list(buckets.indices.filter { buckets[$0] != 0 }) { writer, index in
            writer.word(UInt16(truncatingIfNeeded: index))
            writer.word(buckets[index])
        }
    }

    mutating func copySummary(_ summary: CopySummary) {
        word(summary.count)
        word(summary.hash)
        standing(isReady: summary.isReady, isExtended: summary.isExtended)
    }

    mutating func version(_ version: Version) {
        word(version.time.bits)
        word(version.origin.bits)
    }

    mutating func id(_ id: InstanceID) {
        switch id {
        case .digest(let digest):
            byte(0)
            word(digest)
        case .text(let name):
            byte(1)
            text(name.text)
        }
    }
}

extension ByteReader {
    /// A list of states, as `StateCodec` draws them. One of a kind that a newer version has is counted and passed over.
    ///
    /// - Parameter isHashed: whether anybody asks for the hash, which is of a copy's states only.
    mutating func states(isHashed: Bool = false) throws(FrameError) -> States {
        let count = try count()
        var states: [Replicated] = []
        states.reserveCapacity(count)
        let hash = isHashed ? hash : 0
        var last: Namespace?
        for _ in 0..<count { if let state = try state(last: &last) { states.append(state) } }
        return States(states: states, count: count, hash: hash)
    }

    private mutating func state(last: inout Namespace?) throws(FrameError) -> Replicated? {
        let range = try range()
        do throws(StateError) {
            return try StateCodec.decode(bytes.span, in: range, last: &last)
        } catch {
            throw FrameError(error)
        }
    }

    mutating func stateKey() throws(FrameError) -> StateKey { StateKey(namespace: try namespace(), id: try id()) }

    mutating func keyedVersion() throws(FrameError) -> KeyedVersion {
        KeyedVersion(namespace: try namespace(), id: try id(), version: try version(), isPresent: try flag())
    }

    /// The same keys with the versions of their overrides, which members of version 2 do not tell.
    mutating func overrides(of keys: [KeyedVersion]) throws(FrameError) -> [KeyedVersion] {
        guard remaining > 0 else { return keys }
        var keys = keys
        for _ in 0..<(try count(ofAtLeast: 20)) {
            let index = Int(try word(UInt32.self))
            guard keys.indices.contains(index) else { throw .value }
            let key = keys[index]
            keys[index] = KeyedVersion(
                namespace: key.namespace, id: key.id, version: key.version, isPresent: key.isPresent,
                override: try version())
        }
        return keys
    }

    /// As many as a digest has.
    mutating func buckets() throws(FrameError) -> [UInt64] {
        var buckets = [UInt64](repeating: 0, count: BucketDigest.bucketCount)
        for _ in 0..<(try count(ofAtLeast: 10)) { buckets[Int(try bucket())] = try word() }
        return buckets
    }

    mutating func copySummary() throws(FrameError) -> CopySummary {
        let (count, hash, standing) = (try word() as UInt64, try word() as UInt64, try standing())
        return CopySummary(count: count, hash: hash, isReady: standing.isReady, isExtended: standing.isExtended)
    }

    mutating func bucket() throws(FrameError) -> UInt16 {
        let bucket = try word(UInt16.self)
        guard bucket < BucketDigest.bucketCount else { throw .value }
        return bucket
    }

    /// A stamp at the very end of time is refused: a clock that took it over could give no later one.
    private mutating func version() throws(FrameError) -> Version {
        let bits = try word(UInt64.self)
        guard bits < UInt64.max << 32 else { throw .value }
        return Version(time: HybridTime(bits: bits), origin: MemberID(bits: try word()))
    }

    mutating func namespace() throws(FrameError) -> Namespace { Namespace(try text(atMost: StateLimits.namespace)) }

    mutating func id() throws(FrameError) -> InstanceID {
        switch try byte() {
        case 0: return .digest(try word())
        case 1:
            guard let id = InstanceID(Array(try text(atMost: StateLimits.id).utf8)[...]) else { throw .text }
            return id
        default: throw .value
        }
    }
}

extension FrameError {
    init(_ error: StateError) {
        switch error {
        case .truncated: self = .truncated
        case .text: self = .text
        case .value: self = .value
        case .tooLong(let count): self = .tooLong(count)
        }
    }
}
