// What the change log keeps, of whom, and for how long.

import TestCatalog
import TestRandom
import Testing

@testable import Catalog

struct ChangeLogTests {
    private static let client = Actor(address: "10.0.0.9", principal: "spiffe://x/ns/a")

    private static func changes(_ store: Store, in namespace: Namespace = tenant, after index: UInt64? = nil)
        -> [Change]
    {
        store.changes(in: namespace, after: index, limit: 100_000).changes
    }

    @Test func `what happens to an instance is told once, and renewals are not`() throws {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 7))
        func apply(_ command: Command, _ now: Int64) {
            _ = store.apply(command, in: tenant, at: moment(now), by: Self.client)
        }
        apply(.register(makeInstance(1, status: .starting)), 1_000)
        apply(.register(makeInstance(1, status: .starting)), 2_000)
        apply(.register(makeInstance(1)), 3_000)
        #expect(store.renew(one, in: tenant, at: moment(4_000)))
        apply(.deregister(one), 5_000)
        apply(.deregister(one), 5_001)
        apply(.register(makeInstance(1, service: "db", ttl: 1_000, value: "b")), 6_000)
        #expect(store.expire(at: moment(7_100), budget: 10).expired == 1)
        let changes = Self.changes(store)
        #expect(changes.map(\.kind) == [.registered, .refreshed, .updated, .deregistered, .registered, .expired])
        #expect(changes.map(\.before) == [nil, .starting, .starting, .up, nil, .up])
        #expect(changes.map(\.after) == [.starting, .starting, .up, nil, .up, nil])
        #expect(changes.map(\.index) == [1_000, 2_000, 3_000, 5_000, 6_000, 7_100].map { $0 * 1_000 })
        #expect(changes.map(\.microseconds) == changes.map { Int64($0.index) })
        #expect(changes.allSatisfy { $0.id == one && $0.member == MemberID(bits: 7) })
        #expect(changes.map(\.actor) == [Self.client, Self.client, Self.client, Self.client, Self.client, nil])
        let last = try #require(changes.last)
        #expect(last.serviceName == Name("db") && last.endpoint == Endpoint(kind: .http, value: "b"))
        #expect(Self.changes(store, in: neighbour).isEmpty)
    }

    @Test func `what another member tells is told with the member that took it, and what comes back has returned`() {
        let (here, there) = (Member(1), Member(2))
        there.apply(.register(makeInstance(1, ttl: 10_000)), at: 1_000)
        for change in there.drain(at: 1_000) { _ = here.store.merge(change, at: here.moment(1_010)) }
        #expect(here.expire(at: 11_100) == [one])
        let version = there.replica(one, at: 1_000)?.version ?? .none
        here.merge(.renewed(one, version, Heartbeat(age: 100, wall: 11_000_000_000)), at: 11_200)
        there.apply(.deregister(one), at: 1_500)
        for change in there.drain(at: 1_500) { _ = here.store.merge(change, at: here.moment(11_300)) }
        let changes = Self.changes(here.store)
        #expect(changes.map(\.kind) == [.registered, .expired, .returned, .deregistered])
        #expect(changes.map(\.member.bits) == [2, 1, 1, 2] && changes.allSatisfy { $0.actor == nil })
        #expect(
            changes.map(\.microseconds) == [1_000_000, 11_100_000, 11_200_000, 1_500_000],
            "each by the clock of whoever took it")
        #expect(changes.map(\.index) == [1_000_000, 11_100_000, 11_200_000, 11_200_001])
    }

    @Test func `a page goes on where the last one ended, and says when something is missing`() {
        let store = Store(namespaceCapacity: nil)
        for id in 0..<UInt64(250) {
            _ = store.apply(.register(makeInstance(id)), in: tenant, at: moment(Int64(id) + 1))
        }
        var (seen, since): ([InstanceID], UInt64) = ([], 0)
        for _ in 0..<3 {
            let page = store.changes(in: tenant, after: since, limit: 100)
            #expect(!page.isMissing && page.next == page.changes.last?.index ?? 0)
            seen += page.changes.map(\.id)
            since = page.next
        }
        #expect(seen == (0..<250).map { .digest($0) })
        let end = store.changes(in: tenant, after: since, limit: 100)
        #expect(end.changes.isEmpty && end.next == since && !end.isMissing)
        #expect(
            store.changes(in: tenant, after: nil, limit: 3).changes.map(\.id) == [247, 248, 249].map { .digest($0) })
        #expect(store.changes(in: neighbour, after: nil, limit: 3).changes.isEmpty)
    }

    @Test func `a namespace keeps its newest changes, and says what is lost`() throws {
        let store = Store(namespaceCapacity: nil)
        let many = Int64(3 * ChangeLog.limit)
        for now in 0..<many { _ = store.apply(.register(makeInstance(UInt64(now % 50))), in: tenant, at: moment(now)) }
        let kept = store.changes(in: tenant, after: 0, limit: .max)
        #expect(kept.isMissing && kept.changes.last?.id == .digest(UInt64(many - 1) % 50))
        #expect(kept.changes.count <= ChangeLog.limit && kept.changes.count > ChangeLog.limit / 2)
        #expect(
            store.changeLogCounts.bytes <= ChangeLog.byteLimit && store.changeLogCounts.changes == kept.changes.count)
        let first = try #require(kept.changes.first)
        #expect(!store.changes(in: tenant, after: first.index, limit: 10).isMissing)
        #expect(store.changes(in: tenant, after: first.index - 5_000, limit: 10).isMissing)
        // Its instances say much, and fewer changes are kept.
        for now in 0..<Int64(20_000) {
            let instance = makeInstance(1, value: String(repeating: "v", count: 128) + "\(now)")
            _ = store.apply(.register(instance), in: neighbour, at: moment(now))
        }
        #expect(store.changes(in: neighbour, after: nil, limit: .max).changes.count < ChangeLog.limit)
        #expect(store.changeLogCounts.bytes <= 2 * ChangeLog.byteLimit)
    }

    @Test func `what may have been before the start is missing to a stranger, not to a reader that knew it all`() {
        let limits = ChangeLogLimits(bytes: 64 << 20, isFollowed: false, start: 5_000_000)
        let store = Store(namespaceCapacity: nil, changes: limits)
        // A member that has started again copies what was registered before.
        _ = store.apply(.register(makeInstance(1)), in: tenant, at: moment(1_000))
        let known = store.changes(in: tenant, after: nil, limit: 1).changes.last?.index
        #expect(known == 1_000_000)
        _ = store.apply(.register(makeInstance(2)), in: tenant, at: moment(6_000))
        let page = store.changes(in: tenant, after: known, limit: 10)
        #expect(page.isMissing && !page.isForgotten && page.changes.map(\.id) == [.digest(2)])
        for now in 7_000..<7_000 + 2 * Int64(ChangeLog.limit) {
            _ = store.apply(.register(makeInstance(UInt64(now % 50))), in: tenant, at: moment(now))
        }
        #expect(store.changes(in: tenant, after: known, limit: 10).isForgotten)
        // Nothing of what is kept is missing to either.
        let kept = store.changes(in: tenant, after: nil, limit: 100).changes.first?.index
        let rest = store.changes(in: tenant, after: kept, limit: 10)
        #expect(!rest.isMissing && !rest.isForgotten && rest.changes.count == 10)
    }

    @Test func `the namespace with the most gives first`() {
        let limit = 2 << 20
        let store = Store(namespaceCapacity: nil, changes: ChangeLogLimits(bytes: limit, isFollowed: false))
        let quiet = Namespace("quiet")
        for id in 0..<UInt64(20) { _ = store.apply(.register(makeInstance(id)), in: quiet, at: moment(Int64(id))) }
        for number in 0..<8 {
            for now in 0..<Int64(8_000) {
                _ = store.apply(
                    .register(makeInstance(UInt64(now % 50))), in: Namespace("loud-\(number)"), at: moment(now))
            }
        }
        #expect(store.changeLogCounts.bytes > limit)
        while store.changeLogCounts.bytes > limit { store.trimChanges() }
        #expect(Self.changes(store, in: quiet).count == 20, "it has little, and keeps it")
        #expect(!store.changes(in: quiet, after: 0, limit: 1).isMissing)
        for number in 0..<8 {
            let page = store.changes(in: Namespace("loud-\(number)"), after: 0, limit: .max)
            #expect(page.isMissing && !page.changes.isEmpty && page.changes.last?.id == .digest(7_999 % 50))
        }
    }

    @Test func `a namespace's name counts, however long clients make it`() {
        func taken(_ name: String) -> Int {
            let store = Store(namespaceCapacity: nil, changes: ChangeLogLimits(bytes: 1 << 20, isFollowed: false))
            _ = store.apply(.register(makeInstance(1)), in: Namespace(name), at: moment(1))
            return store.changeLogCounts.bytes
        }
        #expect(taken(String(repeating: "n", count: 256)) - taken("n") == 255)
    }

    @Test func `thousands of namespaces stay within the bound, and what is forgotten as a whole is missing`() {
        let store = Store(namespaceCapacity: nil, changes: ChangeLogLimits(bytes: 1 << 20, isFollowed: false))
        for number in 0..<5_000 {
            _ = store.apply(.register(makeInstance(1)), in: Namespace("n\(number)"), at: moment(Int64(number)))
        }
        for _ in 0..<20 { store.trimChanges() }
        #expect(store.changeLogCounts.bytes <= 1 << 20 && store.changeLogCounts.changes > 1_000)
        let lost = (0..<5_000).filter { Self.changes(store, in: Namespace("n\($0)")).isEmpty }
        #expect(
            !lost.isEmpty && lost.allSatisfy { store.changes(in: Namespace("n\($0)"), after: 0, limit: 1).isMissing })
    }

    @Test func `nothing is kept where nothing is wanted`() {
        let store = Store(namespaceCapacity: nil, changes: ChangeLogLimits(bytes: 0, isFollowed: true))
        _ = store.apply(.register(makeInstance(1)), in: tenant, at: moment(1))
        let page = store.changes(in: tenant, after: 0, limit: 10)
        #expect(page.changes.isEmpty && page.isMissing && store.changeLogCounts == (0, 0))
        #expect(store.followChanges(limit: 10).changes.isEmpty)
    }

    @Test(arguments: 0..<20)
    func `who follows reads every change once, or is told how many it missed`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let store = Store(namespaceCapacity: nil, changes: ChangeLogLimits(bytes: 300_000, isFollowed: true))
        let namespaces = (0..<6).map { Namespace("n\($0)") }
        var (made, read, missed) = (0, 0, UInt64(0))
        var last: [Namespace: UInt64] = [:]
        func follow() {
            let unread = store.followChanges(limit: Int.random(in: 1...2_000, using: &random))
            missed += unread.missed
            read += unread.changes.count
            for (namespace, change) in unread.changes {
                #expect(change.index > last[namespace] ?? 0, "seed \(seed)")
                last[namespace] = change.index
            }
        }
        for now in 1..<Int64(12_000) {
            let id = UInt64.random(in: 0..<40, using: &random)
            let namespace = namespaces[min(Int.random(in: 0..<12, using: &random), 5)]
            _ = store.apply(.register(makeInstance(id, value: "\(now)")), in: namespace, at: moment(now))
            made += 1
            if Int.random(in: 0..<3_000, using: &random) == 0 { follow() }
            if Int.random(in: 0..<500, using: &random) == 0 { store.trimChanges() }
        }
        for _ in 0..<100 { follow() }
        #expect(read + Int(missed) == made, "seed \(seed): \(read) and \(missed)")
        #expect(store.followChanges(limit: 10).changes.isEmpty)
    }

    /// Whoever has read all changes knows who is there.
    @Test(arguments: 0..<20)
    func `the changes add up to what is registered`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let members = [Member(1), Member(2, start: -700, skew: 30)]
        var known: [InstanceID: InstanceStatus] = [:]
        var since: UInt64 = 0
        for step in 0..<1_500 {
            let now = Int64(step) * 10 + 1_000
            let member = members[Int.random(in: 0..<2, using: &random)]
            let id = UInt64.random(in: 0..<12, using: &random)
            let status: InstanceStatus =
                [.up, .starting, .outOfService, InstanceStatus("DOWN")].randomElement(using: &random) ?? .up
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let service = Bool.random(using: &random) ? "web" : "db"
                member.apply(.register(makeInstance(id, service: service, status: status, ttl: 900)), at: now)
            case 4: member.apply(.deregister(.digest(id)), at: now)
            case 5: member.renew(.digest(id), at: now)
            case 6: _ = members[0].expire(at: now)
            default:
                for change in members[1].copyAll(at: now).shuffled(using: &random) where Bool.random(using: &random) {
                    _ = members[0].store.merge(change, at: members[0].moment(now))
                }
            }
            let page = members[0].store.changes(in: tenant, after: since, limit: .max)
            #expect(!page.isMissing)
            for change in page.changes {
                #expect(known[change.id] == change.before, "seed \(seed), step \(step): \(change)")
                #expect(change.index > since, "seed \(seed), step \(step)")
                known[change.id] = change.after
                since = change.index
            }
            var held: [InstanceID: InstanceStatus] = [:]
            for shard in members[0].store.shards {
                shard.catalog.withLock { catalog in
                    var next = Int32(0)
                    while let slot = catalog.records.slots.occupied(from: next) {
                        held[catalog.records.instance(slot).id] = catalog.records.instance(slot).status
                        next = slot + 1
                    }
                }
            }
            #expect(known == held, "seed \(seed), step \(step)")
            #expect(held.isEmpty || since <= members[0].store.revision(of: tenant).index, "seed \(seed)")
        }
    }
}

struct ChangeCodecTests {
    @Test(arguments: 0..<10)
    func `a change is read as it was written, whatever it says`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let texts = ["", "a", "caf\u{E9}", "\u{0}", String(repeating: "x", count: 300), "é\u{301}"]
        func text() -> String { texts.randomElement(using: &random) ?? "" }
        let statuses: [InstanceStatus?] = [
            nil, .up, .starting, .outOfService, InstanceStatus("DOWN"), InstanceStatus(""),
        ]
        var bytes: [UInt8] = []
        var changes: [Change] = []
        for _ in 0..<200 {
            let index = UInt64.random(in: 0...UInt64.max, using: &random)
            let time =
                Bool.random(using: &random) ? Int64(bitPattern: index) : .random(in: .min ... .max, using: &random)
            let kind = Change.Kind.allCases.randomElement(using: &random) ?? .updated
            let id = Bool.random(using: &random) ? InstanceID.digest(random.next()) : .text(Name(text()))
            let endpoint = Endpoint(kind: Endpoint.Kind.allCases.randomElement(using: &random) ?? .tcp, value: text())
            let instance = Instance(
                id: id, serviceName: Name(text()), endpoint: endpoint, status: .up, ttl: 1, tags: ["t"], metadata: nil,
                registered: 0)
            let (before, after) = (
                statuses.randomElement(using: &random) ?? nil, statuses.randomElement(using: &random) ?? nil
            )
            let actor =
                [
                    nil, Actor(address: text()), Actor(address: nil, principal: text()),
                    Actor(address: text(), principal: text()), Actor(address: nil, source: text()),
                    Actor(address: text(), isOperator: true), Actor(address: nil, isOperator: true),
                    Actor(address: nil, principal: "spiffe://x", isOperator: true),
                ]
                .randomElement(using: &random) ?? nil
            let member = MemberID(bits: random.next())
            let until = ([nil, 0, 7, .max] as [Int64?]).randomElement(using: &random) ?? nil
            let fields = Change.Fields(rawValue: Bool.random(using: &random) ? 0 : .random(in: 0...127, using: &random))
            changes.append(
                Change(
                    kind: kind, index: index, microseconds: time, id: id, serviceName: instance.serviceName,
                    endpoint: endpoint,
                    before: before, after: after, until: until, fields: fields, member: member, actor: actor))
            ChangeCodec.append(
                kind, index, at: time, instance, before: before, after: after, until: until, fields: fields,
                member: member,
                by: actor, to: &bytes)
        }
        var offset = 0
        for change in changes { #expect(ChangeCodec.read(at: &offset, in: bytes) == change, "seed \(seed)") }
        #expect(offset == bytes.count)
    }
}
