// Tokens that were accepted, so that a heartbeat costs one look-up instead of a signature and two JSON texts, and
// allocates nothing. Refusals are not kept: an attacker's tokens must not push out the clients'.

import TLS

/// A bounded memory of accepted tokens, each with its principal and the time in which it is valid. Confined to one
/// event loop.
///
/// It holds two generations. A token enters the young one; when that is full it becomes the old one, and what was old
/// is forgotten. A token met again in the old generation moves to the young. So what is used stays, what is not goes,
/// and no step ever scans.
struct TokenCache {
    struct Entry {
        let token: [UInt8]
        let principal: Principal
        let window: ValidityWindow
    }

    /// The tokens held at most, both generations together.
    let maximumCount: Int
    /// The bytes of tokens held at most, both generations together: 10,000 tokens of 8 KB each would be 80 MB for each
    /// loop.
    let maximumBytes: Int

    /// By a hash with a new seed in each process, so that an attacker cannot aim at a slot. Two tokens of equal hash
    /// displace one another. Invariant: at most half of `maximumCount` entries, and `youngBytes` is at most half of
    /// `maximumBytes`; so for `old`.
    private var young: [UInt64: Entry] = [:]
    private var old: [UInt64: Entry] = [:]
    /// The sum of the lengths of the tokens ever put into `young`.
    private var youngBytes = 0

    init(maximumCount: Int = 10_000, maximumBytes: Int = 4 << 20) {
        precondition(
            maximumCount >= 2 && maximumBytes >= 2 * Authorizer.maximumTokenLength, "a generation must hold one token")
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
    }

    /// The tokens held, valid or not.
    var count: Int { young.count + old.count }

    /// The principal of a token that was accepted before and is valid now.
    mutating func principal(of token: ArraySlice<UInt8>, now: Int64) -> Principal? {
        let hash = Self.hash(token)
        if let entry = young[hash], constantTimeEqual(entry.token.span, token.span) {
            if entry.window.contains(now) { return entry.principal }
            young[hash] = nil
            return nil
        }
        guard let entry = old[hash], constantTimeEqual(entry.token.span, token.span) else { return nil }
        old[hash] = nil
        guard entry.window.contains(now) else { return nil }
        insert(entry, hash: hash)
        return entry.principal
    }

    /// Remembers a token that was accepted.
    mutating func insert(_ token: ArraySlice<UInt8>, _ principal: Principal, _ window: ValidityWindow) {
        insert(Entry(token: Array(token), principal: principal, window: window), hash: Self.hash(token))
    }

    private mutating func insert(_ entry: Entry, hash: UInt64) {
        if young.count >= maximumCount / 2 || youngBytes + entry.token.count > maximumBytes / 2 {
            old = young
            young = [:]
            youngBytes = 0
        }
        young[hash] = entry
        youngBytes += entry.token.count
    }

    private static func hash(_ token: ArraySlice<UInt8>) -> UInt64 {
        var hasher = Hasher()
        unsafe token.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }
}
