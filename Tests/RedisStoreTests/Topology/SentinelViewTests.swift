// Which master a member uses, as Sentinels and servers answer it or do not.

import RESP
import TestRandom
import TestTime
import Testing
import Time

@testable import RedisStore

/// A view with the Sentinels and servers that it asks, which answer within a few milliseconds or not at all.
struct SentinelScene {
    var view: SentinelView
    var now: MonotonicTime
    /// Of each Sentinel that answers, what.
    var words: [StoreNode: [RESPValue]] = [:]
    /// Of each server that answers, whether it says that it is a master.
    var roles: [StoreNode: Role] = [:]
    /// What was used and left, and when.
    private(set) var uses: [(at: MonotonicTime, node: StoreNode)] = []
    private(set) var leaves: [(at: MonotonicTime, node: StoreNode)] = []
    private(set) var asked: [(at: MonotonicTime, sentinel: StoreNode)] = []
    private var inUse: StoreNode?
    /// A question without an answer ends after this.
    private var silences: [(until: MonotonicTime, node: StoreNode, isSentinel: Bool)] = []

    enum Role { case master, replica }

    init(_ sentinels: [StoreNode], now: MonotonicTime = 0) {
        view = SentinelView(group: "store", sentinels: sentinels, now: now)
        self.now = now
    }

    var used: StoreNode? { inUse }

    /// Goes on in steps of ten milliseconds; `each` changes what is answered from then on.
    mutating func run(until end: MonotonicTime, _ each: (inout SentinelScene) -> Void = { _ in }) {
        while now < end {
            each(&self)
            for silence in silences where silence.until <= now {
                if silence.isSentinel { view.failed(silence.node, now: now) } else { view.lost(silence.node, now: now) }
            }
            silences.removeAll { $0.until <= now }
            for step in view.advance(now) { carryOut(step) }
            now += 10
        }
    }

    private mutating func carryOut(_ step: SentinelView.Step) {
        switch step {
        case .ask(let node):
            asked.append((now, node))
            if let word = words[node] {
                view.answered(node, word, now: now)
            } else {
                silences.append((now + 500, node, true))
            }
        case .check(let node):
            switch roles[node] {
            case .master: view.confirmed(node)
            case .replica: view.lost(node, now: now)
            case nil: silences.append((now + 500, node, false))
            }
        case .use(let node):
            #expect(inUse == nil, "\(node) is used beside another at \(now)")
            inUse = node
            uses.append((now, node))
        case .leave(let node):
            #expect(inUse == node, "\(node) is left at \(now) and was not used")
            inUse = nil
            leaves.append((now, node))
        }
    }
}

struct SentinelViewTests {
    static let sentinels = (0..<3).map { node("sentinel\($0)") }
    static let old = node("engine0")
    static let new = node("engine2")

    /// Three Sentinels that name a master, which says that it is one.
    static func calm() -> SentinelScene {
        var scene = SentinelScene(sentinels)
        for sentinel in sentinels { scene.words[sentinel] = replies(old, others: sentinels.filter { $0 != sentinel }) }
        scene.roles[old] = .master
        return scene
    }

    @Test func `the master that a majority names is used once it says so itself`() {
        var scene = Self.calm()
        scene.run(until: 100)
        #expect(scene.used == Self.old)
        #expect(scene.view.master == Self.old)
        #expect(scene.uses.count == 1)
        #expect(scene.uses.allSatisfy { $0.at <= 20 })
    }

    @Test func `each Sentinel is asked twice a second while there is a master`() {
        var scene = Self.calm()
        scene.run(until: 10_000)
        let asked = scene.asked.filter { $0.at >= 1_000 }
        #expect(asked.count == 54)
        #expect(Set(asked.map(\.sentinel)) == Set(Self.sentinels))
    }

    @Test func `a server that is a replica by its own word is not used, and asked again`() {
        var scene = Self.calm()
        scene.roles[Self.old] = .replica
        scene.run(until: 1_000)
        #expect(scene.uses.isEmpty)
        scene.roles[Self.old] = .master
        scene.run(until: 1_300)
        #expect(scene.used == Self.old)
    }

    @Test(arguments: Engine.allCases)
    func `through a real failover the old master is never used again, and the new one at once`(engine: Engine) throws {
        let tellings = try engine.failover()
        let start: MonotonicTime = 5_000
        var scene = Self.calm()
        scene.run(until: start)
        scene.view.lost(Self.old, now: start)
        scene.roles[Self.old] = nil
        // It is listed as promoted from when the first Sentinel names it.
        let promoted = try #require(tellings.first { $0.word[0] == "engine2" }).at
        scene.run(until: start + 8_000) { scene in
            for telling in tellings where start + (telling.at - .zero) <= scene.now {
                scene.words[telling.sentinel] = replies(
                    node(telling.word[0]), configured: node(telling.word[1]), epoch: telling.word[2],
                    flags: telling.word[3])
            }
            if scene.now >= start + (promoted - .zero) { scene.roles[Self.new] = .master }
        }
        #expect(scene.uses.map(\.node) == [Self.old, Self.new])
        let used = try #require(scene.uses.last).at
        #expect(used - (start + (promoted - .zero)) <= SentinelView.urgentInterval + 30)
    }

    @Test(arguments: Engine.allCases)
    func `an old master that lives on, cut off from its Sentinels, is left before another is promoted`(
        engine: Engine
    ) throws {
        let tellings = try engine.failover()
        var scene = Self.calm()
        scene.roles[Self.new] = .master
        scene.run(until: 8_000) { scene in
            for telling in tellings where telling.at <= scene.now {
                scene.words[telling.sentinel] = replies(
                    node(telling.word[0]), configured: node(telling.word[1]), epoch: telling.word[2],
                    flags: telling.word[3])
            }
        }
        #expect(scene.uses.map(\.node) == [Self.old, Self.new])
        let left = try #require(scene.leaves.first).at
        let begun = try #require(tellings.first { $0.word[3].contains("failover_in_progress") }).at
        #expect(left - begun <= SentinelView.calmInterval + 20)
        #expect(left < (try #require(tellings.first { $0.word[0] == "engine2" })).at)
    }

    @Test func `a lost master is not used again on words from before the loss`() {
        var scene = Self.calm()
        scene.run(until: 5_000)
        let lost = scene.now
        scene.view.lost(Self.old, now: lost)
        let asked = scene.asked.count
        // The Sentinels do not answer now; the server would.
        scene.words = [:]
        scene.run(until: lost + 4_000)
        #expect(scene.used == nil)
        #expect(scene.asked.count > asked)
    }

    @Test func `a master that was lost for a moment is used again on new words`() {
        var scene = Self.calm()
        scene.run(until: 5_000)
        scene.view.lost(Self.old, now: scene.now)
        scene.run(until: scene.now + SentinelView.urgentInterval + 30)
        #expect(scene.uses.map(\.node) == [Self.old, Self.old])
    }

    @Test func `one Sentinel of three is enough to start with, after patience`() {
        var scene = Self.calm()
        for silent in Self.sentinels.dropFirst() { scene.words[silent] = nil }
        scene.run(until: .zero + SentinelView.patience)
        #expect(scene.uses.isEmpty)
        scene.run(until: scene.now + SentinelView.urgentInterval + 30)
        #expect(scene.used == Self.old)
    }

    @Test func `a Sentinel that is behind moves nothing back, even when it alone answers`() {
        var scene = Self.calm()
        for sentinel in Self.sentinels.dropFirst() { scene.words[sentinel] = replies(Self.new, epoch: "1") }
        scene.roles[Self.new] = .master
        scene.run(until: 3_000)
        #expect(scene.used == Self.new)
        for silent in Self.sentinels.dropFirst() { scene.words[silent] = nil }
        scene.run(until: 20_000)
        #expect(scene.used == Self.new)
        #expect(!scene.uses.map(\.node).dropFirst().contains(Self.old))
    }

    @Test func `one Sentinel that knows of an election is enough to leave`() {
        var scene = Self.calm()
        scene.run(until: 5_000)
        scene.words[Self.sentinels[2]] = replies(Self.new, configured: Self.old, epoch: "1")
        scene.roles[Self.new] = .master
        scene.run(until: 6_100)
        #expect(scene.used == Self.new)
    }

    @Test func `a majority is believed whose epochs have begun anew`() {
        var scene = Self.calm()
        for sentinel in Self.sentinels { scene.words[sentinel] = replies(Self.old, epoch: "7") }
        scene.run(until: 5_000)
        #expect(scene.used == Self.old)
        for sentinel in Self.sentinels { scene.words[sentinel] = replies(Self.new, epoch: "0") }
        scene.roles[Self.new] = .master
        scene.run(until: 10_000)
        #expect(scene.used == Self.new)
    }

    @Test func `Sentinels that others name are asked too, up to a bound, and forgotten with them`() {
        var scene = SentinelScene([Self.sentinels[0]])
        scene.words[Self.sentinels[0]] = replies(Self.old, others: Array(Self.sentinels.dropFirst()))
        scene.run(until: 1_000)
        #expect(scene.view.known == Self.sentinels)
        #expect(Set(scene.asked.map(\.sentinel)) == Set(Self.sentinels))
        scene.words[Self.sentinels[0]] = replies(Self.old, others: (0..<100).map { node("other\($0)") })
        scene.run(until: 3_000)
        #expect(scene.view.known.count == SentinelView.mostSentinels)
        #expect(!scene.view.known.contains(Self.sentinels[1]))
        scene.words[Self.sentinels[0]] = replies(Self.old)
        scene.run(until: 6_000)
        #expect(scene.view.known == [Self.sentinels[0]])
    }

    @Test func `why a Sentinel's answer is of no use can be told`() throws {
        var scene = Self.calm()
        scene.words[Self.sentinels[1]] = try Engine.redis.replies("sentinel-of-another-group")
        scene.run(until: 1_000)
        #expect(scene.view.problem(of: Self.sentinels[1]) == .unknownGroup)
        #expect(scene.view.problem(of: Self.sentinels[0]) == nil)
        #expect(scene.used == Self.old)
    }

    @Test(arguments: 0..<40)
    func `whatever is answered, nobody is used that has not said to be a master, and nothing asks in a hurry`(
        seed: UInt64
    ) {
        var random = SplitMix64(seed: seed)
        var scene = SentinelScene(Self.sentinels)
        let servers = (0..<3).map { node("engine\($0)") }
        scene.run(until: 30_000) { scene in
            guard Int.random(in: 0..<20, using: &random) == 0 else { return }
            let (one, other) = (servers.randomElement(using: &random)!, servers.randomElement(using: &random)!)
            let flags = Bool.random(using: &random) ? "master" : "master,failover_in_progress"
            scene.words[Self.sentinels.randomElement(using: &random)!] =
                Int.random(in: 0..<4, using: &random) == 0
                ? nil : replies(one, configured: other, epoch: "\(Int.random(in: 0..<3, using: &random))", flags: flags)
            scene.roles[one] = [.master, .replica, nil].randomElement(using: &random)!
            if Int.random(in: 0..<5, using: &random) == 0 { scene.view.lost(other, now: scene.now) }
        }
        let limit = 30_000 / 200 + 2
        for sentinel in Self.sentinels {
            #expect(scene.asked.count { $0.sentinel == sentinel } <= limit, "seed \(seed)")
        }
        // The end of it: everybody agrees.
        for sentinel in Self.sentinels { scene.words[sentinel] = replies(servers[1], epoch: "9") }
        scene.roles = [servers[1]: .master]
        scene.run(until: scene.now + 3_000)
        #expect(scene.used == servers[1], "seed \(seed)")
    }
}
