// A registry and its clients, second by second, so that rules of expiry can be compared by what they cost: instances that
// are alive and not listed, and instances that are dead and listed. Pure: time is counted and chance has a seed.

import TestCatalog
import TestRandom
import Time

@testable import Catalog

/// A rule by which a registry lets instances go. Times are seconds.
protocol ExpiryRule {
    mutating func register(_ id: Int, at now: Int)
    /// Whether the instance is registered.
    mutating func renew(_ id: Int, at now: Int) -> Bool
    mutating func expire(at now: Int)
    func lists(_ id: Int, at now: Int) -> Bool
}

/// This registry's, with a budget or without: the catalog itself.
struct CatalogRule: ExpiryRule {
    private var catalog = Catalog(namespaceCapacity: nil)
    private let ttl: Int
    /// How many ran out, by second.
    private(set) var expired: [Int: Int] = [:]

    init(share: Int, hold: Int, ttl: Int) {
        var bounds = ExpiryBounds()
        bounds.budget = ExpiryBudget(share: share, longest: Int64(hold) * 1_000)
        catalog.setBounds(bounds)
        self.ttl = ttl
    }

    mutating func register(_ id: Int, at now: Int) {
        let instance = makeInstance(UInt64(id), ttl: Int64(ttl) * 1_000)
        catalog.apply(.register(instance), in: tenant, at: moment(Int64(now) * 1_000))
    }

    mutating func renew(_ id: Int, at now: Int) -> Bool {
        catalog.renew(.digest(UInt64(id)), in: tenant, at: moment(Int64(now) * 1_000))
    }

    mutating func expire(at now: Int) {
        var hasMore = true
        while hasMore {
            let expiry = catalog.expire(at: moment(Int64(now) * 1_000), budget: 1_000)
            if expiry.expired > 0 { expired[now, default: 0] += expiry.expired }
            hasMore = expiry.hasMore
        }
    }

    func lists(_ id: Int, at now: Int) -> Bool {
        catalog.instance(.digest(UInt64(id)), in: tenant, at: at(Int64(now) * 1_000)) != nil
    }
}

/// Netflix's, as its server has it: once a minute, if more heartbeats have come in the minute before than 85 % of those
/// expected, instances whose time is over are removed in no order, 15 % of all at most.
///
/// Source: github.com/Netflix/eureka, AbstractInstanceRegistry (evict, internalCancel, updateRenewsPerMinThreshold),
/// PeerAwareInstanceRegistryImpl (isLeaseExpirationEnabled), Lease, MeasuredRate; the defaults of DefaultEurekaServerConfig.
struct EurekaRule: ExpiryRule {
    private static let threshold = 0.85
    private static let interval = 60

    private let duration: Int
    /// A renewed lease lasts so much longer than its duration: once more, in Netflix's server.
    private let extra: Int
    private let phase: Int
    private var random: SplitMix64
    private var ends: [Int: Int] = [:]
    private var expected = 0
    private var (renewals, lastMinute) = (0, 0)

    init(duration: Int, isDoubled: Bool, seed: UInt64) {
        self.duration = duration
        extra = isDoubled ? duration : 0
        random = SplitMix64(seed: seed)
        phase = Int.random(in: 0..<Self.interval, using: &random)
    }

    mutating func register(_ id: Int, at now: Int) {
        if ends.updateValue(now + duration, forKey: id) == nil { expected += 1 }
    }

    mutating func renew(_ id: Int, at now: Int) -> Bool {
        guard ends[id] != nil else { return false }
        ends[id] = now + duration + extra
        renewals += 1
        return true
    }

    mutating func expire(at now: Int) {
        guard now % Self.interval == phase else { return }
        (lastMinute, renewals) = (renewals, 0)
        // Clients are expected to send two a minute.
        let enough = Int(Double(expected * 2) * Self.threshold)
        guard enough > 0, lastMinute > enough else { return }
        let limit = ends.count - Int(Double(ends.count) * Self.threshold)
        let over = ends.filter { $0.value < now }.keys.sorted().shuffled(using: &random)
        for id in over.prefix(limit) {
            ends[id] = nil
            expected -= 1
        }
    }

    func lists(_ id: Int, at now: Int) -> Bool { ends[id] != nil }
}

/// What happens to some of the instances.
enum Misfortune: String, CaseIterable {
    case node = "a node of 50 dies"
    case rack = "a rack of 10 nodes dies"
    case split = "60 % of the clients are cut off for 3 minutes"
}

/// What a rule has cost.
struct ExpiryCost {
    /// Instances that were alive and not listed at some time, and for how many minutes all together.
    var (removed, missing) = (0, 0.0)
    /// For how many minutes dead instances were listed, all together.
    var stale = 0.0
    /// When the last dead one was gone, in seconds after it died; nil when it is listed still.
    var gone: Int? = 0
}

/// One run.
struct ExpirySimulation {
    static let (nodes, perNode) = (50, 10)
    static var count: Int { nodes * perNode }
    /// Seconds between an instance's heartbeats, and those that its lease lasts: what Eureka's clients have.
    static let (heartbeat, lease) = (30, 90)
    /// When it happens, and how long clients are cut off, in seconds.
    static let (start, cut) = (300, 180)
    /// The seconds between two looks at what is listed.
    private static let look = 5

    private let misfortune: Misfortune
    /// The instances that send their heartbeats in each second of the interval.
    private let senders: [[Int]]
    private let hit: Set<Int>

    init(_ misfortune: Misfortune, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        self.misfortune = misfortune
        var senders = [[Int]](repeating: [], count: Self.heartbeat)
        for id in 0..<Self.count { senders[Int.random(in: 0..<Self.heartbeat, using: &random)].append(id) }
        self.senders = senders
        hit =
            switch misfortune {
            case .node: Set(0..<Self.perNode)
            case .rack: Set(0..<10 * Self.perNode)
            case .split: Set((0..<Self.count).shuffled(using: &random).prefix(Self.count * 6 / 10))
            }
    }

    private func isAlive(_ id: Int, at now: Int) -> Bool {
        misfortune == .split || now < Self.start || !hit.contains(id)
    }

    private func sends(_ id: Int, at now: Int) -> Bool {
        let isCut = misfortune == .split && (Self.start..<Self.start + Self.cut).contains(now) && hit.contains(id)
        return isAlive(id, at: now) && !isCut
    }

    /// What a rule costs, and what it is left as.
    func run<Rule: ExpiryRule>(_ rule: Rule) -> (cost: ExpiryCost, rule: Rule) {
        var (rule, cost, removed) = (rule, ExpiryCost(), Set<Int>())
        for id in 0..<Self.count { rule.register(id, at: 0) }
        let end = Self.start + (misfortune == .split ? 600 : 1_800)
        for now in 0..<end {
            for id in senders[now % Self.heartbeat] where sends(id, at: now) && !rule.renew(id, at: now) {
                // A client that is unknown registers again.
                rule.register(id, at: now)
            }
            rule.expire(at: now)
            guard now >= Self.start, now % Self.look == 0 else { continue }
            var stale = 0
            for id in hit {
                switch (isAlive(id, at: now), rule.lists(id, at: now)) {
                case (true, false):
                    removed.insert(id)
                    cost.missing += Double(Self.look) / 60
                case (false, true): stale += 1
                default: break
                }
            }
            cost.stale += Double(stale * Self.look) / 60
            if stale > 0 { cost.gone = now + Self.look < end ? now + Self.look - Self.start : nil }
        }
        cost.removed = removed.count
        return (cost, rule)
    }
}
