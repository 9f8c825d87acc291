// The quotas in force, for all loops. A namespace is compared with the rules once and then known until the quotas change;
// where there are none, a request costs an atomic load.

package import Catalog
import Synchronization
package import Time

/// What a namespace has used of a limit, for whoever is refused.
package struct QuotaUse: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case instances, services, requests, heartbeats, watches
    }

    package let kind: Kind
    package let used: Int
    package let most: Int
    /// The quota's name; nil where the limit is that of a setting.
    package let quota: String?

    /// Which part is used: 1 or more when nothing is left.
    var share: Double { most > 0 ? Double(used) / Double(most) : .infinity }

    /// `the namespace holds 3 of 3 instances (quota team-*)`.
    package var words: String {
        "the namespace holds \(used) of \(most) \(kind.rawValue)" + (quota.map { " (quota \($0))" } ?? "")
    }
}

/// The quotas of all namespaces. Safe to use from any thread.
package final class QuotaBoard: Sendable {
    /// Namespaces that are remembered with their quota; beyond, all are compared anew.
    private static let mostKnown = 65_536

    private struct State {
        var quotas: Quotas?
        var known: [Namespace: NamespaceQuota] = [:]
    }

    private let state = Mutex(State())
    /// 0 where there are no quotas.
    private let number = Atomic<UInt64>(0)
    private let changes = Atomic<UInt64>(0)
    /// Held answers of each namespace that has one, of those that began while there were quotas.
    private let watches = Mutex<[Namespace: Int]>([:])
    private let near = Mutex<[NearQuota]>([])
    private let turnedAway = Mutex<[QuotaUse.Kind: UInt64]>([:])

    package init() {}

    /// Whether there are quotas.
    package var isOn: Bool { generation != 0 }

    /// Another number for each file of quotas; 0 for none.
    package var generation: UInt64 { number.load(ordering: .acquiring) }

    /// Puts other quotas into force; nil is none. What is held stays.
    package func change(_ quotas: Quotas?) {
        state.withLock { state in
            state = State(quotas: quotas)
            let next = changes.add(1, ordering: .relaxed).newValue
            number.store(quotas == nil ? 0 : next, ordering: .releasing)
        }
        if quotas == nil { near.withLock { $0 = [] } }
    }

    /// The quota of a namespace.
    package func quota(of namespace: Namespace) -> NamespaceQuota {
        let current = generation
        guard current != 0 else { return .standard }
        let (known, rules) = state.withLock { ($0.known[namespace], $0.quotas) }
        if let known { return known }
        guard let quota = rules?.quota(of: namespace) else { return .standard }
        // Compared beside the lock, which all loops share; meanwhile the rules may have become others.
        state.withLock { state in
            guard generation == current else { return }
            if state.known.count >= Self.mostKnown { state.known = [:] }
            state.known[namespace] = quota
        }
        return quota
    }

    // MARK: - Watches

    /// Counts a held answer in; what is used where there are as many as the namespace may have.
    package func enterWatch(_ namespace: Namespace) -> QuotaUse? {
        let quota = quota(of: namespace)
        let most = quota.watches.resolved(nil)
        let used = watches.withLock { watches -> Int? in
            let held = watches[namespace, default: 0]
            if let most, held >= most { return held }
            watches[namespace] = held + 1
            return nil
        }
        guard let used, let most else { return nil }
        refused(.watches)
        return QuotaUse(kind: .watches, used: used, most: most, quota: quota.name)
    }

    package func leaveWatch(_ namespace: Namespace) {
        watches.withLock { watches in
            guard let held = watches[namespace] else { return }
            watches[namespace] = held > 1 ? held - 1 : nil
        }
    }

    func watches(of namespace: Namespace) -> Int { watches.withLock { $0[namespace] ?? 0 } }

    // MARK: - What is told of them

    /// Notes that somebody was refused.
    package func refused(_ kind: QuotaUse.Kind) { turnedAway.withLock { $0[kind, default: 0] += 1 } }

    /// How often somebody was refused for want of this, since the start.
    package func refusals(_ kind: QuotaUse.Kind) -> UInt64 { turnedAway.withLock { $0[kind] ?? 0 } }

    /// The namespaces that were nearest to one of their quotas when all were last looked at, the nearest first.
    package var nearest: [NearQuota] { near.withLock { $0 } }

    func publish(_ nearest: [NearQuota]) { near.withLock { $0 = isOn ? nearest : [] } }
}

/// A namespace that is near to one of its quotas.
package struct NearQuota: Sendable, Equatable {
    package let namespace: Namespace
    package let kind: QuotaUse.Kind
    /// Which part is used: 1 or more when nothing is left.
    package let share: Double
}

/// Looks at all namespaces, some at a time, for those that are nearest to their quotas. Belongs to the control loop.
package struct QuotaSurvey {
    /// Namespaces that are told of.
    package static let most = 10
    /// Namespaces that are looked at in one go: a few milliseconds.
    private static let step = 4_096

    private let registry: RegistryState
    private var cursor = NamespaceCursor()
    private var found: [NearQuota] = []

    package init(_ registry: RegistryState) { self.registry = registry }

    /// Goes on with the survey, and publishes it when all were looked at.
    package mutating func go(at now: MonotonicTime) {
        guard registry.quotas.isOn else {
            (cursor, found) = (NamespaceCursor(), [])
            return
        }
        for (namespace, size) in registry.lookup.namespaces(from: &cursor, atMost: Self.step) {
            found += registry.shares(of: namespace, size, at: now)
        }
        found.sort { $0.share > $1.share }
        found.removeLast(max(0, found.count - Self.most))
        guard cursor.isDone else { return }
        registry.quotas.publish(found)
        (cursor, found) = (NamespaceCursor(), [])
    }
}

extension RegistryState {
    /// What a namespace holds of what it may hold, where that is limited.
    func uses(of namespace: Namespace, _ size: NamespaceSize) -> [QuotaUse] {
        let quota = quotas.quota(of: namespace)
        let limits: [(QuotaUse.Kind, QuotaLimit, Int?, Int)] = [
            (.instances, quota.limits.instances, store.namespaceCapacity, size.instances),
            (.services, quota.limits.services, nil, size.services),
            (.watches, quota.watches, nil, quotas.watches(of: namespace)),
        ]
        return limits.compactMap { kind, limit, standard, used in
            limit.resolved(standard).map {
                QuotaUse(kind: kind, used: used, most: $0, quota: limit == .standard ? nil : quota.name)
            }
        }
    }

    /// Which parts of its limits a namespace uses. A limit of nothing has no parts.
    func shares(of namespace: Namespace, _ size: NamespaceSize, at now: MonotonicTime) -> [NearQuota] {
        let quota = quotas.quota(of: namespace)
        let rate = rates.rate(of: namespace, at: now)
        var shares = uses(of: namespace, size).filter { $0.most > 0 }.map {
            NearQuota(namespace: namespace, kind: $0.kind, share: $0.share)
        }
        for (kind, limit, used) in [
            (QuotaUse.Kind.requests, quota.requests, rate.requests), (.heartbeats, quota.heartbeats, rate.heartbeats),
        ] {
            guard case .atMost(let most) = limit else { continue }
            shares.append(NearQuota(namespace: namespace, kind: kind, share: used / Double(most)))
        }
        return shares
    }

    /// Why a registration has just been refused for want of room, and notes it.
    package func fullness(of namespace: Namespace) -> QuotaUse {
        let uses = uses(of: namespace, store.size(of: namespace)).filter { $0.kind != .watches }
        // In the order of the store, which looks at the services last. What was full a moment ago may not be now: then the
        // fuller of both is to blame.
        let use =
            uses.first { $0.used >= $0.most } ?? uses.max { $0.share < $1.share }
            ?? QuotaUse(kind: .instances, used: 0, most: 0, quota: nil)
        quotas.refused(use.kind)
        return use
    }
}
