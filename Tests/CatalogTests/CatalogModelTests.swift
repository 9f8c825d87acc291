// The catalog beside a model too simple to be wrong: dictionaries whose every look-up is a scan and whose leases are compared with the
// clock when somebody looks. Whatever random commands and random time do to both, they must tell the same story.

import Testing

@testable import Catalog

/// What a catalog is meant to hold. An overdue entry stays until the catalog reports that it expired, but nobody sees it.
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

    func live(in namespace: Namespace, at now: Int64) -> [Entry] { (entries[namespace] ?? [:]).values.filter { $0.isLive(at: now) } }

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

    mutating func remove(_ id: InstanceID, from namespace: Namespace) -> Entry? {
        let entry = entries[namespace]?.removeValue(forKey: id)
        if entries[namespace]?.isEmpty == true { entries[namespace] = nil }
        return entry
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
    var random: SeededGenerator
    var catalog: Catalog
    var model = Model()
    var now: Int64
    var step = 0
    var lastSequence: UInt64 = 0
    var problems = 0

    let namespaces = ["", "default", "caf\u{E9}", "cafe\u{301}"].map(Namespace.init)
    let services = ["web", "db", "caf\u{E9}", "cafe\u{301}"].map { Name($0) }
    let statuses: [InstanceStatus] = [.up, .up, .starting, .outOfService, InstanceStatus("DOWN")]
    let ids: [InstanceID] =
        (0..<24).map { .digest($0 &* 0x9E37_79B9_7F4A_7C15) } + ["a", "b", "\u{E9}", "e\u{301}"].map { .text(Name($0)) }

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        capacity = [nil, 1, 3, 12][Int(seed % 4)]
        now = Int64.random(in: 0...100_000, using: &random)
        catalog = Catalog(namespaceCapacity: capacity, start: at(now))
    }

    func expect(_ isTrue: Bool, _ what: @autoclosure () -> String, at place: SourceLocation = #_sourceLocation) {
        guard !isTrue else { return }
        problems += 1
        Issue.record("\(what()): seed \(seed), step \(step), now \(now)", sourceLocation: place)
    }

    func pick<Element>(_ elements: [Element]) -> Element { elements[Int.random(in: 0..<elements.count, using: &random)] }

    func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }

    /// One random thing, and a look at what it may have touched. The end of a run is that time passes until all is gone.
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
        if step.isMultiple(of: 4) { compare(pick(services), in: pick(namespaces)) }
        if step.isMultiple(of: 500) { compareAll() }
    }

    func register(_ id: InstanceID, in namespace: Namespace) {
        let ttl = Int64.random(in: 1...(chance(4) ? 60_000 : 2_000), using: &random)
        let instance = makeInstance(id, service: pick(services).text, status: pick(statuses), ttl: ttl)
        let origin: Origin = chance(4) ? .peer : .client
        let decision = catalog.apply(.register(instance), in: namespace, from: origin, at: moment(now))
        // A full namespace makes the catalog sweep first: what went then has the earlier numbers.
        let wasThere = model.entries[namespace]?[id] != nil
        take(decision.swept)
        if wasThere || origin == .peer {
            expect(decision.outcome == .done, "a registration was refused that may not be: \(decision.outcome)")
        } else if let capacity {
            let live = model.live(in: namespace, at: now).count
            let atMost = live + (model.entries[namespace] ?? [:]).values.count { !$0.isLive(at: now) && !$0.isLate(at: now) }
            if live >= capacity { expect(decision.outcome == .namespaceFull, "\(live) live of \(capacity), yet \(decision.outcome)") }
            if atMost < capacity { expect(decision.outcome == .done, "at most \(atMost) live of \(capacity), yet \(decision.outcome)") }
        } else {
            expect(decision.outcome == .done, "a registration was refused without a limit: \(decision.outcome)")
        }
        guard decision.outcome == .done else { return expect(decision.change == nil, "a refusal with a change") }
        model.put(instance, in: namespace, at: now)
        take(decision.change, id, in: namespace) { if case .registered(let it) = $0 { it == instance } else { false } }
    }

    func renew(_ id: InstanceID, in namespace: Namespace) {
        let decision = catalog.apply(.renew(id), in: namespace, from: .client, at: moment(now))
        guard isKnown(id, in: namespace, decision), let entry = model.find(id, in: namespace, at: now) else { return }
        model.put(entry.instance, in: namespace, at: now)
        expect(decision.change?.sequence == lastSequence, "a renewal has the number \(decision.change?.sequence ?? 0), not \(lastSequence)")
        expect(decision.change?.isRenewal == true && decision.change?.id == id, "a renewal told of otherwise")
    }

    func deregister(_ id: InstanceID, in namespace: Namespace) {
        let decision = catalog.apply(.deregister(id), in: namespace, from: .client, at: moment(now))
        guard isKnown(id, in: namespace, decision) else { return }
        _ = model.remove(id, from: namespace)
        take(decision.change, id, in: namespace) { if case .deregistered = $0 { true } else { false } }
    }

    func setStatus(_ id: InstanceID, in namespace: Namespace) {
        let status = pick(statuses)
        let decision = catalog.apply(.setStatus(id, status), in: namespace, from: .client, at: moment(now))
        guard isKnown(id, in: namespace, decision), var entry = model.find(id, in: namespace, at: now) else { return }
        entry.instance = entry.instance.with(status: status)
        entry.deadline = status == .outOfService ? nil : entry.deadline ?? now + entry.instance.ttl
        model.entries[namespace]?[id] = entry
        take(decision.change, id, in: namespace) { if case .statusSet(_, status) = $0 { true } else { false } }
    }

    func isKnown(_ id: InstanceID, in namespace: Namespace, _ decision: Decision) -> Bool {
        let isKnown = model.find(id, in: namespace, at: now) != nil
        expect(decision.outcome == (isKnown ? .done : .unknownInstance), "\(decision.outcome) for \(isKnown ? "a live" : "no") instance")
        expect((decision.change != nil) == isKnown, "a change without a deed, or the other way round")
        return isKnown
    }

    func expire(budget: Int) {
        let expiry = catalog.expire(at: at(now), budget: budget)
        expect(expiry.changes.count <= budget, "\(expiry.changes.count) expired on a budget of \(budget)")
        expect(!expiry.hasMore || budget < 1_000, "\(budget) was not enough")
        take(expiry.changes)
        guard !expiry.hasMore else { return }
        let late = model.entries.values.flatMap(\.values).filter { $0.isLate(at: now) }
        expect(late.isEmpty, "\(late.count) leases are overdue and still there though nothing is left to do")
    }

    /// Books what expired; only what is overdue may.
    func take(_ expired: [Change]) {
        for change in expired {
            take(change, change.id, in: change.namespace) { if case .expired = $0 { true } else { false } }
            let entry = model.remove(change.id, from: change.namespace)
            expect(entry.map { !$0.isLive(at: now) } ?? false, "\(change.id) expired, due \(entry?.deadline.map(String.init) ?? "never")")
        }
    }

    /// Checks that a change is numbered one above the last and says what it should.
    func take(_ change: Change?, _ id: InstanceID, in namespace: Namespace, isRight: (Change.Kind) -> Bool) {
        guard let change else { return expect(false, "a deed without a change") }
        expect(change.sequence == lastSequence + 1, "number \(change.sequence) after \(lastSequence)")
        expect(change.namespace == namespace && change.id == id && isRight(change.kind), "told of as \(change)")
        lastSequence = change.sequence
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
        expect(found.count == wanted.count && zip(found, wanted).allSatisfy(isSame), "\(service) has \(found), not \(wanted)")
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
            for id in ids where model.find(id, in: namespace, at: now)?.deadline == nil {
                _ = catalog.apply(.setStatus(id, .up), in: namespace, from: .client, at: moment(now)).change.map { change in
                    lastSequence = change.sequence
                    model.entries[namespace]?[id]?.deadline = now
                }
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
