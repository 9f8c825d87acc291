// How many requests a second a namespace and a client may make. Heartbeats have an allowance of their own, so that a
// flood of look-ups cannot make leases run out. All loops share the buckets, since a client's connections are spread
// over them: a part of the allowance for each loop would be wrong for every client that keeps one connection. A limit
// that is off costs an atomic load.

package import Catalog
package import Configuration
import Libevent
import Synchronization
package import Time

/// The allowances of namespaces and clients. Safe to use from any thread.
package final class RateLimits: Sendable {
    /// An allowance that may be used up. A closed set: the names are labels of metrics.
    package enum Limit: Int, Sendable, CaseIterable {
        case namespace, namespaceHeartbeats, client, clientHeartbeats

        package var name: String {
            switch self {
            case .namespace: "namespace"
            case .namespaceHeartbeats: "namespace_heartbeats"
            case .client: "client"
            case .clientHeartbeats: "client_heartbeats"
            }
        }

        /// The sentence for the client.
        package var sentence: String {
            switch self {
            case .namespace: "the namespace is over its limit of requests a second: ask again after Retry-After"
            case .namespaceHeartbeats:
                "the namespace is over its limit of heartbeats a second: ask again after Retry-After"
            case .client: "this client is over its limit of requests a second: ask again after Retry-After"
            case .clientHeartbeats: "this client is over its limit of heartbeats a second: ask again after Retry-After"
            }
        }
    }

    private let namespaces = SharedBuckets<Namespace>()
    private let namespaceHeartbeats = SharedBuckets<Namespace>()
    private let clients = SharedBuckets<ClientKey>()
    private let clientHeartbeats = SharedBuckets<ClientKey>()
    private let quotas: QuotaBoard
    private let rates: RequestRates
    /// RATE_LIMIT_BURST, in nanoseconds.
    private let burst = Atomic<Int64>(0)
    private let refusals = Mutex([UInt64](repeating: 0, count: Limit.allCases.count))

    package init(
        _ settings: Settings, _ quotas: QuotaBoard = QuotaBoard(),
        _ rates: RequestRates = RequestRates(isOn: false, start: .distantPast)
    ) {
        self.quotas = quotas
        self.rates = rates
        change(settings)
    }

    /// Puts the limits of other settings into force. What has been taken of an allowance stays taken.
    package func change(_ settings: Settings) {
        func allowance(_ perSecond: Int?) -> Allowance? {
            perSecond.map { Allowance(perSecond: $0, burst: settings.rateLimitBurst.nanoseconds) }
        }
        burst.store(settings.rateLimitBurst.nanoseconds, ordering: .relaxed)
        namespaces.change(allowance(settings.rateLimitNamespace))
        namespaceHeartbeats.change(allowance(settings.rateLimitNamespaceHeartbeats))
        clients.change(allowance(settings.rateLimitClient))
        clientHeartbeats.change(allowance(settings.rateLimitClientHeartbeats))
    }

    /// How many requests were refused for want of this allowance.
    package func refused(_ limit: Limit) -> UInt64 { refusals.withLock { $0[limit.rawValue] } }

    /// Charges a request to its client. A client without a known address is not charged.
    func charge(client: @autoclosure () -> String?, isHeartbeat: Bool, at now: MonotonicTime) throws(AdmissionRefusal) {
        let buckets = isHeartbeat ? clientHeartbeats : clients
        // To write an address as text costs more than all the rest.
        guard buckets.isOn, let key = client().flatMap({ ClientKey(numeric: $0) }) else { return }
        try charge(buckets.take(key, at: now), to: isHeartbeat ? .clientHeartbeats : .client)
    }

    /// Charges a request to its namespace.
    ///
    /// - Parameter quota: the namespace's.
    func charge(
        namespace: Namespace, _ quota: NamespaceQuota = .standard, isHeartbeat: Bool, at now: MonotonicTime
    ) throws(AdmissionRefusal) {
        let buckets = isHeartbeat ? namespaceHeartbeats : namespaces
        let limit = isHeartbeat ? Limit.namespaceHeartbeats : .namespace
        switch isHeartbeat ? quota.heartbeats : quota.requests {
        case .standard:
            guard buckets.isOn else { return }
            try charge(buckets.take(namespace, at: now), to: limit)
        case .unlimited: break
        case .atMost(let most):
            try charge(
                buckets.take(namespace, of: allowance(most), at: now), to: limit,
                of: RateQuota(name: quota.name ?? "", most: most))
        }
    }

    private func allowance(_ perSecond: Int) -> Allowance {
        Allowance(perSecond: perSecond, burst: burst.load(ordering: .relaxed))
    }

    /// Charges the heartbeats of a batch beyond the first, which was charged as any other: a batch needs no more
    /// allowance than one heartbeat, or a large one would never pass, and the requests after it wait the longer.
    ///
    /// - Parameter namespace: nil where none is charged, as for an operator.
    package func overdraw(_ count: Int, client: String?, namespace: Namespace?, at now: MonotonicTime) {
        guard count > 0 else { return }
        if let namespace {
            rates.countBatch(count, namespace, at: now)
            switch quotas.quota(of: namespace).heartbeats {
            case .standard:
                if namespaceHeartbeats.isOn { namespaceHeartbeats.overdraw(namespace, count, at: now) }
            case .unlimited: break
            case .atMost(let most): namespaceHeartbeats.overdraw(namespace, count, of: allowance(most), at: now)
            }
        }
        if clientHeartbeats.isOn, let key = client.flatMap({ ClientKey(numeric: $0) }) {
            clientHeartbeats.overdraw(key, count, at: now)
        }
    }

    private func charge(_ wait: Int64?, to limit: Limit, of quota: RateQuota? = nil) throws(AdmissionRefusal) {
        guard let wait else { return }
        refusals.withLock { $0[limit.rawValue] += 1 }
        switch limit {
        case .namespace: quotas.refused(.requests)
        case .namespaceHeartbeats: quotas.refused(.heartbeats)
        case .client, .clientHeartbeats: break
        }
        // Rounded up: a client that comes back after this many whole seconds finds a token.
        throw .overAllowance(limit, retryAfter: Int((wait + 999_999_999) / 1_000_000_000), of: quota)
    }
}

/// The quota whose rate is used up.
package struct RateQuota: Sendable, Equatable {
    let name: String
    /// A second.
    let most: Int

    package var words: String { "quota \(name), \(most) a second" }
}

/// Buckets that all loops share, in shards so that they seldom wait for each other.
private final class SharedBuckets<Key: Hashable & Sendable>: Sendable {
    private static var shardCount: Int { 16 }
    /// Buckets of one shard. With all shards full, a limit takes some 10 MB.
    private static var maximum: Int { 4_096 }

    private final class Shard: Sendable {
        /// Nil while the limit is off.
        let table = Mutex<BucketTable<Key>?>(nil)
    }

    private let shards: [Shard]
    private let switched = Atomic<Bool>(false)

    init() { shards = (0..<Self.shardCount).map { _ in Shard() } }

    /// Whether there is a limit.
    var isOn: Bool { switched.load(ordering: .relaxed) }

    /// Nil turns the limit off and forgets everybody.
    func change(_ allowance: Allowance?) {
        for shard in shards {
            shard.table.withLock { table in
                guard let allowance else { return table = nil }
                if table == nil {
                    table = BucketTable(allowance, maximum: Self.maximum)
                } else {
                    table?.allowance = allowance
                }
            }
        }
        switched.store(allowance != nil, ordering: .relaxed)
    }

    func take(_ key: Key, at now: MonotonicTime) -> Int64? { shard(of: key).table.withLock { $0?.take(key, at: now) } }

    /// The same of an allowance of its own, whether or not there is a limit for all.
    func take(_ key: Key, of allowance: Allowance, at now: MonotonicTime) -> Int64? {
        shard(of: key).table.withLock { table in
            if table == nil { table = BucketTable(allowance, maximum: Self.maximum) }
            return table?.take(key, of: allowance, at: now)
        }
    }

    func overdraw(_ key: Key, _ count: Int, of allowance: Allowance? = nil, at now: MonotonicTime) {
        shard(of: key).table.withLock { _ = $0?.overdraw(key, count, of: allowance, at: now) }
    }

    private func shard(of key: Key) -> Shard { shards[Int(UInt(bitPattern: key.hashValue) % UInt(Self.shardCount))] }
}
