// When everybody falls silent at once, it is more likely that heartbeats do not arrive than that everybody is dead. How
// many instances of a namespace may expire in a minute is therefore bounded, where an operator wants it so. This is the
// rule alone; `Silence` counts by it.

/// How many leases of a namespace may run out in a minute. Those beyond are held (`HoldCause.silence`).
///
/// A namespace's minute begins when a lease runs out in it outside of a minute, and lasts a minute of lease time; while
/// leases are held, the next one follows. So members that have received the same heartbeats begin it together.
package struct ExpiryBudget: Sendable, Equatable {
    /// Milliseconds of lease time.
    package static let minute: Int64 = 60_000
    /// So many may run out in a minute in any case.
    package static let least = 10
    /// A namespace with fewer instances when the minute begins is not bounded: what happens to a few is no sign.
    package static let smallest = 20

    /// Percent of the namespace's instances at the beginning of the minute, 1 to 100; 0 is no bound.
    package var share = 0
    /// How long a lease is held at most, in milliseconds from its end on.
    package var longest: Int64 = 0
    /// Whether none may run out yet: this member does not know yet which instances there are.
    package var waits = false

    package init(share: Int = 0, longest: Int64 = 0) {
        self.share = share
        self.longest = longest
    }

    /// As many may run out as do.
    package static let off = ExpiryBudget()

    @inline(__always)
    package var isOn: Bool { share > 0 }

    /// How many may run out in a minute that begins with so many instances; `.max` is all.
    package func allowance(of count: Int) -> Int {
        guard isOn else { return .max }
        guard !waits else { return 0 }
        return count < Self.smallest ? .max : max(Self.least, count * share / 100)
    }
}
