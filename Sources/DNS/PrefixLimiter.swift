// How many long answers by UDP the clients of one network may get. The source of a datagram can be forged, so a server
// that answers a few bytes with thousands could be turned against somebody. Whoever really asks repeats by TCP, where
// the source is proven.

package import Text
package import Time

/// The allowance of each network. A value.
package struct PrefixLimiter: Sendable {
    /// Networks that are remembered at once.
    private static let mostNetworks = 4_096
    /// The bits of an address that are its network.
    private static let (four, six) = (24, 56)
    /// What is saved up at most, in nanoseconds: the answers of one second.
    private static let burst: Int64 = 1_000_000_000

    /// Nanoseconds of one answer; nil is no limit.
    private let interval: Int64?
    /// When each network has its whole allowance again.
    private var full: [UInt128: MonotonicTime] = [:]

    /// - Parameter perSecond: from 1 on; nil is no limit.
    package init(perSecond: Int?) { interval = perSecond.map { Self.burst / Int64($0) } }

    var count: Int { full.count }

    /// Takes one answer of a client's network; returns whether there is one left. Loopback has no limit: nobody else
    /// can pretend to be there.
    package mutating func take(_ client: IPAddress, at now: MonotonicTime) -> Bool {
        guard let interval, !client.isLoopback else { return true }
        let bits = client.mappedBits
        let network = bits >> UInt128(client.isSix ? 128 - Self.six : 32 - Self.four)
        if full[network] == nil, full.count >= Self.mostNetworks { forget(at: now) }
        let next = max(full[network] ?? now, now).adding(nanoseconds: interval)
        guard next.nanoseconds(since: now) <= Self.burst else { return false }
        full[network] = next
        return true
    }

    /// Forgets those that have their whole allowance again, and when that is not enough, everybody.
    private mutating func forget(at now: MonotonicTime) {
        full = full.filter { $0.value > now }
        if full.count > Self.mostNetworks / 2 { full.removeAll() }
    }
}
