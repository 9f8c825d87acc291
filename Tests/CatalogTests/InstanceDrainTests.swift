// A drain: an instance is out of service at once, is deregistered at its time by whichever member is alive, and stays
// out when it registers again.

import TestCatalog
import TestRandom
import Testing

@testable import Catalog

struct InstanceDrainTests {
    private let out = InstanceStatus.outOfService
    private let second: Int64 = 1_000_000_000

    private func registered(_ member: Member, at now: Int64, status: InstanceStatus = .up) -> InstanceID {
        let instance = makeInstance(1, status: status, ttl: 1 << 40)
        _ = member.store.register(instance, in: tenant, at: member.moment(now))
        return instance.id
    }

    private func drain(_ member: Member, _ id: InstanceID, seconds: Int64, at now: Int64) {
        _ = member.store.override(id, in: tenant, .drain(for: seconds * second), at: member.moment(now))
    }

    private func shown(_ member: Member, _ id: InstanceID, at now: Int64) -> LeasedInstance? {
        member.store.instance(id, in: tenant, at: member.moment(now).lease)
    }

    private func sweep(_ member: Member, at now: Int64) -> Expiry {
        member.store.expire(at: member.moment(now), budget: 100_000)
    }

    private func exchange(_ one: Member, _ other: Member, at now: Int64) {
        for _ in 0..<2 {
            let (from, to) = (one.drain(at: now), other.drain(at: now))
            for state in from { _ = other.store.merge(state, at: other.moment(now)) }
            for state in to { _ = one.store.merge(state, at: one.moment(now)) }
        }
    }

    @Test func `it is out of service at once, leaves at its time, and stays out when it comes back`() {
        let member = Member(1)
        let id = registered(member, at: 0)
        drain(member, id, seconds: 30, at: 1_000)
        #expect(shown(member, id, at: 1_000)?.instance.status == out)
        #expect(shown(member, id, at: 1_000)?.drainEnd == 31 * second)
        #expect(sweep(member, at: 30_999).left == 0 && shown(member, id, at: 30_999) != nil)
        // Registering again meanwhile changes nothing.
        _ = registered(member, at: 20_000)
        #expect(sweep(member, at: 31_000).left == 1 && shown(member, id, at: 31_000) == nil)
        _ = registered(member, at: 32_000)
        let back = shown(member, id, at: 32_000)
        #expect(back?.instance.status == out && back?.registeredStatus == .up && back?.drainEnd == nil)
        #expect(sweep(member, at: 100_000_000).left == 0 && shown(member, id, at: 100_000_000) != nil)
        _ = member.store.override(id, in: tenant, .remove, at: member.moment(100_000_001))
        #expect(shown(member, id, at: 100_000_001)?.instance.status == .up)
        member.store.checkInvariants()
    }

    @Test func `it is lifted by its own removal and by that of the status, and another override stays`() {
        for order in [OverrideOrder.endDrain, .remove, .set(.up, until: nil)] {
            let member = Member(1)
            let id = registered(member, at: 0)
            drain(member, id, seconds: 30, at: 1_000)
            _ = member.store.override(id, in: tenant, order, at: member.moment(2_000))
            #expect(sweep(member, at: 40_000).left == 0)
            #expect(shown(member, id, at: 40_000)?.instance.status == .up)
            #expect(shown(member, id, at: 40_000)?.drainEnd == nil)
        }
        let member = Member(1)
        let id = registered(member, at: 0)
        _ = member.store.override(id, in: tenant, .set(out, until: nil), at: member.moment(1_000))
        _ = member.store.override(id, in: tenant, .endDrain, at: member.moment(2_000))
        #expect(shown(member, id, at: 2_000)?.instance.status == out)
    }

    @Test func `the member that took it need not live, and several that do make one deregistration`() {
        let members = (1...3 as ClosedRange<UInt64>).map { Member($0) }
        let id = registered(members[0], at: 0)
        drain(members[0], id, seconds: 30, at: 1_000)
        for state in members[0].drain(at: 1_000) {
            for other in members[1...] { _ = other.store.merge(state, at: other.moment(1_000)) }
        }
        #expect(sweep(members[1], at: 31_000).left == 1 && sweep(members[2], at: 31_050).left == 1)
        let versions = members[1...].map { $0.replica(id, at: 31_050)?.version }
        #expect(versions[0] != nil && versions[0] == versions[1])
        // One that had stood still learns of it, or finds it out itself.
        for state in members[1].drain(at: 31_100) { _ = members[0].store.merge(state, at: members[0].moment(31_100)) }
        #expect(shown(members[0], id, at: 31_100) == nil)
        #expect(sweep(members[0], at: 31_200).left == 0)
        #expect(members.allSatisfy { $0.store.digest() == members[0].store.digest() })
        _ = registered(members[2], at: 40_000)
        exchange(members[2], members[0], at: 40_000)
        #expect(shown(members[0], id, at: 40_000)?.instance.status == out)
        for member in members { member.store.checkInvariants() }
    }

    @Test func `what a fast clock has registered leaves too, and comes back`() {
        let (fast, other) = (Member(1, skew: 3_600_000), Member(2))
        let id = registered(fast, at: 0)
        exchange(fast, other, at: 100)
        drain(other, id, seconds: 30, at: 1_000)
        #expect(sweep(other, at: 31_000).left == 1)
        _ = registered(other, at: 32_000)
        exchange(fast, other, at: 33_000)
        for member in [fast, other] { #expect(shown(member, id, at: 33_000)?.instance.status == out) }
    }

    @Test func `it travels, older members pass it on, and nonsense is none`() throws {
        let override = StatusOverride(
            .drain(for: 30 * second), version(1_000_000), at: 1_000 * second, who: "me")
        let instance = makeInstance(1).with(override: override)
        #expect(instance.override == override && instance.override?.drain?.end == 1_030 * second)
        var bytes: [UInt8] = []
        StateCodec.append(
            Replicated(namespace: tenant, replica: .present(instance, version(1), Heartbeat(age: 0, wall: 0))),
            to: &bytes)
        let (count, start) = bytes.span.number(at: 0)
        var last: Namespace?
        let read = try StateCodec.decode(bytes.span, in: start..<start + count, last: &last)
        #expect(read?.replica.instance?.override == override)
        for departure in [HybridTime.zero, HybridTime(bits: .max), override.version.time] {
            let drain = Drain(end: 0, departure: departure)
            let mad = StatusOverride(status: out, version: override.version, until: nil, who: nil, drain: drain)
            #expect(makeInstance(1).with(override: mad).override == nil)
        }
    }

    @Test func `a clock that was wrong moves the end of a drain along`() {
        let override = StatusOverride(
            .drain(for: 30 * second), version(9_000_000), at: 9_000 * second, who: nil)
        let stamped = override.stamped(version(1_000_000))
        #expect(stamped.drain?.end == 1_030 * second)
        #expect(stamped.drain?.departure.milliseconds == 1_030_000)
        #expect(stamped.drain?.isCredible(of: stamped.version) == true)
    }

    @Test func `ends are taken in their order, as many as may be, and repeated orders take no room`() {
        var shelf = OverrideShelf()
        let ids = (0..<500).map { InstanceID.digest(UInt64($0)) }
        for round in 0..<20 {
            for (index, id) in ids.enumerated() {
                let until = Int64((index * 37) % 500 + round * 1_000)
                shelf.note(
                    StatusOverride(status: out, version: version(1), until: until, who: nil), id, in: tenant)
            }
        }
        for id in ids.prefix(100) { shelf.forgetEnd(of: id, in: tenant) }
        #expect(shelf.endCount == 400 && !shelf.hasEnded(at: 18_999))
        var taken: [InstanceID] = []
        while shelf.hasEnded(at: 20_000) {
            let some = shelf.takeEnded(at: 20_000, limit: 64)
            #expect(some.count <= 64)
            taken += some.map(\.id)
        }
        #expect(Set(taken) == Set(ids.dropFirst(100)) && taken.count == 400 && shelf.endCount == 0)
    }
}

/// What an instance is by a naive account of every command, one after the other.
private struct NaiveInstance {
    struct Word { var (status, until, drainEnd): (InstanceStatus, Int64?, Int64?) }
    struct Life { var (status, ttl, last, begin): (InstanceStatus, Int64, Int64, Int64) }

    static let hour: Int64 = 3_600_000
    var life: Life?
    var word: Word?
    /// Until when the word outlives the instance.
    var kept: Int64?

    mutating func advance(to now: Int64) {
        if let end = kept, now >= end { (word, kept) = (nil, nil) }
        if let life, let end = word?.drainEnd, now >= end, life.begin < end { return go(at: end) }
        if life != nil, let until = word?.until, now >= until { word = nil }
        if let life, life.status != .outOfService, now - life.last > life.ttl { go(at: now) }
    }

    mutating func go(at time: Int64) {
        (life, kept) = (nil, word == nil ? nil : time + Self.hour)
    }

    mutating func register(_ status: InstanceStatus, ttl: Int64, at now: Int64) {
        (life, kept) = (Life(status: status, ttl: ttl, last: now, begin: now), nil)
        // One that ended while nobody had it.
        if let until = word?.until, now >= until { word = nil }
    }

    var shown: InstanceStatus? { life.map { word?.status ?? $0.status } }
    var drainEnd: Int64? { life.flatMap { life in word?.drainEnd.flatMap { life.begin < $0 ? $0 : nil } } }
}

struct InstanceDrainModelTests {
    /// Commands go to some member and reach the others in any order and twice; some members stand still for a while and
    /// are told afterwards. Whatever they do, all show what the account says.
    @Test(arguments: 0..<24)
    func `members show what a naive account says of registrations, overrides, drains and leases`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let members = (1...UInt64.random(in: 1...3, using: &random)).map { Member($0) }
        var isStanding = members.map { _ in false }
        var model = [NaiveInstance](repeating: NaiveInstance(), count: 4)
        var now: Int64 = 1_000_000
        let down = InstanceStatus("DOWN")

        func tell(_ states: [Replicated], from: Int) {
            for to in members.indices where to != from && !isStanding[to] {
                for state in (states + states).shuffled(using: &random) {
                    _ = members[to].store.merge(state, at: members[to].moment(now))
                }
            }
        }
        func exchange() {
            for _ in 0..<3 {
                for from in members.indices where !isStanding[from] { tell(members[from].drain(at: now), from: from) }
            }
        }

        for step in 0..<400 {
            // Within seconds mostly, and now and then further than overrides outlive instances.
            // Several members forget what they keep of the dead at slightly different times.
            let far = Int.random(in: 0..<25, using: &random) == 0 && members.count == 1
            now += far ? .random(in: 3_700_000...4_000_000, using: &random) : .random(in: 1...8_000, using: &random)
            for index in model.indices { model[index].advance(to: now) }
            // One is the first to find out what has ended, and tells it.
            for index in members.indices.shuffled(using: &random) where !isStanding[index] {
                _ = members[index].store.expire(at: members[index].moment(now), budget: 100_000)
                if Bool.random(using: &random) { exchange() }
            }
            for index in members.indices where !far {
                if isStanding[index], Int.random(in: 0..<5, using: &random) == 0 {
                    for other in members.indices where other != index && !isStanding[other] {
                        for state in members[other].copyAll(at: now) {
                            _ = members[index].store.merge(state, at: members[index].moment(now))
                        }
                    }
                    _ = members[index].store.expire(at: members[index].moment(now), budget: 100_000)
                    isStanding[index] = false
                } else if isStanding.count(where: { !$0 }) > 1, Int.random(in: 0..<20, using: &random) == 0 {
                    isStanding[index] = true
                }
            }
            exchange()
            let moving = members.indices.filter { !isStanding[$0] }
            let number = Int.random(in: 0..<4, using: &random)
            let id = InstanceID.digest(UInt64(number))
            let member = members[moving.randomElement(using: &random) ?? 0]
            let isKnown = model[number].life != nil
            let word = model[number].word
            let span = Int64.random(in: 1...20_000, using: &random)
            func override(_ order: OverrideOrder) {
                let decision = member.store.override(id, in: tenant, order, at: member.moment(now))
                let isDone = if case .done = decision { true } else { false }
                #expect(isDone == isKnown, "\(order), seed \(seed), step \(step)")
            }
            switch Int.random(in: 0..<10, using: &random) {
            case 0...2:
                let status: InstanceStatus = [.up, .up, .starting, .outOfService].randomElement(using: &random) ?? .up
                let ttl = Int64.random(in: 5_000...60_000, using: &random)
                _ = member.store.register(
                    makeInstance(UInt64(number), status: status, ttl: ttl), in: tenant, at: member.moment(now))
                model[number].register(status, ttl: ttl, at: now)
            case 3...4:
                #expect(member.renew(id, at: now) == isKnown, "seed \(seed), step \(step)")
                model[number].life?.last = now
            case 5:
                #expect(
                    member.store.deregister(id, in: tenant, at: member.moment(now)).isDone == isKnown,
                    "seed \(seed), step \(step)")
                if isKnown { model[number].go(at: now) }
            case 6:
                let until = Bool.random(using: &random) ? now + span : nil
                override(.set(down, until: until.map { $0 * 1_000_000 }))
                if isKnown { model[number].word = .init(status: down, until: until, drainEnd: nil) }
            case 7:
                override(.remove)
                if isKnown { model[number].word = nil }
            case 8:
                override(.drain(for: span * 1_000_000))
                if isKnown { model[number].word = .init(status: .outOfService, until: nil, drainEnd: now + span) }
            default:
                override(.endDrain)
                if isKnown, word?.drainEnd != nil { model[number].word = nil }
            }
            exchange()
            var problems = 0
            for index in moving {
                for number in model.indices {
                    let found = members[index].store.instance(
                        .digest(UInt64(number)), in: tenant, at: members[index].moment(now).lease)
                    if found?.instance.status != model[number].shown
                        || found?.drainEnd != model[number].drainEnd.map({ $0 * 1_000_000 })
                    {
                        Issue.record(
                            """
                            member \(index) of \(members.count) shows \(found?.instance.status.token ?? "nothing") and \
                            \(found?.drainEnd ?? 0), not \(model[number].shown?.token ?? "nothing") and \
                            \(model[number].drainEnd ?? 0) of \(number): seed \(seed), step \(step), now \(now), \
                            \(String(describing: found?.instance.override)), \(model[number])
                            """
                        )
                        problems += 1
                    }
                }
                if step % 50 == 49 { members[index].store.checkInvariants() }
            }
            guard problems == 0 else { return }
        }
    }
}
