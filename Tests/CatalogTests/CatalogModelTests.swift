// The catalog beside a model too simple to be wrong: dictionaries whose every look-up is a scan and whose leases are
// compared with the clock when somebody looks. Whatever random commands and random time do to both, they must tell the
// same story.

import TestCatalog
import TestRandom
import Testing

@testable import Catalog

/// What a catalog is meant to hold. An overdue entry stays until the catalog reports that it expired, but nobody sees
/// it.
private struct Model {
    struct Entry {
        var instance: Instance
        /// Nil for what does not expire.
        var deadline: Int64?
        var wall: Int64

        func isLive(at now: Int64) -> Bool { deadline.map { now <= $0 } ?? true }
        /// Overdue by so much that the wheel must know.
        func isLate(at now: Int64) -> Bool { deadline.map { $0 + TimerWheel.resolution < now } ?? false }
    }

    var entries: [Namespace: [InstanceID: Entry]] = [:]

    func live(in namespace: Namespace, at now: Int64) -> [Entry] {
        (entries[namespace] ?? [:]).values.filter { $0.isLive(at: now) }
    }

    func find(_ id: InstanceID, in namespace: Namespace, at now: Int64) -> Entry? {
        live(in: namespace, at: now).first { $0.instance.id == id }
    }

    func instances(of service: Name, in namespace: Namespace, at now: Int64) -> [Entry] {
        live(in: namespace, at: now).filter { $0.instance.serviceName == service }
    }

    func serviceNames(in namespace: Namespace, at now: Int64) -> [Name] {
        Set(live(in: namespace, at: now).map(\.instance.serviceName)).sorted()
    }

    mutating func put(_ instance: Instance, in namespace: Namespace, at now: Int64) {
        let deadline = instance.status == .outOfService ? nil : now + instance.ttl
        entries[namespace, default: [:]][instance.id] = Entry(instance: instance, deadline: deadline, wall: now)
    }

    mutating func remove(_ id: InstanceID, from namespace: Namespace) {
        entries[namespace]?[id] = nil
        if entries[namespace]?.isEmpty == true { entries[namespace] = nil }
    }

    var counts: Counts {
        Counts(
            instances: entries.values.reduce(0) { $0 + $1.count },
            services: entries.values.reduce(0) { $0 + Set($1.values.map(\.instance.serviceName)).count },
            namespaces: entries.count)
    }
}

/// One run of random commands against both.
private final class Run {
    let seed: UInt64
    let capacity: Int?
    var random: SplitMix64
    var catalog: Catalog
    var model = Model()
    var now: Int64
    var step = 0
    var problems = 0

    let namespaces = ["", "default", "caf\u{E9}", "cafe\u{301}"].map(Namespace.init)
    let services = ["web", "db", "caf\u{E9}", "cafe\u{301}"].map { Name($0) }
    let statuses: [InstanceStatus] = [.up, .up, .starting, .outOfService, InstanceStatus("DOWN")]
    let ids: [InstanceID] =
        (0..<24).map { .digest($0 &* 0x9E37_79B9_7F4A_7C15) }
        + ["a", "b", "\u{E9}", "e\u{301}"].map { .text(Name($0)) }

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed)
        capacity = [nil, 1, 3, 12][Int(seed % 4)]
        now = Int64.random(in: 0...100_000, using: &random)
        catalog = Catalog(namespaceCapacity: capacity, start: at(now))
    }

    func expect(_ isTrue: Bool, _ what: @autoclosure () -> String, at place: SourceLocation = #_sourceLocation) {
        guard !isTrue else { return }
        problems += 1
        Issue.record("\(what()): seed \(seed), step \(step), now \(now)", sourceLocation: place)
    }

    func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }

    /// One random thing, and a look at what it may have touched. The end of a run is that time passes until all is
    /// gone.
    func advance() {
        step += 1
        let (namespace, id) = (pick(namespaces), pick(ids))
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6: register(id, in: namespace)
        case 6..<10: renew(id, in: namespace)
        case 10: deregister(id, in: namespace)
        case 11..<13: setStatus(id, in: namespace)
        case 13..<17: now += Int64.random(in: 0...(chance(20) ? 40_000 : 300), using: &random)
        default: expire(budget: pick([0, 1, 2, 3, 10, 1_000]))
        }
        compare(id, in: namespace)
        if step.isMultiple(of: 100) { catalog.checkInvariants() }
        if step.isMultiple(of: 4) { compare(pick(services), in: pick(namespaces)) }
        if step.isMultiple(of: 500) { compareAll() }
    }

    func register(_ id: InstanceID, in namespace: Namespace) {
        let ttl = Int64.random(in: 1...(chance(4) ? 60_000 : 2_000), using: &random)
        let instance = makeInstance(
            id, service: pick(services).text, status: pick(statuses), ttl: ttl,
            value: chance(4) ? "nowhere:" : "10.0.0.1:80")
        if chance(4) { merge(instance, in: namespace) } else { register(instance, in: namespace) }
    }

    func register(_ instance: Instance, in namespace: Namespace) {
        let decision = catalog.apply(.register(instance), in: namespace, at: moment(now))
        // A full namespace makes the catalog sweep first.
        let wasThere = model.entries[namespace]?[instance.id] != nil
        if wasThere {
            expect(decision.outcome == .done, "a registration was refused that may not be: \(decision.outcome)")
        } else if let capacity {
            let live = model.live(in: namespace, at: now).count
            let atMost =
                live + (model.entries[namespace] ?? [:]).values.count { !$0.isLive(at: now) && !$0.isLate(at: now) }
            if live >= capacity {
                expect(decision.outcome == .namespaceFull, "\(live) live of \(capacity), yet \(decision.outcome)")
            }
            if atMost < capacity {
                expect(decision.outcome == .done, "at most \(atMost) live of \(capacity), yet \(decision.outcome)")
            }
        } else {
            expect(decision.outcome == .done, "a registration was refused without a limit: \(decision.outcome)")
        }
        if decision.outcome == .done { model.put(instance, in: namespace, at: now) }
        book(decision.expired)
    }

    /// Another member tells of a registration, in a later version than any.
    func merge(_ instance: Instance, in namespace: Namespace) {
        let heartbeat = Heartbeat(age: 0, wall: now * 1_000_000)
        let outcome = catalog.merge(
            .present(instance, version(UInt64(10_000_000_000 + step)), heartbeat), in: namespace, at: moment(now))
        expect(outcome == .applied, "a member's registration was refused: \(outcome)")
        model.put(instance, in: namespace, at: now)
    }

    func renew(_ id: InstanceID, in namespace: Namespace) {
        let isDone = catalog.renew(id, in: namespace, at: moment(now))
        guard isKnown(id, in: namespace, isDone), let entry = model.find(id, in: namespace, at: now) else { return }
        model.put(entry.instance, in: namespace, at: now)
    }

    func deregister(_ id: InstanceID, in namespace: Namespace) {
        let decision = catalog.apply(.deregister(id), in: namespace, at: moment(now))
        expect(decision.expired == 0, "\(decision.expired) expired by a deregistration")
        if isKnown(id, in: namespace, decision.outcome == .done) { model.remove(id, from: namespace) }
    }

    /// As a client does: what is there is registered again, and all but its status is as it was.
    func setStatus(_ id: InstanceID, in namespace: Namespace) {
        guard let entry = model.find(id, in: namespace, at: now) else { return }
        register(entry.instance.with(status: pick(statuses)), in: namespace)
    }

    func isKnown(_ id: InstanceID, in namespace: Namespace, _ isDone: Bool) -> Bool {
        let isKnown = model.find(id, in: namespace, at: now) != nil
        expect(isDone == isKnown, "\(isDone ? "done" : "unknown") for \(isKnown ? "a live" : "no") instance")
        return isKnown
    }

    func expire(budget: Int) {
        let expiry = catalog.expire(at: moment(now), budget: budget)
        expect(expiry.expired <= budget, "\(expiry.expired) expired on a budget of \(budget)")
        expect(!expiry.hasMore || budget < 1_000, "\(budget) was not enough")
        book(expiry.expired)
        guard !expiry.hasMore else { return }
        let late = model.entries.values.flatMap(\.values).filter { $0.isLate(at: now) }
        expect(late.isEmpty, "\(late.count) leases are overdue and still there though nothing is left to do")
    }

    /// Books what has expired: so many are held no more, and only what is overdue may be among them.
    func book(_ expired: Int) {
        if expired > 0 {
            let held = catalog.held
            for (namespace, entries) in model.entries {
                for (id, entry) in entries where !held.contains(Key(namespace: namespace, id: id)) {
                    model.remove(id, from: namespace)
                    expect(!entry.isLive(at: now), "\(id) expired, due \(entry.deadline.map(String.init) ?? "never")")
                }
            }
        }
        let (count, wanted) = (catalog.counts.instances, model.counts.instances)
        expect(count == wanted, "\(count) are held and not \(wanted) when \(expired) have expired")
    }

    func compare(_ id: InstanceID, in namespace: Namespace) {
        let (found, wanted) = (
            catalog.instance(id, in: namespace, at: at(now)), model.find(id, in: namespace, at: now)
        )
        expect(isSame(found, wanted), "\(id) is \(String(describing: found)), not \(String(describing: wanted))")
    }

    func compare(_ service: Name, in namespace: Namespace) {
        let time = at(now)
        let found = catalog.instances(of: service, in: namespace, at: time).sorted { $0.instance.id < $1.instance.id }
        let wanted = model.instances(of: service, in: namespace, at: now).sorted { $0.instance.id < $1.instance.id }
        expect(
            found.count == wanted.count && zip(found, wanted).allSatisfy(isSame),
            "\(service) has \(found), not \(wanted)")
        let names = catalog.serviceNames(in: namespace, at: time).sorted()
        let wantedNames = model.serviceNames(in: namespace, at: now)
        expect(names == wantedNames, "services \(names), not \(wantedNames)")
    }

    func isSame(_ found: LeasedInstance?, _ wanted: Model.Entry?) -> Bool {
        guard let found, let wanted else { return found == nil && wanted == nil }
        return found.instance.id == wanted.instance.id && found.instance.serviceName == wanted.instance.serviceName
            && found.instance.status == wanted.instance.status && found.instance.ttl == wanted.instance.ttl
            && found.lastHeartbeat == wanted.wall * 1_000_000
    }

    /// Everything is compared with everything.
    func compareAll() {
        for namespace in namespaces {
            for id in ids { compare(id, in: namespace) }
            for service in services { compare(service, in: namespace) }
        }
        expect(catalog.counts == model.counts, "\(catalog.counts), not \(model.counts)")
    }

    /// Puts everything back to UP and lets time pass until all is gone.
    func drain() {
        for namespace in namespaces {
            for entry in model.live(in: namespace, at: now) where entry.deadline == nil {
                register(entry.instance.with(status: .up), in: namespace)
            }
        }
        now += 100_000
        while catalog.counts.instances > 0, problems == 0 { expire(budget: 7) }
        expect(catalog.counts == Counts(), "\(catalog.counts) is left of an emptied catalog")
        compareAll()
    }
}

struct CatalogModelTests {
    @Test(arguments: 0..<50)
    func `the catalog agrees with dictionaries`(seed: UInt64) {
        let run = Run(seed: seed)
        while run.step < 2_000, run.problems == 0 { run.advance() }
        if run.problems == 0 { run.drain() }
    }
}
