// How long a lease may last is the operator's to say; a client's wish is fitted into it and never refused for it.

/// The bounds of every lease, in milliseconds: 0 < minimum ≤ standard ≤ maximum.
package struct LeasePolicy: Sendable, Equatable {
    /// For a client that names no TTL.
    package let standard: Int64
    package let minimum: Int64
    package let maximum: Int64

    package init(standard: Int64, minimum: Int64, maximum: Int64) {
        self.standard = standard
        self.minimum = minimum
        self.maximum = maximum
    }

    /// The TTL, in milliseconds, of a lease for which a client requested this many seconds; 0 asks for the standard.
    package func ttl(requestedSeconds seconds: UInt32) -> Int64 {
        seconds == 0 ? standard : min(max(Int64(seconds) * 1_000, minimum), maximum)
    }
}
