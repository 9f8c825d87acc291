// The bound on what runs out in a minute beside a model too simple to be wrong: dictionaries that are sorted whenever
// somebody looks.

import TestCatalog
import TestRandom
import Testing

@testable import Catalog

private struct SilenceModel {
    struct Entry {
        var ttl: Int64
        var deadline: Int64?
        var isHeld = false
    }

    struct Minute {
        var end: Int64
        var allowance: Int
        var ranOut = 0
    }

    let share: Int
    let longest: Int64
    var entries: [Namespace: [UInt64: Entry]] = [:]
    var minutes: [Namespace: Minute] = [:]

    func allowance(_ count: Int) -> Int { count < 20 ? .max : max(10, count * share / 100) }

    func isFound(_ id: UInt64, in namespace: Namespace, at now: Int64) -> Bool {
        guard let entry = entries[namespace]?[id] else { return false }
        guard let deadline = entry.deadline, now >= deadline else { return true }
        let count = entries[namespace]?.count ?? 0
        let isBounded = minutes[namespace].map { $0.allowance != .max } ?? (count >= 20)
        return now < deadline + longest && (entry.isHeld || isBounded)
    }

    mutating func put(_ id: UInt64, in namespace: Namespace, ttl: Int64, expires: Bool, at now: Int64) {
        entries[namespace, default: [:]][id] = Entry(ttl: ttl, deadline: expires ? now + ttl + 1 : nil)
    }

    mutating func remove(_ id: UInt64, in namespace: Namespace) {
        entries[namespace]?[id] = nil
        guard entries[namespace]?.isEmpty == true else { return }
        (entries[namespace], minutes[namespace]) = (nil, nil)
    }

    private mutating func go(_ id: UInt64, in namespace: Namespace) {
        minutes[namespace]?.ranOut += 1
        remove(id, in: namespace)
    }

    private func held(in namespace: Namespace) -> [UInt64] {
        let held = (entries[namespace] ?? [:]).filter(\.value.isHeld)
        return held.sorted { $0.value.deadline ?? 0 < $1.value.deadline ?? 0 }.map(\.key)
    }

    mutating func sweep(at now: Int64) {
        for namespace in Array(entries.keys) { sweep(namespace, at: now) }
    }

    private mutating func sweep(_ namespace: Namespace, at now: Int64) {
        if let minute = minutes[namespace], minute.end <= now {
            let count = entries[namespace]?.count ?? 0
            let waiting = held(in: namespace)
            minutes[namespace] = waiting.isEmpty ? nil : Minute(end: now + 60_000, allowance: allowance(count))
            for id in waiting.prefix(waiting.isEmpty ? 0 : allowance(count)) { go(id, in: namespace) }
        }
        // What is held for too long, and what is due, in the order of time.
        let events = (entries[namespace] ?? [:]).compactMap { id, entry -> (time: Int64, id: UInt64)? in
            guard let deadline = entry.deadline else { return nil }
            return (entry.isHeld ? deadline + longest : deadline, id)
        }
        for (_, id) in events.filter({ $0.time <= now }).sorted(by: { $0.time < $1.time }) {
            guard let deadline = entries[namespace]?[id]?.deadline, let count = entries[namespace]?.count else {
                continue
            }
            if minutes[namespace] == nil, count >= 20 {
                minutes[namespace] = Minute(end: now + 60_000, allowance: allowance(count))
            }
            let hasRoom = minutes[namespace].map { $0.ranOut < $0.allowance } ?? true
            if deadline + longest <= now || hasRoom && held(in: namespace).isEmpty {
                go(id, in: namespace)
            } else {
                entries[namespace]?[id]?.isHeld = true
            }
        }
    }
}

struct SilenceModelTests {
    /// A lease lasts for one millisecond more than its TTL. Ends are multiples of this, and what may be held is so much more than one, that no two things happen in one tick
    /// of the wheel.
    private static let step: Int64 = 2 * TimerWheel.resolution

    /// With even seeds leases are renewed, and looked at whenever time passes: a renewed one stands in the wheel where it
    /// ended before, so in a look that comes late it may be found before one that ended earlier. With odd ones neither.
    @Test(arguments: 0..<40)
    func `what goes and what is held agrees with sorted dictionaries`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let longest = [1, 60, 3_000].map { Self.step * $0 + TimerWheel.resolution }[Int(seed % 3)]
        let share = [1, 20, 20, 50, 100][Int(seed % 5)]
        var bounds = ExpiryBounds()
        bounds.budget = ExpiryBudget(share: share, longest: longest)
        var (catalog, model) = (Catalog(namespaceCapacity: nil), SilenceModel(share: share, longest: longest))
        catalog.setBounds(bounds)
        var (now, used) = (Self.step, Set<Int64>())
        let isPrompt = seed.isMultiple(of: 2)
        func sweep() {
            var hasMore = true
            while hasMore { hasMore = catalog.expire(at: moment(now), budget: 50).hasMore }
            model.sweep(at: now)
        }
        // Busy, silent and busy again.
        for step in 0..<1_500 {
            let isSilent = step % 500 > 300
            let namespace = Bool.random(using: &random) ? tenant : neighbour
            let id = UInt64.random(in: 0..<(namespace == tenant ? 120 : 30), using: &random)
            let place = "seed \(seed), step \(step), now \(now)"
            switch Int.random(in: 0..<(isSilent ? 40 : 10), using: &random) {
            case 0..<5:
                // One that has run out and was not looked at yet stands in the wheel where it ended.
                guard isPrompt || model.entries[namespace]?[id] == nil else { break }
                let expires = Int.random(in: 0..<10, using: &random) > 0
                var ttl = Self.step * .random(in: 50...300, using: &random) - 1
                while expires, !used.insert(now + ttl).inserted { ttl += Self.step }
                let status = expires ? InstanceStatus.up : .outOfService
                catalog.apply(.register(makeInstance(id, status: status, ttl: ttl)), in: namespace, at: moment(now))
                model.put(id, in: namespace, ttl: ttl, expires: expires, at: now)
            case 5..<8 where isPrompt:
                let isFound = model.isFound(id, in: namespace, at: now)
                let entry = model.entries[namespace]?[id]
                if isFound, let entry, entry.deadline != nil, !used.insert(now + entry.ttl).inserted { break }
                let isDone = catalog.renew(.digest(id), in: namespace, at: moment(now))
                #expect(isDone == isFound, "\(place)")
                guard isFound, let entry else { break }
                model.put(id, in: namespace, ttl: entry.ttl, expires: entry.deadline != nil, at: now)
            case 8:
                let isFound = model.isFound(id, in: namespace, at: now)
                let isDone = catalog.apply(.deregister(.digest(id)), in: namespace, at: moment(now)).outcome == .done
                #expect(isDone == isFound, "\(place)")
                if isDone { model.remove(id, in: namespace) }
            default:
                for _ in 0..<Int.random(in: 1...(isSilent ? 60 : 4), using: &random) {
                    now += Self.step
                    if isPrompt { sweep() }
                }
                if !isPrompt, Bool.random(using: &random) { sweep() }
            }
            guard step.isMultiple(of: 5) else { continue }
            sweep()
            catalog.checkInvariants()
            guard isSame(catalog, model, at: now, place) else { return }
        }
    }

    /// Whether both find the same, between two ends, so that it is no question on which side of one it is.
    private func isSame(_ catalog: Catalog, _ model: SilenceModel, at now: Int64, _ place: String) -> Bool {
        for namespace in [tenant, neighbour] {
            let found = catalog.instances(of: Name("web"), in: namespace, at: at(now + 1))
            var ids: [UInt64: Bool] = [:]
            for leased in found { if case .digest(let id) = leased.instance.id { ids[id] = leased.isOverdue } }
            var wanted: [UInt64: Bool] = [:]
            for (id, entry) in model.entries[namespace] ?? [:] where model.isFound(id, in: namespace, at: now + 1) {
                wanted[id] = entry.isHeld
            }
            guard ids == wanted else {
                let (extra, missing) = (Set(ids.keys).subtracting(wanted.keys), Set(wanted.keys).subtracting(ids.keys))
                Issue.record("\(extra) are found, \(missing) are not, or are said to be overdue wrongly: \(place)")
                return false
            }
        }
        let held = model.entries.values.reduce(0) { $0 + $1.values.count { $0.isHeld } }
        guard catalog.counts.overdue == held else {
            Issue.record("\(catalog.counts.overdue) are held, not \(held): \(place)")
            return false
        }
        return true
    }

    @Test(arguments: 0..<20)
    func `a heap gives the oldest deadline first, whatever was removed`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (heap, places) = (DeadlineHeap(), DeadlineHeap.Places(repeating: -1, count: 200))
        var model: [Int32: Int64] = [:]
        for step in 0..<2_000 {
            let slot = Int32.random(in: 0..<200, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0..<3 where model[slot] == nil:
                let deadline = Int64.random(in: 0..<50, using: &random)
                heap.insert(slot, due: at(deadline), &places)
                model[slot] = deadline
            case 3 where model[slot] != nil:
                heap.remove(slot, &places)
                model[slot] = nil
            case 4:
                let first = heap.popFirst(&places)
                #expect(first?.deadline.milliseconds == model.values.min(), "seed \(seed), step \(step)")
                if let first { #expect(model.removeValue(forKey: first.slot) == first.deadline.milliseconds) }
            default: break
            }
            heap.checkInvariants(places)
            #expect(heap.count == model.count, "seed \(seed), step \(step)")
        }
    }
}
