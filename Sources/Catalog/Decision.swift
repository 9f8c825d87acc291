// What a client's wish has come to. Each of them can be refused for one reason only: a registration because its
// namespace is full, anything else because there is no such instance. What another member publishes comes in as states,
// not as commands (`CatalogMerge.swift`).

package import Time

/// The moment at which something is carried out, on all clocks. They are read once a request or call, so that all that
/// is decided about it is decided at one time.
package struct Moment: Sendable {
    package let monotonic: MonotonicTime
    package let lease: LeaseTime
    /// Nanoseconds since 1970.
    package let wall: Int64
    /// Milliseconds that lease time has lost to pauses until now. Lease time stands still in a pause so that nothing
    /// expires for it; the age of a lease that is published must not, or other members would take dead instances for
    /// alive. It is measured by `lease` and this together.
    package let lost: Int64

    package init(monotonic: MonotonicTime, lease: LeaseTime, wall: Int64, lost: Int64 = 0) {
        self.monotonic = monotonic
        self.lease = lease
        self.wall = wall
        self.lost = lost
    }

    /// Since 1970.
    var microseconds: Int64 { wall / 1_000 }
}

/// What became of a client's wish.
package struct Decision: Sendable, Equatable {
    /// Whether it was carried out; else nothing has changed.
    package let isDone: Bool
    /// How many leases had run out and were swept away by the way, whether it was done or not.
    package let expired: Int

    init(isDone: Bool, expired: Int = 0) {
        self.isDone = isDone
        self.expired = expired
    }
}
