// Which node has which shard, as real clusters say it, and what becomes of a command that was sent to another.

import RESP
import TestTime
import Testing
import Time

@testable import RedisStore

/// A map that expectations may change.
@dynamicMemberLookup final class MapScene {
    private var map: ClusterMap

    init(_ map: ClusterMap) { self.map = map }

    subscript<Value>(dynamicMember path: KeyPath<ClusterMap, Value>) -> Value { map[keyPath: path] }

    func node(of shard: Int) -> StoreNode? { map.node(of: shard) }
    func refresh() { map.refresh() }
    func failed() { map.failed() }
    func lost(_ node: StoreNode) { map.lost(node) }
    func ask(_ now: MonotonicTime) -> StoreNode? { map.ask(now) }
    func learn(_ reply: RESPValue, from asked: StoreNode) -> Bool { map.learn(reply, from: asked) }
}

struct ClusterMapTests {
    static let seed = StoreNode(host: "seed", port: 6_379)
    static let keys = (0..<16).map { "{a8.\($0)}:m" }

    static func map() -> MapScene { MapScene(ClusterMap(keys: keys, seeds: [seed], now: 0)) }

    /// An answer to `CLUSTER SLOTS` in which each node has a range.
    static func slots(_ ranges: [(ClosedRange<Int64>, [RESPValue])]) -> RESPValue {
        .array(ranges.map { .array([.integer($0.lowerBound), .integer($0.upperBound), .array($1)]) })
    }

    static func answer(_ name: String) -> RESPValue {
        slots([(0...16_383, [bulk(name), .integer(7_000), bulk("id")])])
    }

    // MARK: - Slots

    @Test func `keys have the slots that the engines give them`() {
        // As CLUSTER KEYSLOT has answered.
        let real = [
            4_312, 249, 12_442, 8_379, 4_188, 125, 12_318, 8_255, 4_560, 497, 1_943, 6_070, 10_197, 14_324, 1_811,
            5_938,
        ]
        #expect(Self.map().slots == real)
        #expect(ClusterSlot.slot(of: "123456789") == 0x31C3)
        #expect(ClusterSlot.slot(of: "{user}.a") == ClusterSlot.slot(of: "user"))
        #expect(ClusterSlot.slot(of: "{}a") != ClusterSlot.slot(of: ""))
        #expect(ClusterSlot.slot(of: "a{b{c}d}") == ClusterSlot.slot(of: "b{c"))
        #expect(ClusterSlot.slot(of: "") == 0)
    }

    // MARK: - The whole map

    @Test(arguments: Engine.allCases)
    func `a real answer gives every shard a master, and no replica`(engine: Engine) throws {
        let map = Self.map()
        let reply = try engine.replies("slots")[0]
        #expect(map.learn(reply, from: Self.seed))
        #expect(map.isComplete)
        #expect(map.inUse.count == 3)
        // Where a node redirects to is where the map sends.
        for case .moved(let target) in try engine.faults("moved").map(\.kind) {
            let shard = try #require(map.slots.firstIndex(of: target.slot))
            #expect(map.node(of: shard) == StoreNode(host: target.host, port: target.port))
        }
    }

    @Test(arguments: Engine.allCases)
    func `a node that has a name is known by it, and one without by its address`(engine: Engine) throws {
        let map = Self.map()
        #expect(map.learn(try engine.replies("slots-with-names")[0], from: Self.seed))
        #expect(map.isComplete)
        #expect(Set(map.inUse.map(\.host)) == ["one.example", "127.0.0.1"])
    }

    @Test(arguments: Engine.allCases)
    func `nodes without a host have the host that was asked`(engine: Engine) throws {
        let map = Self.map()
        #expect(map.learn(try engine.replies("slots-without-hosts")[0], from: Self.seed))
        #expect(Set(map.inUse.map(\.host)) == ["seed"])
        #expect(map.inUse.count == 3)
    }

    @Test func `a node that has neither name nor address is nobody`() {
        let map = Self.map()
        let reply = Self.slots([
            (0...8_191, [bulk("?"), .integer(7_000), bulk("id"), .array([])]),
            (8_192...16_383, [bulk(""), .integer(7_001), bulk("id")]),
        ])
        #expect(map.learn(reply, from: Self.seed))
        #expect(map.inUse == [StoreNode(host: "seed", port: 7_001)])
        #expect(!map.isComplete)
    }

    @Test func `what is no map changes nothing, and is asked for again`() {
        let map = Self.map()
        #expect(map.learn(Self.answer("a"), from: Self.seed))
        let wrong: [RESPValue] = [
            .error(RESPFault("ERR This instance has cluster support disabled")), .nothing, .array([]),
            .array([.integer(1)]), .array([.array([.integer(0), .integer(1)])]),
            Self.slots([(0...16_383, [bulk("b"), .integer(0)])]),
            Self.slots([(0...16_383, [.bytes([0xFF]), .integer(1)])]),
        ]
        for reply in wrong {
            #expect(!map.learn(reply, from: Self.seed), "\(reply)")
            #expect(map.inUse == [node("a")])
        }
        #expect(map.next <= 1_000)
    }

    // MARK: - When it is asked for

    @Test func `the map is asked for at once, and then seldom`() {
        let map = Self.map()
        #expect(map.ask(0) == Self.seed)
        #expect(map.ask(5_000) == nil, "one question at a time")
        #expect(map.learn(Self.answer("a"), from: Self.seed))
        #expect(map.ask(29_999) == nil)
        #expect(map.ask(30_000) == node("a"))
    }

    @Test func `redirections make it be asked for, once a second at most`() {
        let map = Self.map()
        #expect(map.ask(0) != nil)
        #expect(map.learn(Self.answer("a"), from: Self.seed))
        var asked = 0
        for time in 1...10_000 {
            let now = MonotonicTime(milliseconds: Int64(time))
            map.refresh()
            guard let asking = map.ask(now) else { continue }
            asked += 1
            _ = map.learn(Self.answer("a"), from: asking)
        }
        #expect(asked == 10)
    }

    @Test func `a node that does not answer is not the next to be asked`() {
        let map = Self.map()
        #expect(map.ask(0) == Self.seed)
        #expect(
            map.learn(
                Self.slots([
                    (0...8_191, [bulk("a"), .integer(7_000)]), (8_192...16_383, [bulk("b"), .integer(7_000)]),
                ]), from: Self.seed))
        map.refresh()
        var asked: [StoreNode] = []
        for time in stride(from: 1_000, to: 7_000, by: 1_000) {
            if let node = map.ask(MonotonicTime(milliseconds: Int64(time))) { asked.append(node) }
            map.failed()
        }
        #expect(asked.count == 6)
        #expect(Set(asked) == [node("a"), node("b"), Self.seed])
        #expect(zip(asked, asked.dropFirst()).allSatisfy { $0 != $1 })
    }

    @Test func `a node that is lost keeps its shards until another is named`() {
        let map = Self.map()
        #expect(map.ask(0) != nil)
        #expect(map.learn(Self.answer("a"), from: Self.seed))
        map.lost(node("b"))
        #expect(map.ask(2_000) == nil, "it had no shard")
        map.lost(node("a"))
        #expect(map.node(of: 3) == node("a"))
        #expect(map.ask(2_000) != nil)
    }
}
