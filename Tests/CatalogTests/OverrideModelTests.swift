// Overrides and drains of instances and of services, against an account of them that keeps nothing but times.

import TestCatalog
import TestRandom
import Testing

@testable import Catalog

/// What an operator has said, and until when.
private struct Word {
    var (status, until, drainEnd): (InstanceStatus, Int64?, Int64?)

    static func drain(until end: Int64) -> Word { Word(status: .outOfService, until: nil, drainEnd: end) }
}

/// What is said of a service by a naive account of every command, one after the other.
private struct NaiveService {
    var word: Word?

    /// Whether its instances that have registered before this leave.
    func drainEnd(at now: Int64) -> Int64? { word?.drainEnd.flatMap { $0 <= now ? $0 : nil } }

    /// After its instances.
    mutating func advance(to now: Int64) {
        if let until = word?.until, now >= until { word = nil }
        if let end = word?.drainEnd, now >= end + NaiveInstance.hour { word = nil }
    }
}

/// What an instance is by the same account.
private struct NaiveInstance {
    struct Life { var (status, ttl, last, begin): (InstanceStatus, Int64, Int64, Int64) }

    static let hour: Int64 = 3_600_000
    var life: Life?
    var word: Word?
    /// Until when the word outlives the instance.
    var kept: Int64?

    mutating func advance(to now: Int64, in service: NaiveService) {
        if let end = kept, now >= end { (word, kept) = (nil, nil) }
        if let life, let end = word?.drainEnd, now >= end, life.begin < end { return go(at: end) }
        if life != nil, let until = word?.until, now >= until { word = nil }
        if let life, word == nil, let end = service.drainEnd(at: now), life.begin < end { return go(at: end) }
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

    func shown(in service: NaiveService) -> InstanceStatus? {
        life.map { (word ?? service.word)?.status ?? $0.status }
    }
    func drainEnd(in service: NaiveService) -> Int64? {
        life.flatMap { life in (word ?? service.word)?.drainEnd.flatMap { life.begin < $0 ? $0 : nil } }
    }
}

/// One that follows which instances are UP by the change log alone.
private struct UpWatcher {
    private var index: UInt64 = 0
    private var up: Set<InstanceID> = []

    mutating func follow(_ store: Store) -> Set<InstanceID> {
        let page = store.changes(in: tenant, after: index, limit: 10_000)
        index = page.next
        for change in page.changes {
            if change.after == .up { up.insert(change.id) } else if change.before == .up { up.remove(change.id) }
        }
        return up
    }
}

struct OverrideModelTests {
    /// Commands go to some member and reach the others in any order and twice; some members stand still for a while and
    /// are told afterwards. Whatever they do, all show what the account says. The first three instances are one service,
    /// and the fourth is another.
    @Test(arguments: 0..<32)
    func `members show what a naive account says of registrations, overrides, drains and leases`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let members = (1...UInt64.random(in: 1...3, using: &random)).map { Member($0) }
        var isStanding = members.map { _ in false }
        var model = [NaiveInstance](repeating: NaiveInstance(), count: 4)
        var services = [NaiveService(), NaiveService()]
        func service(_ number: Int) -> Int { number < 3 ? 0 : 1 }
        func name(_ service: Int) -> String { service == 0 ? "web" : "api" }
        var watchers = members.map { _ in UpWatcher() }
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
            for index in model.indices { model[index].advance(to: now, in: services[service(index)]) }
            for index in services.indices { services[index].advance(to: now) }
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
            func override(service index: Int, _ order: OverrideOrder, becomes word: Word?) {
                let isKnown =
                    services[index].word != nil
                    || model.indices.contains { service($0) == index && model[$0].life != nil }
                let decision = member.store.override(
                    service: Name(name(index)), in: tenant, order, at: member.moment(now))
                let isDone = if case .done = decision { true } else { false }
                #expect(isDone == isKnown, "\(order) of \(name(index)), seed \(seed), step \(step)")
                if isKnown { services[index].word = word }
            }
            switch Int.random(in: 0..<14, using: &random) {
            case 0...2:
                let status: InstanceStatus = [.up, .up, .starting, .outOfService].randomElement(using: &random) ?? .up
                let ttl = Int64.random(in: 5_000...60_000, using: &random)
                _ = member.store.register(
                    makeInstance(UInt64(number), service: name(service(number)), status: status, ttl: ttl), in: tenant,
                    at: member.moment(now))
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
                if isKnown { model[number].word = .drain(until: now + span) }
            case 9:
                override(.endDrain)
                if isKnown, word?.drainEnd != nil { model[number].word = nil }
            case 10:
                let until = Bool.random(using: &random) ? now + span : nil
                override(
                    service: service(number), .set(down, until: until.map { $0 * 1_000_000 }),
                    becomes: Word(status: down, until: until, drainEnd: nil))
            case 11:
                override(service: service(number), .remove, becomes: nil)
            case 12:
                override(service: service(number), .drain(for: span * 1_000_000), becomes: .drain(until: now + span))
            default:
                let held = services[service(number)].word
                override(service: service(number), .endDrain, becomes: held?.drainEnd == nil ? held : nil)
            }
            exchange()
            var problems = 0
            for index in moving {
                for number in model.indices {
                    let found = members[index].store.instance(
                        .digest(UInt64(number)), in: tenant, at: members[index].moment(now).lease)
                    let service = services[service(number)]
                    let (shown, drainEnd) = (model[number].shown(in: service), model[number].drainEnd(in: service))
                    if found?.instance.status != shown || found?.drainEnd != drainEnd.map({ $0 * 1_000_000 }) {
                        Issue.record(
                            """
                            member \(index) of \(members.count) shows \(found?.instance.status.token ?? "nothing") and \
                            \(found?.drainEnd ?? 0), not \(shown?.token ?? "nothing") and \
                            \(drainEnd ?? 0) of \(number): seed \(seed), step \(step), now \(now), \
                            \(String(describing: found?.instance.override)), \(model[number]), \(service)
                            """
                        )
                        problems += 1
                    }
                }
                if step % 50 == 49 { members[index].store.checkInvariants() }
                if step % 10 == 9, members[index].store.digest() != members[moving[0]].store.digest() {
                    Issue.record("members \(moving[0]) and \(index) differ: seed \(seed), step \(step)")
                    problems += 1
                }
                // What has run out is swept a moment later, and said then.
                let followed = watchers[index].follow(members[index].store).filter {
                    members[index].has($0, at: now)
                }
                let up = Set(
                    model.indices.filter { model[$0].shown(in: services[service($0)]) == .up }.map {
                        InstanceID.digest(UInt64($0))
                    })
                if followed != up {
                    Issue.record(
                        "a watcher of member \(index) has \(followed), not \(up): seed \(seed), step \(step)")
                    problems += 1
                }
            }
            guard problems == 0 else { return }
        }
    }
}
