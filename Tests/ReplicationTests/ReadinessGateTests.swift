// Whether a member asks for traffic, as a table, and what a node makes of refusals, of originals and of the shared
// directory.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct ReadinessGateTests {
    static let copied = ReadinessGround.copied(from: PeerAddress(host: "10.0.0.1", port: 1))

    static func known(
        _ ground: ReadinessGround? = nil, directory: Bool = false, refusal: RefusalReason? = nil,
        isAnswered: Bool = false,
        originals: Bool = false
    ) -> ReadinessGate.Knowledge {
        ReadinessGate.Knowledge(
            ground: ground, awaitsDirectory: directory, refusal: refusal, isAnswered: isAnswered,
            awaitsOriginals: originals,
            deadline: 8_000)
    }

    @Test(
        arguments: [
            (known(), 0, .searching, 8_000), (known(isAnswered: true), 0, .copying, nil),
            (known(refusal: .secret), 0, .refused(.secret), nil),
            (known(refusal: .secret, isAnswered: true), 90_000, .refused(.secret), nil),
            (known(directory: true), 90_000, .clusterDirectory, nil),
            (known(copied, directory: true), 90_000, .clusterDirectory, nil),
            (known(copied), 0, nil, nil), (known(copied, originals: true), 7_999, .originals, 8_000),
            (known(copied, originals: true), 8_000, nil, nil),
            (known(.alone), 0, nil, nil),
        ] as [(ReadinessGate.Knowledge, MonotonicTime, ReadinessHold?, MonotonicTime?)])
    func `a member asks for traffic when nothing holds it back`(
        known: ReadinessGate.Knowledge, now: MonotonicTime, hold: ReadinessHold?, until: MonotonicTime?
    ) {
        var gate = ReadinessGate(at: 0)
        let report = gate.judge(known, at: now)
        #expect(report?.hold == hold)
        #expect(report?.until == until)
        #expect(gate.judge(known, at: now) == nil, "it is told once")
    }

    @Test func `a reason keeps the time at which it began, and who is ready stays so`() {
        var gate = ReadinessGate(at: 0)
        _ = gate.judge(Self.known(refusal: .secret), at: 1_000)
        _ = gate.judge(Self.known(refusal: .version), at: 2_000)
        #expect(gate.report.since == 2_000)
        _ = gate.judge(Self.known(Self.copied, originals: true), at: 3_000)
        #expect(gate.report.since == 3_000)
        _ = gate.judge(Self.known(Self.copied), at: 4_000)
        #expect(gate.report == ReadinessReport(hold: nil, ground: Self.copied, since: 4_000, until: nil))
        let later = gate.judge(Self.known(refusal: .secret), at: 5_000)
        #expect(later == nil)
        #expect(gate.report.isReady)
    }
}

struct NodeReadinessTests {
    private static func known(_ bench: NodeBench) -> ReadinessHold? { bench.node.status(at: bench.time).readiness.hold }

    private static func refusals(_ bench: NodeBench) -> Int {
        bench.directives.count { if case .note(.refusedByAll) = $0 { true } else { false } }
    }

    @Test func `a member that all refuse is not ready for as long as they do, and says so once`() throws {
        let bench = NodeBench(authenticator: .test("one secret"))
        let peers: Set = [bench.address(1), bench.address(2)]
        bench.tell { $0.members(peers, isComplete: true, at: bench.time) }
        for _ in 0..<6 {
            for member in [1, 2] as [UInt64] {
                _ = try bench.dial(member: member, at: bench.address(member), secret: "another")
            }
            bench.pass(20_000)
        }
        #expect(Self.known(bench) == .refused(.secret))
        #expect(Self.refusals(bench) == 1)
        let status = bench.node.status(at: bench.time)
        #expect(!status.isReady)
        #expect(status.refusal == .secret)
        #expect(status.peers.map(\.state) == [.refused, .refused])
        #expect(status.peers.map(\.refusal) == [.secret, .secret])
        // One of them is given the right secret.
        let link = try bench.dial(member: 1, at: bench.address(1), secret: "one secret")
        #expect(bench.closed(link) == nil)
        bench.pass(100)
        #expect(Self.known(bench) == .copying)
        #expect(bench.node.status(at: bench.time).peers.map(\.state) == [.copying, .refused])
    }

    @Test func `what refuses us at the handshake of TLS counts too`() throws {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        bench.pass(100)
        for _ in 0..<10 {
            bench.tell { $0.dialFailed(bench.address(1), refusal: .certificate, at: bench.time) }
            bench.pass(10_000)
        }
        #expect(Self.known(bench) == .refused(.certificate))
        bench.tell { $0.dialFailed(bench.address(1), at: bench.time) }
        #expect(Self.known(bench) == .searching, "it is gone, and refuses nobody any more")
    }

    @Test func `one that refused and is gone may be back in a moment, and is waited for like one that has answered`()
        throws
    {
        let bench = NodeBench(authenticator: .test("one secret"))
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        bench.pass(100)
        var refusedAt: MonotonicTime = 0
        for _ in 0..<8 {
            _ = try bench.dial(member: 1, at: bench.address(1), secret: "another")
            refusedAt = bench.now
            bench.pass(5_000)
        }
        bench.tell { $0.dialFailed(bench.address(1), at: bench.time) }
        #expect(Self.known(bench) == .searching)
        #expect(bench.node.status(at: bench.time).readiness.until == refusedAt + 30_000)
        bench.pass(refusedAt + 29_900 - bench.now)
        #expect(Self.known(bench) == .searching, "it may be starting")
        bench.pass(200)
        #expect(Self.known(bench) == nil)
        #expect(bench.node.status(at: bench.time).ground == .timeout(peersAnswered: true))
    }

    @Test func `one that refuses beside one that is not there refuses for both`() throws {
        let bench = NodeBench(authenticator: .test("one secret"))
        bench.tell { $0.members([bench.address(1), bench.address(2)], isComplete: true, at: bench.time) }
        bench.pass(100)
        for _ in 0..<10 {
            _ = try bench.dial(member: 1, at: bench.address(1), secret: "another")
            bench.tell { $0.dialFailed(bench.address(2), at: bench.time) }
            bench.pass(10_000)
        }
        #expect(Self.known(bench) == .refused(.secret))
        #expect(Self.refusals(bench) == 1)
        #expect(!bench.node.isWhole, "what it has is nothing beside what the one has that refuses")
    }

    @Test func `one that refuses beside one that lets this member in holds nobody down`() throws {
        let bench = NodeBench(authenticator: .test("one secret"))
        bench.tell { $0.members([bench.address(1), bench.address(2)], isComplete: true, at: bench.time) }
        bench.pass(100)
        for _ in 0..<Readiness.vainDials {
            _ = try bench.dial(member: 1, at: bench.address(1), secret: "another")
            bench.pass(5_000)
        }
        let link = try bench.dial(member: 2, at: bench.address(2), secret: "one secret")
        #expect(bench.closed(link) == nil)
        bench.pass(100)
        #expect(Self.known(bench) == .copying)
        #expect(Self.refusals(bench) == 0)
    }

    @Test func `two that start together wait for a third that refuses them, for as long as is set, and say so`() throws
    {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1), bench.address(2)], isComplete: true, at: bench.time) }
        let start = bench.now
        let link = try bench.dial(member: 2, at: bench.address(2))
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: false)), on: link)
        let beat = Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: false, hears: [])
        func pass(until end: MonotonicTime) throws {
            while bench.now < end {
                bench.tell { $0.dialFailed(bench.address(1), refusal: .certificate, at: bench.time) }
                bench.say(.ping(beat), on: link)
                try bench.pong(link)
                bench.pass(100)
            }
        }
        func beside() -> [PeerAddress]? {
            bench.directives.lazy.compactMap {
                if case .note(.startedBeside(let members, .certificate)) = $0 { members } else { nil }
            }.first
        }
        try pass(until: start + 29_900)
        #expect(!bench.node.isWhole, "the third may have everything")
        #expect(beside() == nil)
        try pass(until: start + 30_100)
        #expect(bench.node.status(at: bench.time).ground == .startedTogether(members: 2))
        #expect(beside() == [bench.address(1)])
    }

    @Test func `a stranger that nobody names holds nobody down`() throws {
        let bench = NodeBench(authenticator: .test("one secret"))
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        let link = try bench.accept(member: 9, secret: "another")
        #expect(bench.closed(link) == .refused(.secret))
        bench.pass(31_000)
        #expect(Self.known(bench) == nil)
    }

    // MARK: Originals

    private static func withOriginals() -> NodeBench {
        NodeBench {
            $0.offersOriginals = true
            $0.usesDirectory = true
        }
    }

    private static func copy(_ bench: NodeBench, from member: UInt64) throws {
        let link = try bench.dial(member: member, at: bench.address(member))
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
    }

    @Test
    func
        `a member with a copy waits for originals until they read from it, also for those that are still being dialed`()
        throws
    {
        let bench = Self.withOriginals()
        let (first, second) = (bench.address(8), bench.address(9))
        bench.tell { $0.members([bench.address(1), first, second], isComplete: true, at: bench.time) }
        bench.tell { $0.directoryServes(at: bench.time) }
        try Self.copy(bench, from: 1)
        #expect(bench.node.isWhole, "look-ups are answered")
        #expect(Self.known(bench) == .originals)
        bench.tell { $0.originalChanged(first, to: .connected, at: bench.time) }
        bench.tell { $0.originalReads(first, true, at: bench.time) }
        #expect(Self.known(bench) == .originals, "the second is being dialed")
        bench.tell { $0.originalReads(second, true, at: bench.time) }
        #expect(Self.known(bench) == nil)
    }

    @Test func `an original that has gone is not waited for, and one that never reads for sync_timeout at most`() throws
    {
        let bench = Self.withOriginals()
        let (present, gone) = (bench.address(8), bench.address(9))
        bench.tell { $0.members([bench.address(1), present, gone], isComplete: true, at: bench.time) }
        bench.tell { $0.directoryServes(at: bench.time) }
        try Self.copy(bench, from: 1)
        bench.tell { $0.originalChanged(present, to: .connected, at: bench.time) }
        for _ in 0..<Readiness.vainDials {
            bench.pass(2_000)
            bench.tell { $0.dialFailed(gone, at: bench.time) }
        }
        #expect(Self.known(bench) == .originals)
        let link = LinkID(number: 1)
        while bench.now < 30_900 {
            bench.say(.ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: true, hears: [])), on: link)
            bench.say(.pong(token: UInt64(bench.now.milliseconds)), on: link)
            bench.pass(100)
        }
        #expect(Self.known(bench) == .originals)
        bench.pass(200)
        #expect(Self.known(bench) == nil)
        let overdue = bench.directives.compactMap {
            if case .note(.originalsOverdue(let members)) = $0 { members } else { nil }
        }
        #expect(overdue == [[present]])
    }

    // MARK: The directory

    @Test func `a member whose directory was never of use is not ready, with a copy or without, however long it takes`()
        throws
    {
        for hasPeer in [false, true] {
            let bench = NodeBench { $0.usesDirectory = true }
            bench.tell { $0.members(hasPeer ? [bench.address(1)] : [], isComplete: false, at: bench.time) }
            if hasPeer { try Self.copy(bench, from: 1) }
            bench.pass(200_000)
            #expect(Self.known(bench) == .clusterDirectory)
            #expect(bench.node.isWhole == hasPeer)
            bench.tell { $0.members([], isComplete: true, at: bench.time) }
            bench.tell { $0.directoryServes(at: bench.time) }
            let hold: ReadinessHold? = hasPeer ? nil : .searching
            #expect(Self.known(bench) == hold)
        }
    }

    @Test func `silence means nothing before a late directory has named whom to ask`() throws {
        let bench = NodeBench { $0.usesDirectory = true }
        bench.tell { $0.members([], isComplete: false, at: bench.time) }
        bench.pass(100_000)
        let found = bench.now
        bench.tell { $0.directoryServes(at: bench.time) }
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        #expect(Self.known(bench) == .searching, "it has not even been dialed")
        #expect(bench.node.status(at: bench.time).readiness.until == found + 30_000)
        bench.pass(29_900)
        #expect(Self.known(bench) == .searching)
        try Self.copy(bench, from: 1)
        #expect(Self.known(bench) == nil)
        #expect(bench.node.status(at: bench.time).ground == .copied(from: bench.address(1)))
    }
}
