// A file has what its store has, and whatever is done to a byte of it is found.

import TestCatalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Catalog
@testable import Snapshot

/// A store with some of everything, made at random.
struct Subject {
    let store: Store
    static let now: Int64 = 1_800_000_000_000

    static func moment(_ milliseconds: Int64) -> Moment {
        Moment(
            monotonic: MonotonicTime(milliseconds: milliseconds), lease: LeaseTime(milliseconds: milliseconds),
            wall: (now + milliseconds) * 1_000_000, lost: LeaseClock.lostBeforeStart)
    }

    init(seed: UInt64, isMember: Bool, count: Int) {
        var random = SplitMix64(seed: seed)
        store =
            isMember
            ? Store(namespaceCapacity: nil, replicating: MemberID(bits: 7)) : Store(namespaceCapacity: nil)
        var ids: [(Namespace, InstanceID)] = []
        for number in 0..<count {
            let moment = Self.moment(Int64(number))
            let namespace = Namespace("tenant-\(Int.random(in: 0..<5, using: &random))")
            let status: InstanceStatus = [.up, .starting, .outOfService].randomElement(using: &random) ?? .up
            let metadata: [UInt8]? = Bool.random(using: &random) ? Array(#"{"a":[1,"é"]}"#.utf8) : nil
            let id: InstanceID =
                Bool.random(using: &random) ? .digest(UInt64(number)) : .text(Name("web/10.0.0.\(number)"))
            let instance = Instance(
                id: id, serviceName: Name("service-\(Int.random(in: 0..<9, using: &random))"),
                endpoint: Endpoint(kind: .http, value: "10.0.0.1:\(number)"), status: status,
                ttl: .random(in: 1_000...600_000, using: &random), tags: ["v\(number % 3)"], metadata: metadata,
                registered: moment.wall)
            _ = store.register(instance, in: namespace, at: moment)
            ids.append((namespace, id))
            let (other, known) = ids.randomElement(using: &random) ?? (namespace, id)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: _ = store.deregister(known, in: other, at: moment)
            case 1: _ = store.override(known, in: other, .set(.outOfService, until: nil), at: moment)
            case 2: _ = store.override(known, in: other, .drain(for: 3_600_000_000_000), at: moment)
            case 3: _ = store.renew(known, in: other, at: moment)
            default: break
            }
        }
    }

    var file: [UInt8] { Self.file(of: store) }

    static func file(of store: Store, at milliseconds: Int64 = 10_000) -> [UInt8] {
        let moment = moment(milliseconds)
        var reading = SnapshotReading(
            SnapshotHead(began: moment.wall, member: 7, release: "test", name: "member-1"))
        var bytes: [UInt8] = []
        while !reading.isDone { bytes += reading.next(of: store, at: moment, wall: moment.wall) }
        #expect(reading.encoder.bytes == bytes.count)
        return bytes
    }
}

/// Reads a file as a start does: all of it is checked before anything is used.
func read(_ file: [UInt8]) throws(SnapshotFault) -> (SnapshotIndex, [(state: Replicated, read: Int64)]) {
    func bytes(_ offset: Int, _ count: Int) -> [UInt8] {
        Array(file[min(offset, file.count)..<min(offset + count, file.count)])
    }
    let index = try SnapshotIndex(size: file.count) { (offset, count) throws(SnapshotFault) in bytes(offset, count) }
    for block in index.blocks { try block.check(bytes(block.offset, block.count)) }
    var states: [(state: Replicated, read: Int64)] = []
    for block in index.blocks {
        let found = SnapshotBlock.states(in: bytes(block.offset, block.count))
        #expect(found.unusable == 0)
        states += found.states.map { ($0, found.read) }
    }
    return (index, states)
}

struct SnapshotFileTests {
    private static func encoded(_ states: [Replicated]) -> [[UInt8]] {
        states.map { state in
            var bytes: [UInt8] = []
            StateCodec.append(state, to: &bytes)
            return bytes
        }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    @Test(arguments: 0..<8)
    func `a file has every state of its store, and nothing else`(seed: UInt64) throws {
        let subject = Subject(seed: seed, isMember: seed.isMultiple(of: 2), count: 1_000)
        let (index, states) = try read(subject.file)
        let moment = Subject.moment(10_000)
        var expected: [Replicated] = []
        var cursor: CopyCursor? = .start
        while let from = cursor {
            let piece = subject.store.copy(from: from, limit: 100, at: moment)
            expected += piece.items
            cursor = piece.next
        }
        var shelf: ShelfCursor? = .start
        var shelved = 0
        while let from = shelf {
            let piece = subject.store.copyShelves(from: from, limit: 3, at: moment)
            expected += piece.items
            shelved += piece.items.count
            shelf = piece.next
        }
        #expect(shelved > 0, "seed \(seed): nothing of what operators said of those that have gone")
        #expect(Self.encoded(states.map(\.state)) == Self.encoded(expected), "seed \(seed)")
        #expect(index.end.states == UInt64(expected.count), "seed \(seed)")
        #expect(index.end.latest == expected.map(\.replica.latestStamp).max(), "seed \(seed)")
        #expect(states.allSatisfy { $0.read == moment.wall })
        #expect(index.head == SnapshotHead(began: moment.wall, member: 7, release: "test", name: "member-1"))
    }

    @Test func `a file is found to be cut, wherever it is`() throws {
        // S205 A file that is cut … is not used.
        let file = Subject(seed: 1, isMember: true, count: 60).file
        #expect(try read(file).1.count > 50)
        for end in 0..<file.count {
            let fault = #expect(throws: SnapshotFault.self) { _ = try read(Array(file[..<end])) }
            switch fault {
            case .empty: #expect(end == 0)
            case .cut, nil: break
            default: Issue.record("cut at \(end): \(String(describing: fault))")
            }
        }
        #expect(throws: SnapshotFault.trailing) { _ = try read(file + [0]) }
    }

    @Test func `no bit of a file can change unnoticed`() throws {
        let file = Subject(seed: 2, isMember: true, count: 40).file
        for place in file.indices {
            for bit in 0..<8 {
                var changed = file
                changed[place] ^= 1 << UInt8(bit)
                #expect(throws: SnapshotFault.self, "byte \(place), bit \(bit)") { _ = try read(changed) }
            }
        }
    }

    @Test func `blocks that are lost, doubled or exchanged are found`() throws {
        let file = Subject(seed: 3, isMember: true, count: 2_000).file
        let (index, _) = try read(file)
        try #require(index.blocks.count > 2)
        func whole(_ block: SnapshotBlock) -> Range<Int> {
            block.offset - SnapshotFormat.blockHeadBytes..<block.offset + block.count
        }
        let (first, second) = (whole(index.blocks[0]), whole(index.blocks[1]))
        let (head, rest) = (Array(file[..<first.lowerBound]), Array(file[second.upperBound...]))
        let (one, two) = (Array(file[first]), Array(file[second]))
        let orders: [[[UInt8]]] = [[two], [one, one, two], [two, one], [one, two, two]]
        for order in orders {
            var changed = head
            for block in order { changed += block }
            changed += rest
            #expect(throws: SnapshotFault.self) { _ = try read(changed) }
        }
    }

    @Test func `what is no snapshot, and another format, say so`() {
        let file = Subject(seed: 4, isMember: false, count: 3).file
        var other = file
        other[SnapshotFormat.mark.count] = 2
        #expect(throws: SnapshotFault.format(2)) { _ = try read(other) }
        #expect(throws: SnapshotFault.empty) { _ = try read([]) }
        #expect(throws: SnapshotFault.noSnapshot) { _ = try read(Array("<!doctype html><title>404</title>".utf8)) }
        #expect(throws: SnapshotFault.noSnapshot) { _ = try read([UInt8](repeating: 0, count: 4_096)) }
        // As a transfer as text leaves it.
        let text = file.split(separator: 0x0D, omittingEmptySubsequences: false).joined()
        #expect(throws: SnapshotFault.noSnapshot) { _ = try read(Array(text)) }
    }
}
