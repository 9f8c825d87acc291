// Members must agree on which of two changes to an instance is the later one, though their clocks differ and step. A
// hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014) gives stamps that stay near wall time, never
// go back, and are later than all that was seen.

/// A stamp of a hybrid logical clock: the time since 1970 in 65,536ths of a millisecond, of 15 nanoseconds each,
/// counted on from when it must be later than the time says.
///
/// The lowest bit is 1 when an instance is withdrawn, that is deregistered or taken out of service, and 0 when it is
/// registered: of the two at one instant the withdrawal is the later. Members of the release before count on from whole
/// milliseconds, in the same unit: their stamps and ours are compared as they are. Times of legacy peers keep whatever
/// bit they have.
package struct HybridTime: Comparable, Hashable, Sendable {
    package let bits: UInt64

    package init(bits: UInt64) {
        self.bits = bits
    }

    /// Before every stamp that a clock gives.
    package static let zero = HybridTime(bits: 0)

    /// The stamp of something that happened at this time, in nanoseconds since 1970; of what was before, that of 1970.
    package init(nanoseconds: Int64) {
        let (milliseconds, rest) = max(0, nanoseconds).quotientAndRemainder(dividingBy: 1_000_000)
        self.init(bits: UInt64(milliseconds) << 16 | UInt64(rest) << 16 / 1_000_000)
    }

    /// The first stamp of this millisecond.
    package init(milliseconds: Int64) {
        self.init(bits: UInt64(min(max(0, milliseconds), Int64(UInt64.max >> 16))) << 16)
    }

    /// Whether both are of one instant, be it that of a registration or of a withdrawal.
    package func isSimultaneous(with other: HybridTime) -> Bool { bits | 1 == other.bits | 1 }

    /// Microseconds since 1970, about; ahead of the wall clock where another member's was.
    package var microseconds: Int64 { milliseconds * 1_000 + ((Int64(bits & 0xFFFF) * 1_000) >> 16) }

    /// Milliseconds since 1970, about; ahead of the wall clock where another member's was.
    package var milliseconds: Int64 { Int64(bits >> 16) }

    package static func < (left: HybridTime, right: HybridTime) -> Bool { left.bits < right.bits }
}

/// A clock of one guarded place: versions are only compared within an instance, so each shard has a clock of its own.
struct HybridClock: Sendable {
    /// The latest stamp given or seen.
    private(set) var last = HybridTime.zero

    /// A stamp later than all given and seen before. `wall` is nanoseconds since 1970. More versions than the time has
    /// room for bring the clock ahead by as much.
    mutating func stamp(wall: Int64, isWithdrawal: Bool) -> HybridTime {
        let kind: UInt64 = isWithdrawal ? 1 : 0
        let earliest = max(HybridTime(nanoseconds: wall).bits & ~1, last.bits == .max ? .max : last.bits + 1)
        last = HybridTime(bits: earliest == .max || earliest & 1 == kind ? earliest : earliest + 1)
        return last
    }

    /// Forgets what was stamped or seen ahead of this. The caller answers for what bears such stamps.
    mutating func fallBack(to time: HybridTime) { last = min(last, time) }

    /// Learns of another's stamp.
    mutating func observe(_ time: HybridTime) {
        last = max(last, time)
    }
}
