// Where the store thread writes what other threads ask: words that requests read each time, and a status that pages show.

import Catalog
import Replication
import Synchronization
import Time

/// The store as last seen. Written by the store thread, read by any.
final class StoreBoard: Sendable {
    private struct Page {
        var status: StoreStatus?
        /// Registrations that were refused and not asked for yet.
        var refusals: Set<StateKey> = []
        var order: [StateKey] = []
    }

    /// Refusals that are kept for their callers, who have mostly asked within a millisecond.
    private static let mostRefusals = 10_000

    private let ready = Atomic<Bool>(false)
    /// Nanoseconds.
    private let correction = Atomic<Int64>(0)
    /// How many refusals there are, so that few calls take the lock.
    private let refused = Atomic<Int>(0)
    private let page = Mutex(Page())
    let standing = PublishedStanding()

    init() {
        standing.publish(
            ClusterStanding(waits: true, mayBeUnderWay: true, behindSince: nil, refusing: .all, isStrict: true))
    }

    var hasCopy: Bool { ready.load(ordering: .acquiring) }
    var clockCorrection: Int64 { correction.load(ordering: .relaxed) }
    var status: StoreStatus? { page.withLock { $0.status } }

    /// A reader that sees this also sees what was read before.
    func becomeReady() { ready.store(true, ordering: .releasing) }

    func correctClock(nanoseconds: Int64) { correction.store(nanoseconds, ordering: .relaxed) }

    func publish(_ status: StoreStatus) { page.withLock { $0.status = status } }

    /// Before the tickets are answered that stand for them.
    func refuse(_ keys: [StateKey]) {
        guard !keys.isEmpty else { return }
        let count = page.withLock { page in
            for key in keys where page.refusals.insert(key).inserted { page.order.append(key) }
            let excess = page.order.count - Self.mostRefusals
            if excess > 0 {
                for key in page.order.prefix(excess) { page.refusals.remove(key) }
                page.order.removeFirst(excess)
            }
            return page.refusals.count
        }
        refused.store(count, ordering: .releasing)
    }

    func takeRefusal(of key: StateKey) -> Bool {
        guard refused.load(ordering: .acquiring) > 0 else { return false }
        let (isRefused, count) = page.withLock { page in
            let isRefused = page.refusals.remove(key) != nil
            if isRefused { page.order.removeAll { $0 == key } }
            return (isRefused, page.refusals.count)
        }
        refused.store(count, ordering: .releasing)
        return isRefused
    }

    /// What /uptime says.
    var component: ComponentHealth {
        guard let status else { return ComponentHealth(name: "STORE", isHealthy: false) }
        return ComponentHealth(
            name: "STORE", isHealthy: status.isHealthy,
            properties: [
                ("servers", status.servers.count), ("connected", status.servers.count(where: \.isConnected)),
                ("members", status.members.count), ("shards", status.shards), ("following", status.following),
            ])
    }
}
