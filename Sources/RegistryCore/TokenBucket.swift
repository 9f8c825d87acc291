// A token bucket as one number. A bucket that fills at a steady rate is known by the moment at which it will be full
// again; taking a token moves that moment on (the generic cell rate algorithm of ITU-T I.371, in its virtual scheduling
// form). Nothing has to be refilled.

import Time

/// How many tokens a second, and how many at once.
struct Allowance: Sendable, Equatable {
    /// Nanoseconds that one token takes to come back.
    let interval: Int64
    /// Nanoseconds that an empty bucket takes to fill. Invariant: at least `interval`.
    let capacity: Int64

    /// `perSecond` from 1 to a thousand million; `burst` is the time, in nanoseconds, whose tokens a full bucket holds.
    init(perSecond: Int, burst: Int64) {
        interval = 1_000_000_000 / Int64(perSecond)
        capacity = max(burst, interval)
    }
}

/// One bucket; a new one is full.
struct TokenBucket: Sendable, Equatable {
    /// When the bucket is full again.
    private(set) var full = MonotonicTime.distantPast

    /// Whether it is as good as new.
    func isFull(at now: MonotonicTime) -> Bool { full <= now }

    /// Takes a token; when there is none, takes nothing and returns in how many nanoseconds there will be one.
    mutating func take(_ allowance: Allowance, at now: MonotonicTime) -> Int64? {
        let next = max(full, now).adding(nanoseconds: allowance.interval)
        let wait = next.nanoseconds(since: now) - allowance.capacity
        guard wait <= 0 else { return wait }
        full = next
        return nil
    }

    /// Takes tokens whether or not there are enough: later requests wait for them.
    mutating func overdraw(_ count: Int, _ allowance: Allowance, at now: MonotonicTime) {
        full = max(full, now).adding(nanoseconds: Int64(count) * allowance.interval)
    }
}

/// The buckets of many keys, of which a limited number is kept. What is forgotten is full again, so the ones nearest to
/// it go first.
struct BucketTable<Key: Hashable & Sendable>: Sendable {
    private let maximum: Int
    var allowance: Allowance
    /// Invariant: at most `maximum`.
    private var buckets: [Key: TokenBucket] = [:]

    /// `maximum` is at least 2.
    init(_ allowance: Allowance, maximum: Int) {
        self.allowance = allowance
        self.maximum = maximum
    }

    var count: Int { buckets.count }

    /// Takes a token of this key; when there is none, returns in how many nanoseconds there will be one.
    ///
    /// - Parameter own: the key's allowance, where it has one of its own.
    mutating func take(_ key: Key, of own: Allowance? = nil, at now: MonotonicTime) -> Int64? {
        let allowance = own ?? allowance
        if let index = buckets.index(forKey: key) { return buckets.values[index].take(allowance, at: now) }
        if buckets.count >= maximum { forgetHalf() }
        return buckets[key, default: TokenBucket()].take(allowance, at: now)
    }

    /// Takes tokens of this key whether or not there are enough.
    mutating func overdraw(_ key: Key, _ count: Int, of own: Allowance? = nil, at now: MonotonicTime) {
        // A key that overdraws has just taken a token, so its bucket is seldom dropped, and then it is full.
        buckets[key]?.overdraw(count, own ?? allowance, at: now)
    }

    /// Half at a time, so that sorting is paid for by many insertions.
    private mutating func forgetHalf() {
        let kept = buckets.sorted { $0.value.full > $1.value.full }.prefix(maximum / 2)
        buckets = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }
}
