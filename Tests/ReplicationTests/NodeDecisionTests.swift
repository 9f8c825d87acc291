// The decisions of a node, each as a table: readiness, the clock, the wait before a dial, the hold after a pause,
// relays, the size.

import Catalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Replication

struct ReadinessTests {
    typealias Probe = Readiness.Probe
    static let peers = (1...3).map { PeerAddress(host: "10.0.0.\($0)", port: 1) }

    struct Row: Sendable {
        let probes: [Probe]
        var expected: Int?
        var isKnown = true
        var lastAnswer: MonotonicTime?
        var now: MonotonicTime = 1_000
        let ground: ReadinessGround?
    }

    static let rows = [
        Row(probes: [], ground: nil),
        Row(probes: [], expected: 1, ground: .alone),
        Row(probes: [], expected: 1, isKnown: false, ground: nil),
        // Behind an address that leads back there may be others yet.
        Row(probes: [.irrelevant], expected: 1, now: 7_999, ground: nil),
        Row(probes: [.irrelevant], expected: 1, now: 8_000, ground: .alone),
        // Another is named, though it refuses: it may know more.
        Row(probes: [.silent], expected: 1, ground: nil),
        Row(probes: [.copied(wasReady: true), .pending], ground: .copied(from: peers[0])),
        Row(probes: [.copied(wasReady: false), .pending], ground: nil),
        Row(probes: [.copied(wasReady: false), .copying], ground: nil),
        Row(probes: [.copied(wasReady: false), .copied(wasReady: false)], ground: .startedTogether(members: 3)),
        Row(probes: [.copied(wasReady: false), .silent], ground: .startedTogether(members: 2)),
        Row(probes: [.copied(wasReady: false), .silent], expected: 3, ground: nil),
        // Who refuses both is there, and may have everything; but it alone holds up nobody for ever.
        Row(probes: [.copied(wasReady: false), .refusing], ground: nil),
        Row(probes: [.copied(wasReady: false), .refusing], now: 9_000, ground: .startedTogether(members: 2)),
        Row(probes: [.copied(wasReady: true), .refusing], ground: .copied(from: peers[0])),
        Row(probes: [.copied(wasReady: false), .irrelevant], expected: 2, ground: .startedTogether(members: 2)),
        Row(probes: [.silent, .silent], ground: nil),
        Row(probes: [.silent, .silent], now: 9_000, ground: .timeout(peersAnswered: false)),
        Row(probes: [], isKnown: false, now: 9_000, ground: .timeout(peersAnswered: false)),
        Row(probes: [.pending], lastAnswer: 1_000, now: 11_000, ground: .timeout(peersAnswered: true)),
        // Whoever had everything was heard a moment ago, though it is no member now.
        Row(probes: [.pending], lastAnswer: 1_001, now: 11_000, ground: nil),
        Row(probes: [], lastAnswer: 1_001, now: 11_000, ground: nil),
        // Somebody is telling: what it has is worth waiting for.
        Row(probes: [.copying, .silent], lastAnswer: 0, now: 9_000, ground: nil),
        // It hangs up again and again, and is there.
        Row(probes: [.interrupted, .silent], lastAnswer: 0, now: 90_000, ground: nil),
        Row(probes: [.interrupted, .copied(wasReady: false)], lastAnswer: 0, now: 90_000, ground: nil),
        Row(probes: [.interrupted, .copied(wasReady: true)], lastAnswer: 0, ground: .copied(from: peers[1])),
        Row(
            probes: [.copied(wasReady: false), .silent], expected: 3, now: 9_000, ground: .startedTogether(members: 2)),
    ]

    @Test(arguments: rows)
    func `a member is ready when it has everything, or nobody is there to have more`(row: Row) {
        let readiness = Readiness(expected: row.expected, timeout: 8_000, silence: 10_000, start: 0)
        let probes = Dictionary(uniqueKeysWithValues: zip(Self.peers, row.probes))
        #expect(
            readiness.ground(probes, isMembershipKnown: row.isKnown, lastAnswer: row.lastAnswer, at: row.now)
                == row.ground)
    }
}

struct ClockAlarmTests {
    @Test(
        arguments: [
            ([0, 3_600_000], 0), ([-3_600_000, -3_600_000], -3_600_000), ([3_600_000], 0), ([-5, -7, 4], -5 + 5),
            ([], 0),
            ([100, 90, 80, 70], 80),
        ] as [([Int64], Int64)])
    func `the median is that of all clocks, and the nearer of two`(offsets: [Int64], median: Int64) {
        #expect(ClockAlarm.median(offsets) == median)
    }

    @Test func `the member that is wrong corrects itself, and the others do not`() {
        var wrong = ClockAlarm(tolerance: 10_000)
        let step1 = wrong.judge([-3_600_000, -3_600_050])
        #expect(step1 == .correct(-3_600_000))
        let step2 = wrong.judge([-3_600_100, -3_600_050])
        #expect(step2 == nil, "jitter is no reason")
        let step3 = wrong.judge([])
        #expect(step3 == nil)
        #expect(wrong.correction == -3_600_000)
        let step4 = wrong.judge([10, -10])
        #expect(step4 == .right)
        #expect(wrong.correction == 0)
        var right = ClockAlarm(tolerance: 10_000)
        let step5 = right.judge([3_600_000, 20])
        #expect(step5 == nil)
    }

    @Test func `a clock is corrected by eighty years at most, whatever the others say`() {
        var alarm = ClockAlarm(tolerance: 10_000)
        let ahead = alarm.judge([.max, .max - 1])
        #expect(ahead == .correct(ClockAlarm.farthest))
        let still = alarm.judge([.max, .max - 1])
        #expect(still == nil)
        let behind = alarm.judge([.min, .min])
        #expect(behind == .correct(-ClockAlarm.farthest))
        let right = alarm.judge([0, 1])
        #expect(right == .right)
    }

    @Test func `of two members each believes its own clock`() {
        var alarm = ClockAlarm(tolerance: 10_000)
        let step6 = alarm.judge([3_600_000])
        #expect(step6 == nil)
        #expect(alarm.correction == 0)
    }
}

struct DialTableTests {
    @Test func `the wait is random, grows, and has a cap`() {
        var random: any RandomNumberGenerator = SplitMix64(seed: 1)
        let limits = NodeLimits()
        var longest: [Duration] = []
        for failures in [1, 2, 3, 5, 9, 60, 5_000] {
            let waits = (0..<300).map { _ in DialTable.wait(failures: failures, limits: limits, random: &random) }
            #expect(waits.allSatisfy { (20...limits.dialCap).contains($0) })
            #expect(Set(waits).count > 50)
            longest.append(waits.max() ?? 0)
        }
        #expect(longest[0] <= limits.dialBase)
        #expect(longest[1] > limits.dialBase && longest[1] <= 2 * limits.dialBase)
        #expect(longest.last ?? 0 > limits.dialCap * 9 / 10)
    }

    @Test func `a peer that hangs up at once is dialed ever less often`() {
        var random: any RandomNumberGenerator = SplitMix64(seed: 2)
        let address = PeerAddress(host: "10.0.0.1", port: 1)
        var table = DialTable(limits: NodeLimits())
        _ = table.replace(with: [address], at: 0)
        var (now, dials) = (MonotonicTime.zero, 0)
        while now < 60_000 {
            if !table.due(at: now, random: &random).isEmpty {
                dials += 1
                let step7 = table.linked(address, to: LinkID(number: UInt64(dials)), at: now)
                #expect(step7)
                table.ended(LinkID(number: UInt64(dials)), heardAt: nil, at: now, random: &random)
            }
            now += 10
        }
        #expect((12...60).contains(dials), "\(dials)")
    }

    @Test func `an address that is no member's any more gives its link up`() {
        var random: any RandomNumberGenerator = SplitMix64(seed: 3)
        let address = PeerAddress(host: "10.0.0.1", port: 1)
        var table = DialTable(limits: NodeLimits())
        let step8 = table.replace(with: [address], at: 0)
        #expect(step8.isEmpty)
        let step9 = table.due(at: 0, random: &random)
        #expect(step9 == [address])
        let step10 = table.linked(address, to: LinkID(number: 1), at: 0)
        #expect(step10)
        let step11 = table.linked(address, to: LinkID(number: 2), at: 0)
        #expect(!step11)
        let step12 = table.replace(with: [], at: 0)
        #expect(step12 == [LinkID(number: 1)])
        let step13 = table.linked(address, to: LinkID(number: 3), at: 0)
        #expect(!step13)
    }
}

struct LeaseHoldTests {
    static let peers = (1...2).map { PeerAddress(host: "10.0.0.\($0)", port: 1) }

    @Test func `leases are held until every peer was heard or is gone`() {
        var hold = LeaseHold()
        let step14 = hold.begin(awaiting: Set(Self.peers), atMost: 15_000, at: 0)
        #expect(step14)
        hold.heard(Self.peers[0])
        let step15 = hold.end(at: 100)
        #expect(step15 == nil)
        hold.gone(Self.peers[1])
        let step16 = hold.end(at: 200)
        #expect(step16 == .heard)
    }

    @Test func `nobody to hear is nobody to wait for, and nobody heard is nobody to judge by`() {
        var hold = LeaseHold()
        let step17 = hold.begin(awaiting: [], atMost: 15_000, at: 0)
        #expect(!step17)
        let step18 = hold.begin(awaiting: Set(Self.peers), atMost: 15_000, at: 0)
        #expect(step18)
        let step19 = hold.end(at: 14_999)
        #expect(step19 == nil)
        let step20 = hold.end(at: 15_000)
        #expect(step20 == .alone)
    }
}

struct RelayingTests {
    static let (one, two, far, farther) = (MemberID(bits: 1), MemberID(bits: 2), MemberID(bits: 3), MemberID(bits: 4))
    static let (eight, five) = (LinkID(number: 8), LinkID(number: 5))

    static func neighbors(_ first: [MemberID: Int], _ second: [MemberID: Int]) -> [Relaying.Neighbor] {
        [Relaying.Neighbor(link: eight, reaches: first), Relaying.Neighbor(link: five, reaches: second)]
    }

    @Test func `a member that only others hear is asked of one of them, after a while`() {
        var relaying = Relaying()
        let neighbors = Self.neighbors([Self.one: 0, Self.far: 0], [Self.two: 0, Self.far: 0])
        let heard: Set = [Self.one, Self.two]
        #expect(relaying.plan(heard: heard, neighbors: neighbors, at: 0).isEmpty)
        #expect(relaying.plan(heard: heard, neighbors: neighbors, at: 0 + Relaying.patience - 1).isEmpty)
        #expect(relaying.plan(heard: heard, neighbors: neighbors, at: 0 + Relaying.patience) == [Self.five: [Self.far]])
        #expect(
            relaying.plan(heard: heard.union([Self.far]), neighbors: neighbors, at: 0 + Relaying.patience + 1).isEmpty)
    }

    @Test func `one that was heard is asked for as soon as the others could have said that they have lost it too`() {
        var relaying = Relaying()
        let (heard, neighbors) = (
            Set([Self.one, Self.two]), Self.neighbors([Self.one: 0, Self.far: 0], [Self.two: 0])
        )
        #expect(relaying.plan(heard: heard.union([Self.far]), neighbors: neighbors, at: 0).isEmpty)
        #expect(relaying.plan(heard: heard, neighbors: neighbors, at: 10_000).isEmpty)
        #expect(
            relaying.plan(heard: heard, neighbors: Self.neighbors([:], [:]), at: 10_100).isEmpty,
            "the others have lost it too")
        #expect(relaying.plan(heard: heard, neighbors: neighbors, at: 11_000).isEmpty)
        #expect(
            relaying.plan(heard: heard, neighbors: neighbors, at: 11_000 + Relaying.shortPatience) == [
                Self.eight: [Self.far]
            ])
    }

    @Test
    func `the shortest path is taken, the one in use stays among equals, and what goes in circles is counted out`() {
        var relaying = Relaying()
        func plan(_ first: [MemberID: Int], _ second: [MemberID: Int], at now: MonotonicTime) -> LinkID? {
            let plan = relaying.plan(heard: [Self.one], neighbors: Self.neighbors(first, second), at: now)
            return plan.first { $0.value.contains(Self.farther) }?.key
        }
        _ = plan([Self.farther: 1], [:], at: 0)
        #expect(plan([Self.farther: 1], [Self.farther: 2], at: 5_000) == Self.eight)
        #expect(relaying.routes[Self.farther]?.hops == 2)
        #expect(plan([Self.farther: 1], [Self.farther: 1], at: 5_100) == Self.eight)
        #expect(plan([Self.farther: 1], [Self.farther: 0], at: 5_200) == Self.five)
        #expect(plan([Self.farther: Relaying.farthest], [:], at: 9_000) == nil)
        #expect(
            plan([Self.farther: Relaying.farthest - 1], [:], at: 9_100) == nil, "it has to be there for a while again")
        #expect(plan([Self.farther: Relaying.farthest - 1], [:], at: 9_100 + Relaying.shortPatience) == Self.eight)
    }
}

struct SizeWatchTests {
    @Test func `too few members are told once, and enough once`() {
        var watch = SizeWatch()
        let step24 = watch.judge(2, of: 3, at: 0)
        #expect(step24 == nil)
        let step25 = watch.judge(2, of: 3, at: 5_000)
        #expect(step25 == .sizeUnmet(expected: 3, members: 2))
        let step26 = watch.judge(1, of: 3, at: 6_000)
        #expect(step26 == nil)
        let step27 = watch.judge(3, of: 3, at: 7_000)
        #expect(step27 == .sizeMet(members: 3))
        let step28 = watch.judge(3, of: 3, at: 8_000)
        #expect(step28 == nil)
    }
}

struct DigestComparisonTests {
    @Test func `only buckets that differ twice are asked for, a few at a time`() {
        var comparison = DigestComparison()
        let own = [UInt64](repeating: 1, count: BucketDigest.bucketCount)
        var theirs = own
        for bucket in 0..<100 { theirs[bucket] = 2 }
        let step29 = comparison.compare(root: 1, with: 2)
        #expect(step29)
        let step30 = comparison.compare(buckets: theirs, with: own)
        #expect(step30 == .nothing)
        theirs[5] = 1
        theirs[4_000] = 7
        let first = (0...64).filter { $0 != 5 }.map { UInt16($0) }
        let step31 = comparison.compare(buckets: theirs, with: own)
        #expect(step31 == .askKeys(first))
        let step32 = comparison.next()
        #expect(step32 == .askKeys((65..<100).map { UInt16($0) }))
        let step33 = comparison.next()
        #expect(step33 == .nothing)
        let step34 = comparison.compare(root: 3, with: 3)
        #expect(!step34)
        let step35 = comparison.compare(buckets: theirs, with: own)
        #expect(step35 == .nothing, "equal roots clear all suspicion")
    }

    @Test func `buckets whose keys were cut are asked for again, half as many at once, down to a copy`() {
        var comparison = DigestComparison()
        let own = [UInt64](repeating: 1, count: BucketDigest.bucketCount)
        var theirs = own
        for bucket in 10..<14 { theirs[bucket] = 2 }
        _ = comparison.compare(buckets: theirs, with: own)
        let steps = [
            comparison.compare(buckets: theirs, with: own), comparison.next(afterCut: true), comparison.next(),
            comparison.next(afterCut: true), comparison.next(), comparison.next(), comparison.next(afterCut: true),
        ]
        #expect(
            steps == [
                .askKeys([10, 11, 12, 13]), .askKeys([10, 11]), .askKeys([12, 13]), .askKeys([12]), .askKeys([13]),
                .nothing, .nothing,
            ])
        _ = comparison.compare(buckets: theirs, with: own)
        let last = comparison.next(afterCut: true)
        #expect(last == .askCopy, "one bucket is too much for an answer")
    }

    @Test func `a round begins where the last one ended, so that no bucket waits for ever`() {
        var comparison = DigestComparison()
        let own = [UInt64](repeating: 1, count: BucketDigest.bucketCount)
        var theirs = own
        for bucket in 0..<150 { theirs[bucket] = 2 }
        _ = comparison.compare(buckets: theirs, with: own)
        // No answer comes before the next root.
        let firsts = (0..<4).map { _ -> UInt16? in
            if case .askKeys(let buckets) = comparison.compare(buckets: theirs, with: own) {
                buckets.first
            } else {
                nil
            }
        }
        #expect(firsts == [0, 64, 128, 42])
    }

    @Test func `when too much differs a copy is cheaper`() {
        var comparison = DigestComparison()
        let own = [UInt64](repeating: 1, count: BucketDigest.bucketCount)
        let theirs = [UInt64](repeating: 2, count: BucketDigest.bucketCount)
        _ = comparison.compare(buckets: theirs, with: own)
        let step36 = comparison.compare(buckets: theirs, with: own)
        #expect(step36 == .askCopy)
    }
}

struct SubscriptionLagTests {
    @Test func `lag counts what is unacknowledged and how long the oldest has waited`() throws {
        var lag = SubscriptionLag()
        lag.sent(3, at: 100)
        lag.sent(2, at: 105)
        lag.sent(5, at: 200)
        #expect(lag.changes == 10)
        #expect(lag.milliseconds(at: 300) == 200)
        try lag.acknowledge(5)
        #expect(lag.changes == 5)
        #expect(lag.milliseconds(at: 300) == 100)
        try lag.acknowledge(10)
        #expect(lag.milliseconds(at: 300) == 0)
        do {
            try lag.acknowledge(11)
            Issue.record("more was acknowledged than was sent")
        } catch {
            #expect(error == .value)
        }
    }
}
